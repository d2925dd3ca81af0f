"""The file around a payload: a JP2 file whose codestream is a small preview, followed by a UUID box (T.800 I.7.2).

Readers that do not support the profile skip the box and show the preview. The size of its only tile marks a codestream
as a preview, so that a file that has lost its payload is not taken for a small picture. This convention costs no bytes,
and other readers ignore it: the tile is larger than the picture.
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

#: The UUID of the box that holds the payload.
UUID_BOX = UUID("e727e299-9220-4897-bd9d-19ef86d9c5ec")

#: Most samples of the longer side of a preview.
PREVIEW_SIDE = 64

#: Height and width of the tile of a preview. It is larger than the picture, and no usual encoder writes this size.
_TILE = (153, 97)

_XTSIZ = 24  # offset of XTsiz within a codestream that starts with SOC and SIZ (T.800 A.5.1)


@dataclass(frozen=True)
class Preview:
    """A preview: its codestream, and the size and number of components for the JP2 header box."""

    codestream: bytes
    height: int
    width: int
    components: int


def marked(codestream: bytes) -> bytes:
    """Return a codestream of one tile with the tile size in SIZ (T.800 A.5.1) set to that of a preview."""
    out = bytearray(codestream)
    struct.pack_into(">II", out, _XTSIZ, _TILE[1], _TILE[0])
    return bytes(out)


def wrapped(preview: Preview, payload: bytes) -> bytes:
    """Return the JP2 file of a preview and a payload."""
    before = boxes.wrap(preview.codestream, preview.height, preview.width, preview.components, 8)
    return before + boxes.uuid_box(UUID_BOX.bytes, payload)


def _find_payload(peek: Callable[[int, int], bytes], size: int) -> tuple[int, int] | None:
    """Return the start and the declared end of the payload in a JP2 file; None if there is no payload."""
    for box in boxes.walk(peek, size):
        if box.kind == b"uuid" and peek(box.contents, 16) == UUID_BOX.bytes:
            return box.contents + 16, max(box.contents + 16, box.end)
    return None


def open_payload(codestream: PartialCodestream) -> tuple[Header, Segments, int] | None:
    """Read the header of the payload of a file.

    Parameters
    ----------
    codestream : PartialCodestream
        The codestream and the source of the file.

    Returns
    -------
    (Header, Segments, int) or None
        The header, the segments, and the number of bytes of the payload that are in the file. None if the codestream
        is not a preview, but a picture of another profile.

    Raises
    ------
    CodestreamError
        If the codestream is marked as a preview and there is no payload, or the payload is damaged or cut off before
        its coarse segments end.
    UnsupportedError
        If the payload is of a later version.
    """
    if not codestream.jp2 or not _may_be_preview(codestream.header):
        return None
    source = codestream.source
    found = _find_payload(codestream.peek, source.size)
    if found is None:
        if codestream.header.tile_size != _TILE:
            return None
        raise CodestreamError(
            "the file is cut off or has lost its payload: only the preview of a picture is left"
        )
    start, end = found
    size = min(end, source.size) - start

    def read(first: int, last: int) -> bytes:
        return codestream.peek(start + first, last - first)

    return *read_payload(read, size, end - start), size


def is_neural(stream: IO[bytes]) -> bool:
    """Return whether a file seems to be of the neural profile, even if its payload is missing."""
    for box in top_boxes(stream):
        stream.seek(box.contents)
        head = stream.read(_XTSIZ + 8)
        if box.kind == b"uuid" and head.startswith(UUID_BOX.bytes):
            return True
        if box.kind == b"jp2c" and head[_XTSIZ:] == struct.pack(">II", _TILE[1], _TILE[0]):
            return True
    return False


def _may_be_preview(header: MainHeader) -> bool:
    """Return whether a codestream is marked as a preview, or is small enough to be one whose mark is damaged."""
    return header.tile_size == _TILE or max(header.area.shape) <= PREVIEW_SIDE
