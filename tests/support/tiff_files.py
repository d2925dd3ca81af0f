"""TIFF files written tag by tag (TIFF 6.0, BigTIFF), of kinds that libraries do not write."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["packed", "tiff_bytes"]

_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _LONG8 = 1, 2, 3, 4, 5, 16
_CODES = {_BYTE: "B", _SHORT: "H", _LONG: "I", _LONG8: "Q"}

Tags = Mapping[int, tuple[int, Any]]


def packed(samples: NDArray[Any], bits: int, order: str = "<") -> bytes:
    """Return rows of samples of `bits` bits, highest bit first, each row padded to a byte; 16 bits are words."""
    rows = samples.reshape(samples.shape[0], -1)
    if bits == 16:
        return rows.astype(f"{order}u2").tobytes()
    digits = rows.astype(np.int64)[:, :, None] >> np.arange(bits - 1, -1, -1) & 1
    return np.packbits(digits.astype(np.uint8).reshape(len(rows), -1), axis=1).tobytes()


def tiff_bytes(
    shape: tuple[int, ...],
    bits: int | Sequence[int],
    photometric: int | None,
    strips: Sequence[bytes],
    *,
    order: str = "<",
    big: bool = False,
    planar: bool = False,
    tags: Tags | None = None,
) -> bytes:
    """Return a TIFF file of one page.

    Parameters
    ----------
    shape : (int, int) or (int, int, int)
        (H, W) or (H, W, C).
    bits : int or sequence of int
        BitsPerSample.
    photometric : int or None
        PhotometricInterpretation; None leaves the tag out.
    strips : sequence of bytes
        The strips: one, or one for each component if `planar`.
    order : {"<", ">"}
        Byte order.
    big : bool
        Whether to write a BigTIFF file.
    planar : bool
        PlanarConfiguration 2.
    tags : mapping of int to (int, value), optional
        Further tags: type, and a sequence of numbers, of pairs (RATIONAL), or bytes (ASCII).
    """
    height, width = shape[:2]
    count = shape[2] if len(shape) == 3 else 1
    depths = [bits] * count if isinstance(bits, int) else list(bits)
    every: dict[int, tuple[int, Any]] = {
        256: (_LONG, [width]),
        257: (_LONG, [height]),
        258: (_SHORT, depths),
        259: (_SHORT, [1]),
        277: (_SHORT, [count]),
        278: (_LONG, [height]),
        284: (_SHORT, [2 if planar else 1]),
        **({} if photometric is None else {262: (_SHORT, [photometric])}),
        **(tags or {}),
    }
    mark = b"II" if order == "<" else b"MM"
    out = bytearray(mark + struct.pack(f"{order}HHHQ", 43, 8, 0, 0))
    if not big:
        out = bytearray(mark + struct.pack(f"{order}HI", 42, 0))
    starts = []
    for strip in strips:
        starts.append(len(out))
        out += strip + bytes(len(strip) % 2)
    every[273], every[279] = (_LONG, starts), (_LONG, [len(strip) for strip in strips])
    word, entry = ("Q", "HHQ") if big else ("I", "HHI")
    room = struct.calcsize(word)
    directory = b""
    for code, (kind, values) in sorted(every.items()):
        if kind == _ASCII:
            number, body = len(values), bytes(values)
        elif kind == _RATIONAL:
            number, body = len(values), b"".join(struct.pack(f"{order}II", *pair) for pair in values)
        else:
            number, body = len(values), struct.pack(f"{order}{len(values)}{_CODES[kind]}", *values)
        if len(body) > room:
            place = struct.pack(order + word, len(out))
            out += body + bytes(len(body) % 2)
        else:
            place = body.ljust(room, b"\0")
        directory += struct.pack(order + entry, code, kind, number) + place
    struct.pack_into(order + word, out, 8 if big else 4, len(out))
    return bytes(out) + struct.pack(order + ("Q" if big else "H"), len(every)) + directory + bytes(room)
