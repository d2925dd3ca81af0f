"""The boxes of a file whose codestream was repacked: of another size, and without those that point into it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from uuid import UUID

from ..core.peeking import peek_bytes
from ..errors import CodestreamError, UnsupportedError
from .boxes import box, codestream_header, is_jp2, walk
from .georeference import cropped

__all__ = ["repacked"]

_GEOTIFF = UUID("b14bf8bd-083d-4b43-a5ae-8cd7d5a6ce03").bytes

#: Boxes that point into the codestream (T.808 Annex I, T.801 M.11.3).
_INDICES = {
    b"cidx",
    b"fidx",
    b"iptr",
    b"prxy",
    b"cptr",
    b"mhix",
    b"tpix",
    b"thix",
    b"ppix",
    b"phix",
    b"manf",
    b"faix",
}
_FRAGMENTS = {b"ftbl", b"flst", b"moof", b"moov"}

_MAX_DIVISOR = 65535  # of a resolution box: its fields have 16 bits (T.800 I.5.3.7)
_NESTED = 4  # depth of boxes in boxes that are searched for resolutions


def repacked(
    data: bytes, codestream: bytes, shape: tuple[int, int], origin: tuple[int, int], discard: int
) -> bytes:
    """Return a file with another codestream, and with boxes that fit it.

    Parameters
    ----------
    data : bytes
        The old file.
    codestream : bytes
        The new codestream.
    shape : (int, int)
        Height and width of the new picture on its reference grid.
    origin : (int, int)
        Row and column, in pixels of the old picture, at which the first pixel of the new one lies.
    discard : int
        Number of highest resolutions that were dropped.

    Returns
    -------
    bytes
        A bare codestream if `data` is one.

    Raises
    ------
    UnsupportedError
        If the file has several codestreams, or one in fragments.
    CodestreamError
        If a box is damaged.
    """
    if not is_jp2(data):
        return codestream
    out = bytearray()
    found = 0
    for part in walk(peek_bytes(data), len(data)):
        content = data[part.contents : part.end]
        if part.kind in _FRAGMENTS:
            raise UnsupportedError("a file whose codestream is in fragments cannot be repacked")
        if part.kind == b"jp2c":
            found += 1
            out += codestream_header(len(codestream)) + codestream
        elif part.kind in _INDICES:
            continue
        elif not discard:
            out += data[part.start : part.end]
        elif part.kind == b"uuid" and content[:16] == _GEOTIFF:
            out += box(b"uuid", _GEOTIFF + _georeference(content[16:], origin, discard))
        elif part.kind in (b"jp2h", b"jpch", b"jplh"):
            out += box(part.kind, b"".join(_header(content, shape, discard, _NESTED)))
        else:
            out += data[part.start : part.end]
    if found != 1:
        raise UnsupportedError(f"a file with {found} codestreams cannot be repacked")
    return bytes(out)


def _georeference(geotiff: bytes, origin: tuple[int, int], discard: int) -> bytes:
    try:
        return cropped(geotiff, origin, discard)
    except (ValueError, struct.error):
        raise CodestreamError("the GeoTIFF tags of the file are damaged") from None


def _header(content: bytes, shape: tuple[int, int], discard: int, depth: int) -> Iterator[bytes]:
    """Yield the boxes of a superbox, for a picture of another size."""
    at = 0
    for child in walk(peek_bytes(content), len(content)):
        body = content[child.contents : child.end]
        at = child.end
        if child.kind == b"ihdr" and len(body) >= 8:
            body = struct.pack(">II", *shape) + body[8:]
        elif child.kind == b"res " and depth:
            body = b"".join(_header(body, shape, discard, depth - 1))
        elif child.kind in (b"resc", b"resd") and len(body) == 10:
            body = _resolution(body, discard)
        yield box(child.kind, body)
    yield content[at:]


def _resolution(body: bytes, discard: int) -> bytes:
    """Return a resolution box of `2 ** discard` times fewer pixels per metre."""
    down, down_divisor, across, across_divisor, *exponents = struct.unpack(">HHHHbb", body)
    fractions = [_halved(down, down_divisor, discard), _halved(across, across_divisor, discard)]
    return struct.pack(">HHHHbb", *fractions[0], *fractions[1], *exponents)


def _halved(numerator: int, divisor: int, times: int) -> tuple[int, int]:
    while times and numerator and numerator % 2 == 0:
        numerator, times = numerator // 2, times - 1
    while times and divisor * 2 <= _MAX_DIVISOR:
        divisor, times = divisor * 2, times - 1
    return (max(1, round(numerator / (1 << times))) if numerator else 0), divisor
