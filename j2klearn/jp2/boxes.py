"""The JP2 file format around a codestream (T.800 Annex I)."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..core.picture import Picture
from ..errors import CodestreamError

__all__ = [
    "add_to_header",
    "channel_definition",
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

_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_SOC = b"\xff\x4f\xff\x51"
_MAX_BOXES = 10_000

# T.800 Tables I.16 and I.17
_COLOUR, _OPACITY, _UNSPECIFIED, _WHOLE_PICTURE = 0, 1, 65535, 0


def is_jp2(data: bytes) -> bool:
    """Tell whether `data` starts like a JP2 file."""
    return data[: len(_SIGNATURE)] == _SIGNATURE


def locate(peek: Callable[[int, int], bytes], size: int) -> tuple[int, int, int]:
    """Return where the contiguous codestream box starts, where its contents do, and where it ends.

    Parameters
    ----------
    peek : callable
        Returns so many bytes from an offset on, fewer at the end of the file.
    size : int
        Bytes of the file.

    Raises
    ------
    CodestreamError
        If it is neither a JP2 file nor a codestream, or holds no codestream.
    """
    start = peek(0, len(_SIGNATURE))
    if start[:4] == _SOC:
        return 0, 0, size
    if not is_jp2(start):
        raise CodestreamError("this is not a JPEG 2000 file")
    for kind, box, contents, end in walk(peek, size):
        if kind == b"jp2c":
            return box, contents, end
    raise CodestreamError("the JP2 file holds no codestream")


def walk(peek: Callable[[int, int], bytes], size: int, at: int = 0) -> Iterator[tuple[bytes, int, int, int]]:
    """Yield of every box its kind, where it starts, where its contents do, and where it ends: perhaps beyond `size`.

    Parameters
    ----------
    peek : callable
        Returns so many bytes from an offset on, fewer at the end of the file.
    size : int
        Bytes of the file.
    at : int
        Where the first box starts.
    """
    for _ in range(_MAX_BOXES):
        head = peek(at, 16)
        if len(head) < 8:
            return
        length, kind = struct.unpack_from(">I4s", head)
        header = 8
        if length == 1:
            if len(head) < 16:
                return
            (length,) = struct.unpack_from(">Q", head, 8)
            header = 16
        end = size if length == 0 else at + length
        sound = end >= at + header
        if sound or kind == b"jp2c":
            yield kind, at, at + header, end
        if not sound:
            return
        at = end


def _locate(data: bytes) -> tuple[int, int, int]:
    return locate(lambda at, size: data[at : at + size], len(data))


def find_codestream(data: bytes) -> bytes:
    """Return the codestream in a JP2 file, or `data` itself where it is one; a truncated one is returned as it is.

    Raises
    ------
    CodestreamError
        If `data` is neither, or holds no codestream.
    """
    _, start, end = _locate(data)
    return data[start:end] if start else data


def replace_codestream(data: bytes, codestream: bytes) -> bytes:
    """Return a file with another codestream in the place of its own, all other boxes as they are.

    Raises
    ------
    CodestreamError
        If `data` is not JPEG 2000, or holds no codestream.
    """
    box, start, end = _locate(data)
    return data[:box] + codestream_header(len(codestream)) + codestream + data[end:] if start else codestream


def resized(data: bytes, height: int, width: int) -> bytes:
    """Return the boxes of a JP2 file up to the codestream with another size in the image header (T.800 I.5.3.1)."""
    out = bytearray(data)
    at, end = 0, len(out)
    while at + 8 <= end:
        length, kind = struct.unpack_from(">I4s", out, at)
        header = 8
        if length == 1 and at + 16 <= end:
            (length,) = struct.unpack_from(">Q", out, at + 8)
            header = 16
        if kind == b"ihdr" and at + header + 8 <= end:
            struct.pack_into(">II", out, at + header, height, width)
            break
        # the image header is the first box in the header box
        at += header if kind == b"jp2h" else max(header, length)
    return bytes(out)


def add_to_header(path: Path, box: bytes) -> None:
    """Add a box at the end of the JP2 header box of a file."""
    data = path.read_bytes()
    at = len(_SIGNATURE)
    while data[at + 4 : at + 8] != b"jp2h":
        at += int.from_bytes(data[at : at + 4], "big")
    length = int.from_bytes(data[at : at + 4], "big")
    with path.open("wb") as stream:
        stream.write(data[:at])
        stream.write(struct.pack(">I", length + len(box)))
        stream.write(data[at + 4 : at + length])
        stream.write(box)
        stream.write(data[at + length :])


def codestream_header(size: int) -> bytes:
    """Return the header of the box of a codestream of `size` bytes."""
    return _box_header(size, b"jp2c")


def uuid_box(uuid: bytes, content: bytes) -> bytes:
    """Return a UUID box (T.800 I.7.2)."""
    return _box_header(len(uuid) + len(content), b"uuid") + uuid + content


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
    """Return a JP2 file: signature, file type, header, codestream.

    One colour is marked as greyscale, three as sRGB (if not given one of up to two components, else three). Where
    there are more components, a channel-definition box (T.800 I.5.3.6) says which are colours, which is the opacity
    (with `alpha` the first after the colours), and which are neither.
    """
    from glymur import jp2box
    from glymur.core import GREYSCALE, SRGB

    colours = colours or (1 if components < 3 else 3)
    header = [
        jp2box.ImageHeaderBox(
            height, width, num_components=components, bits_per_component=precision, signed=signed
        ),
        jp2box.ColourSpecificationBox(colorspace=GREYSCALE if colours == 1 else SRGB),
    ]
    definition = channel_definition(components, colours, alpha)
    if definition is not None:
        header.append(definition)
    out = io.BytesIO()
    for box in (jp2box.JPEG2000SignatureBox(), jp2box.FileTypeBox(), jp2box.JP2HeaderBox(box=header)):
        box.write(out)
    out.write(codestream_header(len(codestream)))
    out.write(codestream)
    return out.getvalue()


def channel_definition(components: int, colours: int, alpha: bool) -> Any:
    """Return glymur's box for components beyond the colours; None where there are none."""
    from glymur.jp2box import ChannelDefinitionBox

    extra = components - colours
    if not extra:
        return None
    kinds = [_COLOUR] * colours + [_UNSPECIFIED] * extra
    association = [*range(1, colours + 1), *[_UNSPECIFIED] * extra]
    if alpha:
        kinds[colours], association[colours] = _OPACITY, _WHOLE_PICTURE
    return ChannelDefinitionBox(channel_type=kinds, association=association)


def wrapped(codestream: bytes, picture: Picture) -> bytes:
    """Return a codestream in the boxes of a JP2 file."""
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
