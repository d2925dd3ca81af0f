"""JP2 files with any boxes in their header, made without the package's own writer of boxes."""

from __future__ import annotations

import itertools
import struct
from typing import Any

from numpy.typing import NDArray

import j2klearn


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content


def enumerated(space: int, parameters: bytes = b"") -> bytes:
    """Return a colour specification box with an enumerated colour space."""
    return box(b"colr", struct.pack(">BBBI", 1, 0, 0, space) + parameters)


def icc_colour(profile: bytes, method: int = 2) -> bytes:
    return box(b"colr", struct.pack(">BBB", method, 0, 0) + profile)


def definitions(*channels: tuple[int, int, int]) -> bytes:
    """Return a channel definition box."""
    return box(
        b"cdef", struct.pack(">H", len(channels)) + b"".join(struct.pack(">HHH", *c) for c in channels)
    )


def palette(entries: NDArray[Any], depth: int = 8) -> bytes:
    count, columns = entries.shape
    head = struct.pack(">HB", count, columns) + bytes([depth - 1] * columns)
    table = entries.astype(">u2" if depth > 8 else "u1").tobytes()
    return box(b"pclr", head + table) + box(
        b"cmap", b"".join(struct.pack(">HBB", 0, 1, i) for i in range(columns))
    )


def jp2_file(samples: NDArray[Any], depth: int, *header: bytes) -> bytes:
    """Return a lossless JP2 file with these boxes after the image header box."""
    stream = j2klearn.encode(
        samples, bit_depth=depth, lossless=True, model=None, component_transform=False, jp2=False
    )
    height, width = samples.shape[:2]
    components = 1 if samples.ndim == 2 else samples.shape[2]
    bits = depth - 1 | (0x80 if samples.dtype.kind == "i" else 0)
    ihdr = box(b"ihdr", struct.pack(">IIHBBBB", height, width, components, bits, 7, 0, 0))
    start = bytes.fromhex("0000000c6a5020200d0a870a") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    return start + box(b"jp2h", ihdr + b"".join(header)) + box(b"jp2c", stream)


def icc_profile(space: bytes, connection: bytes, kind: bytes, tags: list[bytes]) -> bytes:
    """Return an ICC profile of a class with these tags, whose contents are zeros."""
    table = struct.pack(">I", len(tags))
    at = 132 + 12 * len(tags)
    for i, tag in enumerate(tags):
        table += struct.pack(">4sII", tag, at + 20 * i, 20)
    head = bytearray(128)
    size = at + 20 * len(tags)
    struct.pack_into(">I", head, 0, size)
    head[8:24] = b"\x02\x40\0\0" + kind + space + connection
    head[36:40] = b"acsp"
    return bytes(head) + table + bytes(20 * len(tags))


def cmyk_profile() -> bytes:
    """Return an ICC profile of an imaginary press: a table of CIELab for all combinations of the four inks."""
    curve = struct.pack(">HH", 0, 65535)
    table = b""
    for c, m, y, k in itertools.product((0, 1), repeat=4):
        lightness = 100 * (1 - 0.45 * c) * (1 - 0.5 * m) * (1 - 0.1 * y) * (1 - 0.9 * k)
        a, b = (60 * m - 36 * c) * (1 - k), (85 * y - 45 * c - 5 * m) * (1 - k)
        table += struct.pack(
            ">3H", round(lightness / 100 * 65280), round((a + 128) * 256), round((b + 128) * 256)
        )
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut = b"mft2\0\0\0\0\4\3\2\0" + identity + struct.pack(">HH", 2, 2) + 4 * curve + table + 3 * curve
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 6) + b"press\0" + bytes(78),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": white,
        b"A2B0": lut,
    }
    at, data = 132 + 12 * len(tags), b""
    entries = struct.pack(">I", len(tags))
    for tag, content in tags.items():
        entries += struct.pack(">4sII", tag, at + len(data), len(content))
        data += content + b"\0" * (-len(content) % 4)
    head = bytearray(128)
    struct.pack_into(">I", head, 0, at + len(data))
    head[8:24] = b"\x02\x40\0\0prtrCMYKLab "
    head[36:40] = b"acsp"
    head[68:80] = white[8:]
    return bytes(head) + entries + data
