"""Inspect a file without reading all of it: list its boxes (T.800 I.4), detect learned files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from ..codestream.learned_segment import MAGIC
from ..codestream.main_header import walk_main_header
from ..codestream.markers import Marker
from ..core.peeking import peek_stream
from ..errors import J2KError
from .boxes import SIGNATURE, Box, is_jp2, walk

__all__ = ["is_learned", "top_boxes"]


def top_boxes(stream: IO[bytes]) -> Iterator[Box]:
    """Yield the boxes of a JP2 file, each clipped to the file; a bare codestream has none.

    The iteration stops before a box with an invalid length.

    Parameters
    ----------
    stream : file object
        A seekable binary file object.
    """
    peek, size = peek_stream(stream)
    if is_jp2(peek(0, len(SIGNATURE))):
        for box in walk(peek, size):
            yield box._replace(end=min(box.end, size))


def is_learned(stream: IO[bytes]) -> bool:
    """Return whether a file is JPEG 2000 with a learned-transform segment; only its main header is read.

    Parameters
    ----------
    stream : file object
        A seekable binary file object.
    """
    box = next((box for box in top_boxes(stream) if box.kind == b"jp2c"), None)
    peek, size = peek_stream(stream)
    start, end = (box.contents, box.end) if box else (0, size)
    try:
        return any(
            segment.marker == Marker.COM
            and peek(start + segment.start + 4, 2 + len(MAGIC)) == b"\x00\x00" + MAGIC
            for segment in walk_main_header(lambda at, count: peek(start + at, count), end - start)
        )
    except J2KError:
        return False
