"""The boxes of a JP2 file and the marker segments of its main header, a line each."""

from __future__ import annotations

import struct
import textwrap
from collections.abc import Iterator
from uuid import UUID

from ..codestream.coding_segments import Cod
from ..codestream.learned_segment import MAGIC
from ..codestream.main_header import walk_main_header
from ..codestream.markers import Marker, MarkerSegment
from ..codestream.segments import Com, Siz
from ..core.peeking import Peek
from ..errors import J2KError
from ..jp2.boxes import MAX_BOXES, SIGNATURE, Box, is_jp2, walk
from ..neural.format.container import UUID_BOX

__all__ = ["list_file"]

_INDENT = "    "

#: Boxes of boxes may be nested: those deeper than this are not listed.
_MAX_DEPTH = 16

_MAX_TEXT = 80  # characters of a label or a comment

#: Names of the boxes of T.800 Annex I and T.801 Annex M.
_NAMES = {
    b"asoc": "Association",
    b"bpcc": "Bits Per Component",
    b"cdef": "Channel Definition",
    b"cgrp": "Colour Group",
    b"cmap": "Component Mapping",
    b"colr": "Colour Specification",
    b"dtbl": "Data Reference",
    b"flst": "Fragment List",
    b"free": "Free",
    b"ftbl": "Fragment Table",
    b"ftyp": "File Type",
    b"ihdr": "Image Header",
    b"jP  ": "JPEG 2000 Signature",
    b"jp2c": "Contiguous Codestream",
    b"jp2h": "JP2 Header",
    b"jpch": "Codestream Header",
    b"jplh": "Compositing Layer Header",
    b"lbl ": "Label",
    b"nlst": "Number List",
    b"pclr": "Palette",
    b"res ": "Resolution",
    b"resc": "Capture Resolution",
    b"resd": "Display Resolution",
    b"rreq": "Reader Requirements",
    b"uinf": "UUIDInfo",
    b"ulst": "UUID List",
    b"url ": "Data Entry URL",
    b"uuid": "UUID",
    b"xml ": "XML",
}

#: Boxes that hold nothing but boxes.
_SUPERBOXES = {b"asoc", b"cgrp", b"ftbl", b"jp2h", b"jpch", b"jplh", b"res ", b"uinf"}

_UUIDS = {
    UUID("be7acfcb-97a9-42e8-9c71-999491e3afac"): "XMP",
    UUID("b14bf8bd-083d-4b43-a5ae-8cd7d5a6ce03"): "GeoTIFF",
    UUID(bytes=b"JpgTiffExif->JP2"): "EXIF",
    UUID_BOX: "payload of the neural profile",
}

_COLOUR_SPACES = {16: "sRGB", 17: "greyscale", 18: "sYCC"}  # T.800 Table I.10
_CHANNELS = {0: "colour", 1: "opacity", 2: "premultiplied opacity"}  # T.800 Table I.16
_DEPTHS_DIFFER = 255  # T.800 I.5.3.1: the bit depths are in a bpcc box
_CHANNEL_ENTRY = 6  # bytes of an entry of a cdef box


def list_file(peek: Peek, size: int) -> list[str]:
    """Return a line for each box of a file, and for each marker segment of its main headers.

    The line of a box or of a marker segment that is damaged or cut off says so.

    Parameters
    ----------
    peek : callable
        Returns so many bytes of the file from an offset on, fewer at the end of the file.
    size : int
        Bytes of the file, a JP2 file or a codestream.

    Returns
    -------
    list of str
        Boxes within a box, and marker segments within the box of the codestream, are indented by four spaces.
    """
    if is_jp2(peek(0, len(SIGNATURE))):
        return list(_boxes(peek, 0, size, 0))
    return list(_segments(peek, 0, size))


def _boxes(peek: Peek, start: int, end: int, depth: int) -> Iterator[str]:
    """Yield the lines of the boxes that lie one after the other from `start` to `end`."""
    at, listed = start, 0
    for box in walk(peek, end, start):
        at, listed = min(box.end, end), listed + 1
        name = _NAMES.get(box.kind, "Unknown")
        line = f"{name} box ({_printable(box.kind)}) at {box.start}, {box.end - box.start} bytes"
        if box.end > end:
            line += f", cut off at {end}"
        box = box._replace(end=at)
        try:
            line += _meaning(peek, box)
        except (struct.error, IndexError, ValueError):
            line += ": damaged, its contents are too short"
        if box.kind in _SUPERBOXES and depth == _MAX_DEPTH:
            line += ": boxes nested too deep to be listed"
        yield line
        children: Iterator[str] = iter(())
        if box.kind == b"jp2c":
            children = _segments(peek, box.contents, box.end)
        elif box.kind in _SUPERBOXES and depth < _MAX_DEPTH:
            children = _boxes(peek, box.contents, box.end, depth + 1)
        yield from (_INDENT + child for child in children)
    if listed == MAX_BOXES:
        yield f"boxes after the first {MAX_BOXES} are not listed"
    elif at < end:
        yield f"{end - at} bytes at {at} that are not a box"


