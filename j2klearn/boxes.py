"""The JP2 file format around a codestream (T.800 Annex I)."""

from __future__ import annotations

import io
import struct

from .errors import CodestreamError

__all__ = ["find_codestream", "is_jp2", "replace_codestream", "wrap"]

_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_SOC = b"\xff\x4f\xff\x51"
_MAX_BOXES = 10_000


def is_jp2(data: bytes) -> bool:
    """Tell whether `data` starts like a JP2 file."""
    return data[: len(_SIGNATURE)] == _SIGNATURE


def _locate(data: bytes) -> tuple[int, int, int]:
    """Return where the contiguous codestream box starts, where its contents do, and where it ends."""
    if data[:4] == _SOC:
        return 0, 0, len(data)
    if not is_jp2(data):
        raise CodestreamError("this is not a JPEG 2000 file")
    at = 0
    for _ in range(_MAX_BOXES):
        if at + 8 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, at)
        header = 8
        if length == 1:
            if at + 16 > len(data):
                break
            (length,) = struct.unpack_from(">Q", data, at + 8)
            header = 16
        end = len(data) if length == 0 else at + length
        if kind == b"jp2c":
            return at, at + header, end
        if end < at + header:
            break
        at = end
    raise CodestreamError("the JP2 file holds no codestream")


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
    return data[:box] + _box_header(codestream) + codestream + data[end:] if start else codestream


def _box_header(codestream: bytes) -> bytes:
    """Return the header of the contiguous codestream box."""
    length = len(codestream) + 8
    if length < 1 << 32:
        return struct.pack(">I4s", length, b"jp2c")
    return struct.pack(">I4sQ", 1, b"jp2c", length + 8)


def wrap(codestream: bytes, height: int, width: int, components: int, precision: int) -> bytes:
    """Return a JP2 file: signature, file type, header, codestream.

    One or two components are marked as greyscale, three or four as sRGB.
    """
    from glymur import jp2box
    from glymur.core import GREYSCALE, SRGB

    colour = GREYSCALE if components < 3 else SRGB
    boxes = [
        jp2box.ImageHeaderBox(height, width, num_components=components, bits_per_component=precision),
        jp2box.ColourSpecificationBox(colorspace=colour),
    ]
    out = io.BytesIO()
    for box in (jp2box.JPEG2000SignatureBox(), jp2box.FileTypeBox(), jp2box.JP2HeaderBox(box=boxes)):
        box.write(out)
    out.write(_box_header(codestream))
    out.write(codestream)
    return out.getvalue()
