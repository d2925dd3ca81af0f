"""The boxes of a JP2 file (T.800 Annex I): find, read, write and replace them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..codestream.markers import CODESTREAM_START
from ..core.limits import MAX_COMPONENTS_ORDINARY
from ..core.peeking import Peek, peek_bytes
from ..core.picture import Picture
from ..errors import CodestreamError

__all__ = [
    "MAX_BOXES",
    "SIGNATURE",
    "Box",
    "add_to_header",
    "box",
    "box_at",
    "channel_definition",
    "children",
    "codestream_header",
    "find_codestream",
    "is_jp2",
    "locate",
    "replace_codestream",
    "resized",
    "uuid_box",
    "walk",
    "wrap",
    "wrapped",
]

#: Limit of the boxes that are read from a file or from a superbox.
MAX_BOXES = 10_000

#: A JP2 file starts with this box (T.800 I.5.1).
SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"

_FILE_TYPE = b"jp2 \x00\x00\x00\x00jp2 "  # brand, version and the one compatible brand (T.800 I.5.2)

_COMPRESSION = 7  # C of the image header box: a codestream of T.800 (I.5.3.1)
_SIGNED = 0x80  # bit of BPC in the image header box: the samples are signed
_ENUMERATED, _SRGB, _GREYSCALE = 1, 16, 17  # T.800 Tables I.9 and I.10

# T.800 Tables I.16 and I.17
_COLOUR, _OPACITY, _UNSPECIFIED, _WHOLE_PICTURE = 0, 1, 65535, 0


def is_jp2(data: bytes) -> bool:
    """Return whether `data` starts with the signature box of a JP2 file."""
    return data[: len(SIGNATURE)] == SIGNATURE


class Box(NamedTuple):
    """The position of a box.

    Attributes
    ----------
    kind : bytes
        TBox, the type of the box, four bytes.
    start, contents, end : int
        Offsets of the box, of its contents, and of the first byte after it. `end` comes from the file and may lie
        beyond its end.
    """

    kind: bytes
    start: int
    contents: int
    end: int


def walk(peek: Peek, size: int, at: int = 0) -> Iterator[Box]:
    """Yield the boxes of a file in order, at most `MAX_BOXES` (T.800 I.4).

    The iteration stops at the end of the file, and before a box with an invalid length.

    Parameters
    ----------
    peek : callable
        Called as ``peek(offset, count)``; returns fewer bytes at the end of the file.
    size : int
        Size of the file in bytes.
    at : int
        Offset of the first box.
    """
    for _ in range(MAX_BOXES):
        found = box_at(peek, size, at)
        if found is None or found.end < found.contents:
            return
        yield found
        at = found.end


def box_at(peek: Peek, size: int, at: int) -> Box | None:
    """Return the box at an offset, whose `end` may lie before its contents; None if the file ends in its header.

    Parameters
    ----------
    peek, size, at
        As in `walk`.
    """
    head = peek(at, 16)[: max(0, size - at)]
    if len(head) < 8:
        return None
    length, kind = struct.unpack_from(">I4s", head)
    header = 8
    if length == 1:
        if len(head) < 16:
            return None
        (length,) = struct.unpack_from(">Q", head, 8)
        header = 16
    elif length == 0:  # to the end of the file
        length = size - at
    return Box(kind, at, at + header, at + length)


def children(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and the contents of the boxes in a superbox; the contents of the last may be truncated."""
    for child in walk(peek_bytes(content), len(content)):
        yield child.kind, content[child.contents : child.end]


def locate(peek: Peek, size: int) -> tuple[int, int, int]:
    """Find the contiguous codestream box (T.800 I.5.4).

    Parameters
    ----------
    peek : callable
        Called as ``peek(offset, count)``; returns fewer bytes at the end of the file.
    size : int
        Size of the file in bytes.

    Returns
    -------
    start, contents, end : int
        Offsets of the box, of the codestream in it, and of the first byte after it, which may lie beyond the end of the
        file. For a bare codestream, `start` and `contents` are 0.

    Raises
    ------
    CodestreamError
        If the file is neither a JP2 file nor a codestream, or a JP2 file without a codestream.
    """
    start = peek(0, len(SIGNATURE))
    if start[:4] == CODESTREAM_START:
        return 0, 0, size
    if not is_jp2(start):
        raise CodestreamError("this is not a JPEG 2000 file")
    for found in walk(peek, size):
        if found.kind == b"jp2c":
            return found.start, found.contents, found.end
    raise CodestreamError("the JP2 file has no codestream")


def _locate(data: bytes) -> tuple[int, int, int]:
    return locate(peek_bytes(data), len(data))


def find_codestream(data: bytes) -> bytes:
    """Return the codestream of a JP2 file, or `data` itself if it is a codestream. It may be truncated.

    Raises
    ------
    CodestreamError
        If `data` is neither, or a JP2 file without a codestream.
    """
    _, start, end = _locate(data)
    return data[start:end] if start else data