def _meaning(peek: Peek, box: Box) -> str:
    """Return what a box says in a few words, after a colon; nothing of most boxes.

    Raises
    ------
    struct.error, IndexError, ValueError
        If the contents of the box are too short.
    """

    def content(size: int) -> bytes:
        return peek(box.contents, min(size, box.end - box.contents))

    match box.kind:
        case b"ihdr":
            height, width, components, depth = struct.unpack(">IIHB", content(11))
            bits = "different depths" if depth == _DEPTHS_DIFFER else f"{(depth & 0x7F) + 1} bits"
            return f": {width} x {height}, {components} component(s) of {bits}"
        case b"colr":
            if content(1)[0] != 1:
                return ": ICC profile"
            (space,) = struct.unpack(">I", content(7)[3:])
            return f": {_COLOUR_SPACES.get(space, space)}"
        case b"cdef":
            (count,) = struct.unpack(">H", content(2))
            entries = struct.iter_unpack(">HHH", content(2 + _CHANNEL_ENTRY * count)[2:])
            kinds = [_CHANNELS.get(kind, "unspecified") for _, kind, _ in entries]
            if len(kinds) < count:
                raise IndexError
            return ": " + ", ".join(kinds)
        case b"pclr":
            entries, columns = struct.unpack(">HB", content(3))
            return f": {entries} entries of {columns} columns"
        case b"resc" | b"resd":
            down, down_divisor, across, across_divisor, *exponents = struct.unpack(">HHHHbb", content(10))
            if not down_divisor or not across_divisor:
                return ": damaged, a divisor is 0"
            down = down / down_divisor * 10.0 ** exponents[0]
            across = across / across_divisor * 10.0 ** exponents[1]
            return f": {down:g} x {across:g} pixels per metre"
        case b"uuid":
            uuid = UUID(bytes=content(16))
            return f": {_UUIDS.get(uuid, uuid)}"
        case b"lbl ":
            return f": {_printable(content(4 * _MAX_TEXT), 'utf-8')}"
    return ""


def _segments(peek: Peek, start: int, end: int) -> Iterator[str]:
    """Yield the lines of the main header of the codestream that lies from `start` to `end`."""
    try:
        for segment in walk_main_header(lambda at, count: peek(start + at, count), end - start):
            if segment.start == len(Marker.SOC.code):
                yield f"SOC marker at {start}"
            if segment.marker != Marker.SOT:  # which is of the first tile-part
                yield _segment(peek, segment, start)
    except J2KError as error:
        yield str(error)


def _segment(peek: Peek, segment: MarkerSegment, start: int) -> str:
    name = next((marker.name for marker in Marker if marker == segment.marker), f"0x{segment.marker:04x}")
    length = segment.end - segment.start - len(Marker.SOC.code)
    if not length:
        return f"{name} marker at {start + segment.start}"
    line = f"{name} marker segment at {start + segment.start}, {length} bytes"
    body = peek(start + segment.body.start, segment.body.stop - segment.body.start)
    try:
        match segment.marker:
            case Marker.SIZ:
                siz = Siz.parse(body)
                height, width = siz.tile_size
                line += f": {siz.area.x1} x {siz.area.y1}, tiles of {width} x {height}"
            case Marker.COD:
                cod = Cod.parse(body)
                wavelet = "5-3" if cod.style.reversible else "9-7"
                line += f": {cod.style.levels} levels, {cod.layers} layer(s), {wavelet}"
            case Marker.COM:
                line += f": {_comment(Com.parse(body))}"
    except J2KError as error:
        line += f": {error}"
    return line


def _comment(comment: Com) -> str:
    if not comment.binary:
        return _printable(comment.data)
    if not comment.data.startswith(MAGIC):
        return "binary"
    kind = comment.data[len(MAGIC) + 1 : len(MAGIC) + 2]
    return "learned transform" if kind == b"\x00" else "model, in part"


def _printable(text: bytes, encoding: str = "latin-1") -> str:
    """Return text of a file as one short line, with a question mark for each character that cannot be printed.

    A terminal would obey control characters that a file has brought.
    """
    words = " ".join(text.decode(encoding, "replace").split())
    shown = "".join(c if c.isprintable() and c != "\ufffd" else "?" for c in words)
    return textwrap.shorten(shown, _MAX_TEXT)
