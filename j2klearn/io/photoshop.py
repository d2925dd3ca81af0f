"""Photoshop's image resources, blocks that TIFF, JPEG and JP2 files hold: an ICC profile or IPTC among them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

__all__ = [
    "ICC_PROFILE",
    "IPTC",
    "Resource",
    "find_resource",
    "resource",
    "walk_resources",
    "without_resource",
]

#: Numbers of the resources that hold an ICC profile and IPTC-IIM.
ICC_PROFILE, IPTC = 0x040F, 0x0404

_SIGNATURE = b"8BIM"


class Resource(NamedTuple):
    """A resource: its number, its contents, and the bytes of the whole block."""

    number: int
    content: bytes
    block: bytes


def walk_resources(data: bytes) -> Iterator[Resource]:
    """Yield the resources; the walk ends at the first damaged one."""
    at = 0
    while data[at : at + 4] == _SIGNATURE and at + 7 <= len(data):
        (number,) = struct.unpack_from(">H", data, at + 4)
        start = (
            at + 6 + (data[at + 6] // 2 + 1) * 2
        )  # the name: its length, and padded to an even number of bytes
        if start + 4 > len(data):
            return
        (size,) = struct.unpack_from(">I", data, start)
        start += 4
        if start + size > len(data):
            return
        end = min(start + size + size % 2, len(data))
        yield Resource(number, data[start : start + size], data[at:end])
        at = end


def find_resource(data: bytes, number: int) -> bytes | None:
    """Return the contents of the first resource with a number; None if there is none or it is empty."""
    return next((one.content for one in walk_resources(data) if one.number == number), None) or None


def without_resource(data: bytes, number: int) -> bytes:
    """Return the resources but those with a number."""
    return b"".join(one.block for one in walk_resources(data) if one.number != number)


def resource(number: int, content: bytes) -> bytes:
    """Return a resource without a name."""
    head = _SIGNATURE + struct.pack(">H2xI", number, len(content))
    return head + content + b"\0" * (len(content) % 2)
