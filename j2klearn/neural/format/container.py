"""The file around a payload: a JP2 file whose codestream is a small preview, and a UUID box (T.800 I.7.2) behind it.

Readers that know nothing of the profile skip the box and show the preview. What makes the preview one, so that a file
which has lost its payload is not taken for a small picture, is the size of its only tile: a convention that costs no
bytes and no reader minds.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO
from uuid import UUID

from ...access.partial_codestream import PartialCodestream
from ...codestream.main_header import MainHeader
from ...errors import CodestreamError
from ...jp2 import boxes
from ...jp2.peek import top_boxes
from .payload import Header, Segments, read_payload

__all__ = ["PREVIEW_SIDE", "UUID_BOX", "Preview", "is_neural", "marked", "open_payload", "wrapped"]

#: The box of the payload.
UUID_BOX = UUID("e727e299-9220-4897-bd9d-19ef86d9c5ec")

#: The longer side of a preview at most.
PREVIEW_SIDE = 64

#: Height and width of the tile of a preview: one that is larger than the picture, and like nobody else's.
_TILE = (153, 97)

_XTSIZ = 24  # offset of XTsiz within a codestream that starts with SOC and SIZ (T.800 A.5.1)


@dataclass(frozen=True)
class Preview:
    """A preview: its codestream, and what JP2 boxes have to say of it."""

    codestream: bytes
    height: int
    width: int
    components: int


def marked(codestream: bytes) -> bytes:
    """Return a codestream of one tile with that tile's size set to what marks a preview."""
    out = bytearray(codestream)
    struct.pack_into(">II", out, _XTSIZ, _TILE[1], _TILE[0])
    return bytes(out)


def wrapped(preview: Preview, payload: bytes) -> bytes:
    """Return the file of a preview and a payload."""
    before = boxes.wrap(preview.codestream, preview.height, preview.width, preview.components, 8)
    return before + boxes.uuid_box(UUID_BOX.bytes, payload)


def _find_payload(peek: Callable[[int, int], bytes], size: int) -> tuple[int, int] | None:
    """Return where the payload in a JP2 file starts, and where it says that it ends; None where there is none."""
    for kind, _, start, end in boxes.walk(peek, size):
        if kind == b"uuid" and peek(start, 16) == UUID_BOX.bytes:
            return start + 16, max(start + 16, end)
    return None


def open_payload(codestream: PartialCodestream) -> tuple[Header, Segments, int] | None:
    """Return header and segments of the payload of a file, and how many bytes of the payload are there.

    None where the file is no preview, but a picture of its own.

    Raises
    ------
    CodestreamError
        If there should be a payload, and there is none; or if it is damaged, or cut off too early.
    """
    if not codestream.jp2 or not _may_be_preview(codestream.header):
        return None
    source = codestream.source
    found = _find_payload(codestream.peek, source.size)
    if found is None:
        if codestream.header.tile_size != _TILE:
            return None
        raise CodestreamError(
            "the file is cut off, or has lost its payload: what is left is the preview of a picture"
        )
    start, end = found
    size = min(end, source.size) - start

    def read(first: int, last: int) -> bytes:
        return codestream.peek(start + first, last - first)

    return *read_payload(read, size, end - start), size


def is_neural(stream: IO[bytes]) -> bool:
    """Tell whether a file looks like one of the profile, its payload lost or not."""
    for box in top_boxes(stream):
        stream.seek(box.offset)
        head = stream.read(_XTSIZ + 8)
        if box.kind == b"uuid" and head.startswith(UUID_BOX.bytes):
            return True
        if box.kind == b"jp2c" and head[_XTSIZ:] == struct.pack(">II", _TILE[1], _TILE[0]):
            return True
    return False


def _may_be_preview(header: MainHeader) -> bool:
    """Tell whether a codestream is marked as a preview, or small enough to be one whose mark is damaged."""
    return header.tile_size == _TILE or max(header.area.shape) <= PREVIEW_SIDE
