"""Boxes that glymur parses: whether its parser ends, and boxes that are copied byte for byte.

glymur writes a box from its parsed contents, which changes the form of XML, and it cannot write some boxes at all. So
each box keeps the bytes that it was parsed from, and these are written unless the box has been changed.
"""

from __future__ import annotations

import copy
import io
import struct
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from glymur.jp2box import Jp2kBox

from ...jp2.boxes import MAX_BOXES, SIGNATURE, box_at, is_jp2
from .errors import InvalidFileError

__all__ = ["check_boxes", "remember", "with_new_definition", "write_box"]

_SOURCE = "_j2klearn_source"

#: Boxes that hold nothing but boxes.
_SUPERBOXES = ("jp2h", "res ", "asoc", "uinf", "jpch", "jplh", "ftbl", "cgrp")

#: Superboxes may contain each other so often.
_MAX_DEPTH = 64

#: Boxes of data rather than metadata.
_DATA = ("jp2c", "mdat")


class _Named(io.BytesIO):
    name = ""  # read by glymur's parser


def check_boxes(path: Path) -> None:
    """Check that glymur's parser ends for a JP2 file.

    It repeats a box with a length of 0 in XLBox for ever. Where a superbox ends before the last of its boxes, it parses
    the bytes behind it twice, and so again in the boxes that they hold.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    InvalidFileError
        If the length of a box is 0, boxes are nested more than 64 deep, or there are more than `MAX_BOXES` to parse.
    """
    left = MAX_BOXES

    def peek(at: int, count: int) -> bytes:
        stream.seek(at)
        return stream.read(count)

    def check(start: int, end: int, depth: int) -> None:
        nonlocal left
        while start < end and (box := box_at(peek, size, start)):
            left -= 1
            if box.end == start:
                raise InvalidFileError(f"{path} is damaged: the box at byte {start} has a length of 0")
            if left < 0:
                raise InvalidFileError(f"{path} is damaged: it has more than {MAX_BOXES} boxes to parse")
            if box.kind.decode("latin-1") in _SUPERBOXES:
                if depth == _MAX_DEPTH:
                    raise InvalidFileError(f"{path} is damaged: boxes are nested more than {_MAX_DEPTH} deep")
                check(box.contents, box.end, depth + 1)
            start = box.end

    with path.open("rb") as stream:
        size = stream.seek(0, io.SEEK_END)
        if is_jp2(peek(0, len(SIGNATURE))):
            check(0, size, 1)


def remember(boxes: Iterable[Any], path: Path) -> None:
    """Attach to each box of a file, except codestreams, the bytes that it was parsed from.

    Parameters
    ----------
    boxes : iterable of glymur.jp2box.Jp2kBox
        The boxes that glymur parsed.
    path : Path
        The file.
    """
    with path.open("rb") as stream:
        for box in boxes:
            if box.box_id not in _DATA and box.length >= 8:
                stream.seek(box.offset)
                _keep(box, stream.read(box.length), box.offset)


def _keep(box: Any, source: bytes, start: int) -> None:
    if len(source) != box.length:
        return  # truncated: the box claims more bytes than the file has
    if source[:4] == bytes(4):  # the length "to the end of the file" may not hold in another file
        source = struct.pack(">I", len(source)) + source[4:]
    setattr(box, _SOURCE, source)
    for child in getattr(box, "box", []):
        if getattr(child, "length", 0) >= 8 and child.offset >= start:
            at = child.offset - start
            _keep(child, source[at : at + child.length], child.offset)


def _parsed(source: bytes) -> Any:
    holder = Jp2kBox(offset=0, length=len(source))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return holder.parse_superbox(_Named(source))[0]


def _content(box: Any) -> object:
    """Return a value that is equal for equal boxes."""
    out = io.BytesIO()
    try:
        box.write(out)
    except Exception:  # glymur cannot write it, or finds it invalid
        hidden = ("offset", "length", "_filename", _SOURCE)
        return repr(sorted((name, value) for name, value in vars(box).items() if name not in hidden))
    return out.getvalue()


def _came_from_file(box: Any) -> bool:
    return hasattr(box, _SOURCE) or any(_came_from_file(child) for child in getattr(box, "box", []))


def with_new_definition(box: Any) -> Any:
    """Return a JP2 header box in which a new channel definition replaces that of the file.

    `Jp2k` writes a channel definition if not all components are colours; glymur writes none, so scripts for glymur
    append their own.
    """
    definitions = [child for child in box.box if child.box_id == "cdef"]
    old = [child for child in definitions if hasattr(child, _SOURCE)]
    if not old or len(old) == len(definitions):
        return box
    result = copy.copy(box)
    result.box = [child for child in box.box if child not in old]
    return result


def write_box(box: Any, out: BinaryIO) -> None:
    """Write a box: the bytes that it was parsed from if it has not been changed, else as glymur writes it.

    Raises
    ------
    NotImplementedError
        If glymur cannot write boxes of this type.
    """
    source = getattr(box, _SOURCE, None)
    if source is not None and _content(_parsed(source)) == _content(box):
        out.write(source)
    elif box.box_id in _SUPERBOXES and any(_came_from_file(child) for child in box.box):
        getattr(box, "_write_validate", lambda: None)()
        content = io.BytesIO()
        for child in box.box:
            write_box(child, content)
        out.write(struct.pack(">I4s", content.tell() + 8, box.box_id.encode("latin-1")))
        out.write(content.getvalue())
    else:
        box.write(out)