def replace_codestream(data: bytes, codestream: bytes) -> bytes:
    """Return a file with its codestream replaced by `codestream` and all other boxes unchanged.

    Raises
    ------
    CodestreamError
        If `data` is not JPEG 2000, or has no codestream.
    """
    box, start, end = _locate(data)
    return data[:box] + codestream_header(len(codestream)) + codestream + data[end:] if start else codestream


def resized(data: bytes, height: int, width: int, components: int | None = None) -> bytes:
    """Return JP2 boxes with another size of the picture in the image header box (T.800 I.5.3.1).

    Parameters
    ----------
    data : bytes
        A JP2 file, or its start. Without an image header box it is returned unchanged.
    height, width : int
        The new size in pixels.
    components : int, optional
        The number of components to write if the box has one that no picture can have. Another number that is merely
        wrong stays, since the bits per component box has as many entries.
    """
    peek, out = peek_bytes(data), bytearray(data)
    for header in walk(peek, len(data)):
        if header.kind == b"jp2h":
            for child in walk(peek, min(header.end, len(data)), header.contents):
                if child.kind == b"ihdr" and child.contents + 10 <= len(data):
                    count = struct.unpack_from(">H", data, child.contents + 8)[0]
                    if components is not None and not 1 <= count <= MAX_COMPONENTS_ORDINARY:
                        count = components
                    struct.pack_into(">IIH", out, child.contents, height, width, count)
                    return bytes(out)
    return data


def add_to_header(path: Path, added: bytes) -> None:
    """Append a box to the JP2 header box of a file, in place.

    Raises
    ------
    CodestreamError
        If the file has no JP2 header box.
    """
    data = path.read_bytes()
    for header in walk(peek_bytes(data), len(data)):
        if header.kind == b"jp2h":
            content = data[header.contents : header.end] + added
            path.write_bytes(data[: header.start] + box(b"jp2h", content) + data[header.end :])
            return
    raise CodestreamError("the JP2 file has no JP2 header box")


def codestream_header(size: int) -> bytes:
    """Return the header of the contiguous codestream box for a codestream of `size` bytes."""
    return _box_header(size, b"jp2c")


def box(kind: bytes, content: bytes) -> bytes:
    """Return a box with the type `kind` (T.800 I.4)."""
    return _box_header(len(content), kind) + content


def uuid_box(uuid: bytes, content: bytes) -> bytes:
    """Return a UUID box (T.800 I.7.2)."""
    return box(b"uuid", uuid + content)


def _box_header(size: int, kind: bytes) -> bytes:
    if size + 8 < 1 << 32:
        return struct.pack(">I4s", size + 8, kind)
    return struct.pack(">I4sQ", 1, kind, size + 16)


def wrap(
    codestream: bytes,
    height: int,
    width: int,
    components: int,
    precision: int,
    *,
    signed: bool = False,
    colours: int | None = None,
    alpha: bool = False,
) -> bytes:
    """Return a JP2 file: signature, file type, JP2 header and codestream boxes.

    Parameters
    ----------
    codestream : bytes
        The codestream.
    height, width : int
        Size of the picture in pixels.
    components : int
        Number of components.
    precision : int
        Bits per sample.
    signed : bool
        Whether samples are signed.
    colours : int, optional
        Number of colour components: 1 for greyscale, 3 for sRGB. Default: 1 for up to two components, otherwise 3.
    alpha : bool
        Whether the component after the colours is alpha. If there are components after the colours, a channel
        definition box (T.800 I.5.3.6) signals their types.
    """
    colours = colours or (1 if components < 3 else 3)
    depth = precision - 1 | (_SIGNED if signed else 0)
    size = struct.pack(">IIHBBBB", height, width, components, depth, _COMPRESSION, 0, 0)
    space = struct.pack(">BBBI", _ENUMERATED, 0, 0, _GREYSCALE if colours == 1 else _SRGB)
    header = box(b"ihdr", size) + box(b"colr", space) + channel_definition(components, colours, alpha)
    before = SIGNATURE + box(b"ftyp", _FILE_TYPE) + box(b"jp2h", header)
    return before + codestream_header(len(codestream)) + codestream


def channel_definition(components: int, colours: int, alpha: bool) -> bytes:
    """Return a channel definition box (T.800 I.5.3.6), or no bytes if all components are colours."""
    extra = components - colours
    if not extra:
        return b""
    kinds = [_COLOUR] * colours + [_UNSPECIFIED] * extra
    association = [*range(1, colours + 1), *[_UNSPECIFIED] * extra]
    if alpha:
        kinds[colours], association[colours] = _OPACITY, _WHOLE_PICTURE
    channels = zip(range(components), kinds, association, strict=True)
    content = struct.pack(">H", components) + b"".join(struct.pack(">HHH", *channel) for channel in channels)
    return box(b"cdef", content)


def wrapped(codestream: bytes, picture: Picture) -> bytes:
    """Return a JP2 file with the codestream of `picture`."""
    return wrap(
        codestream,
        picture.height,
        picture.width,
        picture.components,
        picture.bit_depth,
        signed=picture.signed,
        colours=picture.colours,
        alpha=picture.alpha,
    )
