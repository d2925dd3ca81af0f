"""Looking into a file without reading all of it: its boxes (T.800 I.4), and whether it is one of ours."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import IO, NamedTuple

from ..codestream.learned_segment import MAGIC

__all__ = ["Box", "is_learned", "top_boxes"]

_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_SOC_SIZ = b"\xff\x4f\xff\x51"
_COM, _SOT, _SOD, _EOC = 0xFF64, 0xFF90, 0xFF93, 0xFFD9
_MAX_BOXES = _MAX_SEGMENTS = 10_000


class Box(NamedTuple):
    """Where a box lies: its kind, the offset of its contents, and their size."""

    kind: bytes
    offset: int
    size: int


def top_boxes(stream: IO[bytes]) -> Iterator[Box]:
    """Yield the boxes of a JP2 file; none of a bare codestream, and none after one whose length makes no sense."""
    end = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if stream.read(len(_SIGNATURE)) != _SIGNATURE:
        return
    at = 0
    for _ in range(_MAX_BOXES):
        stream.seek(at)
        head = stream.read(16)
        if len(head) < 8:
            return
        length, kind = struct.unpack_from(">I4s", head)
        header = 8
        if length == 1 and len(head) == 16:
            (length,) = struct.unpack_from(">Q", head, 8)
            header = 16
        elif length == 0:
            length = end - at
        if length < header:
            return
        yield Box(kind, at + header, min(length, end - at) - header)
        at += length


def is_learned(stream: IO[bytes]) -> bool:
    """Tell whether a file is JPEG 2000 with a learned-transform segment; of its codestream the main header is read."""
    start = next((box.offset for box in top_boxes(stream) if box.kind == b"jp2c"), 0)
    stream.seek(start)
    if stream.read(4) != _SOC_SIZ:
        return False
    at = start + 2
    for _ in range(_MAX_SEGMENTS):
        stream.seek(at)
        head = stream.read(6 + len(MAGIC))
        if len(head) < 4:
            return False
        marker, length = struct.unpack_from(">HH", head)
        if marker in (_SOT, _SOD, _EOC) or marker < 0xFF00 or length < 2:
            return False
        if marker == _COM and head[4:] == b"\x00\x00" + MAGIC:
            return True
        at += 2 + length
    return False
