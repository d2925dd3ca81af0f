"""JP2 files with any boxes in their header, made without the package's own writer of boxes."""

from __future__ import annotations

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
