"""Files whose tile-parts are numbered, ordered or spaced in odd ways."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator

__all__ = ["changes", "plain_parts"]

_SOT, _EOC = b"\xff\x90\x00\x0a", b"\xff\xd9"

#: Bytes between tile-parts: nothing that means anything, a marker without a segment, and a comment.
_GAPS = [bytes(1), bytes(2), bytes(64), b"\xff" * 8, b"\xff\x30", b"\xff\x64\x00\x06\x00\x01ab"]


def plain_parts(data: bytes) -> tuple[bytes, list[bytearray], bytes]:
    """Return what comes before the tile-parts of a file, the tile-parts, and what comes after them."""
    at = data.index(_SOT)
    head, parts = data[:at], []
    while data[at : at + 2] == _SOT[:2]:
        (length,) = struct.unpack_from(">I", data, at + 6)
        parts.append(bytearray(data[at : at + length]))
        at += length
    return head, parts, data[at:]


def _tile(part: bytearray) -> int:
    return int(struct.unpack_from(">H", part, 4)[0])


def _resized(part: bytearray, by: int) -> bytearray:
    out = bytearray(part)
    struct.pack_into(">I", out, 6, len(part) + by)
    return out


def changes(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield odd variants of a file, each with a name; some of them cannot be read."""
    head, parts, tail = plain_parts(data)

    def join(some: Iterable[bytes], head: bytes = head, tail: bytes = tail) -> bytes:
        codestream = b"".join(some) + tail
        box = head.find(b"jp2c") - 4
        if box >= 0:
            length = len(head) - box + len(codestream)
            head = head[:box] + struct.pack(">I", length) + head[box + 4 :]
        return head + codestream

    def numbered(at: int, value: Callable[[int], int]) -> bytes:
        out = [bytearray(part) for part in parts]
        for part in out:
            part[at] = value(part[at]) & 0xFF
        return join(out)

    yield "unchanged", join(parts)
    for name, value in {"0": lambda v: 0, "1": lambda v: 1, "255": lambda v: 255}.items():
        yield f"TNsot {name}", numbered(11, value)
    for more in (-2, -1, 1):
        yield f"TNsot {more:+}", numbered(11, lambda v, more=more: v + more)
    yield "TPsot 0", numbered(10, lambda v: 0)
    yield "TPsot +1", numbered(10, lambda v: v + 1)

    yield "tiles from the last to the first", join(sorted(parts, key=lambda part: -_tile(part)))
    yield "tile by tile", join(sorted(parts, key=_tile))
    yield "part by part", join(sorted(parts, key=lambda part: part[10]))
    yield "part by part, backwards", join(sorted(parts, key=lambda part: (part[10], -_tile(part))))
    yield "parts from the last to the first", join(sorted(parts, key=lambda part: (_tile(part), -part[10])))
    yield "the first twice", join([parts[0], *parts])
    yield "without the last", join(parts[:-1])
    yield "without the third", join([*parts[:2], *parts[3:]])
    yield "without a tile", join(part for part in parts if _tile(part) != 1)
    empty = struct.pack(">HHHIBBH", 0xFF90, 10, _tile(parts[-1]), 14, parts[-1][10] + 1, 0, 0xFF93)
    yield "an empty one more", join([*parts, empty])
    yield (
        "one of a tile that does not exist",
        join([*parts, struct.pack(">HHHIBBH", 0xFF90, 10, 60000, 14, 0, 1, 0xFF93)]),
    )

    for gap in _GAPS:
        for name, places in {
            "all": range(len(parts)),
            "the last": [len(parts) - 1],
            "the first": [0],
        }.items():
            spaced = [part + gap * (at in places) for at, part in enumerate(parts)]
            yield f"{len(gap)} bytes {gap[:2].hex()} after {name}", join(spaced)
            yield f"{len(gap)} bytes {gap[:2].hex()} in {name}", join(_resized(part, 0) for part in spaced)
    for by in (-3, -1, 1, 2, 5, 1000):
        yield f"last Psot {by:+}", join([*parts[:-1], _resized(parts[-1], by)])
        yield f"first Psot {by:+}", join([_resized(parts[0], by), *parts[1:]])
    open_end = _resized(parts[-1], -len(parts[-1]))
    yield "Psot 0", join([*parts[:-1], open_end])
    yield "Psot 0 without EOC", join([*parts[:-1], open_end], tail=b"")
    yield "without EOC", join(parts, tail=tail[len(_EOC) :])
    yield "bytes after EOC", join(parts, tail=tail + bytes(40))
    yield from _boxes(head, parts, tail)
    yield from _tlm(head, parts, tail)


def _boxes(head: bytes, parts: list[bytearray], tail: bytes) -> Iterator[tuple[str, bytes]]:
    at = head.find(b"jp2c") - 4
    if at < 0:
        return
    box = struct.pack(">I4s", 16, b"free") + b"12345678"
    for length in (0, len(head) - at + 50, 1 << 30):
        new = head[:at] + struct.pack(">I", length) + head[at + 4 :]
        yield f"box of {length} bytes", new + b"".join(parts) + tail
        yield f"box of {length} bytes and another", new + b"".join(parts) + tail + box


def _tlm(head: bytes, parts: list[bytearray], tail: bytes) -> Iterator[tuple[str, bytes]]:
    at = head.find(b"\xff\x55")
    if at < 0:
        return
    (length,) = struct.unpack_from(">H", head, at + 2)
    for fewer in (1, 3):
        short = length - 6 * fewer
        new = (
            head[: at + 2]
            + struct.pack(">H", short)
            + head[at + 4 : at + 2 + short]
            + head[at + 2 + length :]
        )
        yield f"TLM lacks {fewer}", new + b"".join(parts) + tail
    zero = head[: at + 4] + bytes(length - 2) + head[at + 2 + length :]
    yield "TLM of zeros", zero + b"".join(parts) + tail
