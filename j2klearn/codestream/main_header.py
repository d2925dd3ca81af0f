"""The main header of a codestream (T.800 Annex A): what it says, and the dual-precision rewriting of it.

The carrier of a learned picture overshoots the range of its samples and has fractional bits, so it is coded as signed
samples of more bits than the picture has. Other readers shall see a plain picture, so the header is rewritten to the
picture's own precision on the way out, and back to a wide one in memory before the carrier is decoded. With every
exponent in QCD and QCC lowered by `HEADROOM` and as many guard bits more, the number of bit-planes (T.800 equation
E-2) stays as it was coded, and the quantiser steps (E-3) scale with the declared precision.
"""

from __future__ import annotations

import io
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.geometry import Rect, ceil_div
from ..core.limits import MAX_COMPONENTS_ORDINARY, MAX_TILES
from ..errors import CodestreamError, LimitError, SegmentError

__all__ = [
    "HEADROOM",
    "MainHeader",
    "comment_segments",
    "insert_comments",
    "main_header_end",
    "read_main_header",
    "to_declared",
    "to_wide",
]

#: Bits that a carrier has beside those of the picture and its fraction: the sign, and one for overshoot. At the corner
#: of a tile, where the subbands of the whole picture meet the wavelet of the tile, it exceeds the range of the samples.
HEADROOM = 2

_COM, _SOT = 0xFF64, 0xFF90
_LEAST_MARKER = 0xFF4F
_SIGNED = 0x80
_TILE_ORIGIN = 32  # offset of XTOsiz in a codestream
_EMPTY_PART = b"\xff\x90\x00\x0a\x00\x00\x00\x00\x00\x0e\x00\x01\xff\x93"  # SOT, SOD
_SSIZ = 40  # offset of the first component's Ssiz within the SIZ marker segment, marker included
_IRREGULAR = {"COC", "POC", "PPM"}
_EXPOUNDED = 2  # Sqcd, T.800 Table A.28: a step for every subband

#: glymur's parser keeps the number of components on the class.
_GLYMUR = threading.Lock()


@dataclass(frozen=True)
class Comment:
    """A COM marker segment: where it lies, and what it holds."""

    offset: int
    length: int  # marker included
    binary: bool
    data: bytes


@dataclass(frozen=True)
class MainHeader:
    """What the main header says, in T.800's terms."""

    area: Rect
    tile_origin: tuple[int, int]
    tile_size: tuple[int, int]
    tiles: int
    precisions: tuple[int, ...]
    signed: tuple[bool, ...]
    subsampling: tuple[tuple[int, int], ...]  # (YRsiz, XRsiz)
    levels: int
    layers: int
    progression: int
    precincts: tuple[tuple[int, int], ...]  # (PPy, PPx), lowest resolution first
    sop: bool
    eph: bool
    packed: bool  # packet headers are in the main header (PPM)
    uniform: bool  # all components and tiles are coded as COD says, in its order of packets
    reversible: bool
    component_transform: bool
    comments: tuple[Comment, ...]
    quantisation: tuple[tuple[int, int], ...]  # offset of Sqcd or Sqcc, end of the segment
    siz: int  # offset of the SIZ marker
    end: int  # offset of the first SOT marker

    @property
    def components(self) -> int:
        return len(self.precisions)

    @property
    def tile_grid(self) -> tuple[int, int]:
        """Number of tiles (down, across)."""
        (y0, x0), (height, width) = self.tile_origin, self.tile_size
        return ceil_div(self.area.y1 - y0, height), ceil_div(self.area.x1 - x0, width)

    def tile_area(self, tile: int) -> Rect:
        """Return what a tile covers on the reference grid (T.800 B.3)."""
        row, column = divmod(tile, self.tile_grid[1])
        (y0, x0), (height, width) = self.tile_origin, self.tile_size
        y0, x0 = y0 + row * height, x0 + column * width
        return Rect(y0, x0, y0 + height, x0 + width).intersection(self.area)

    @property
    def binary_comments(self) -> list[bytes]:
        return [comment.data for comment in self.comments if comment.binary]


def main_header_end(peek: Callable[[int, int], bytes], size: int) -> int:
    """Return where the main header ends.

    Parameters
    ----------
    peek : callable
        Returns so many bytes of the codestream from an offset on.
    size : int
        Bytes of the codestream.

    Raises
    ------
    CodestreamError
        If it is no codestream, or its header is damaged or cut off.
    """
    if peek(0, 4) != b"\xff\x4f\xff\x51":
        raise CodestreamError("this is not a JPEG 2000 codestream")
    at = 2
    while at + 2 <= size:
        marker, length = struct.unpack(">HH", peek(at, 4).ljust(4, b"\x00"))
        if marker == _SOT:
            return at
        if marker < _LEAST_MARKER or length < 2:
            break
        at += 2 + length
    raise CodestreamError("the main header of the codestream is damaged or cut off")


def read_main_header(codestream: bytes) -> MainHeader:
    """Read the main header.

    Raises
    ------
    CodestreamError
        If it is no codestream, or its header is damaged.
    LimitError
        If it has more tiles or components than the standard allows.
    """
    # imported late: it is slow, and `import j2klearn` shall not be
    from glymur.codestream import Codestream

    end = main_header_end(lambda at, size: codestream[at : at + size], len(codestream))
    head = bytearray(codestream[:end])
    if len(head) < _TILE_ORIGIN + 8:
        raise CodestreamError("the main header of the codestream is damaged or cut off")
    origin = struct.unpack_from(">II", head, _TILE_ORIGIN)
    head[_TILE_ORIGIN : _TILE_ORIGIN + 8] = bytes(
        8
    )  # glymur 0.14.8 divides by its distance from the tile's size
    head += _EMPTY_PART  # its parser stops at a tile-part
    try:
        with _GLYMUR:
            parsed = Codestream(io.BytesIO(head), len(head), header_only=True)
        return _digest(parsed, bytes(head), origin, end)
    except (struct.error, ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
        if isinstance(error, LimitError):
            raise
        raise CodestreamError("the main header of the codestream is damaged or cut off") from error


def _digest(parsed: Any, codestream: bytes, origin: tuple[int, int], end: int) -> MainHeader:
    segments = parsed.segment
    by_id: dict[str, list[Any]] = {}
    for segment in segments:
        by_id.setdefault(segment.marker_id, []).append(segment)
    siz, cod, qcd = by_id["SIZ"][0], by_id["COD"][0], by_id["QCD"][0]
    xtosiz, ytosiz = origin
    if siz.length != 38 + 3 * siz.Csiz:
        raise CodestreamError("the main header of the codestream is cut off")
    area = Rect(siz.yosiz, siz.xosiz, siz.ysiz, siz.xsiz)
    if not area.size or not siz.Csiz or not all(siz.xrsiz) or not all(siz.yrsiz):
        raise CodestreamError("the codestream declares an empty picture")
    if siz.Csiz > MAX_COMPONENTS_ORDINARY:
        raise LimitError(f"the codestream declares {siz.Csiz} components, more than the standard allows")
    if not siz.xtsiz or not siz.ytsiz or xtosiz > siz.xosiz or ytosiz > siz.yosiz:
        raise CodestreamError("the codestream declares an impossible tile grid")
    across = ceil_div(siz.xsiz - xtosiz, siz.xtsiz)
    down = ceil_div(siz.ysiz - ytosiz, siz.ytsiz)
    if across * down > MAX_TILES:
        raise LimitError(f"the codestream declares {across * down} tiles, more than the standard allows")
    wide = 2 if siz.Csiz > 256 else 1
    quantisation = [(qcd.offset + 4, qcd.offset + 2 + qcd.length)]
    quantisation += [(q.offset + 4 + wide, q.offset + 2 + q.length) for q in by_id.get("QCC", [])]
    return MainHeader(
        area=area,
        tile_origin=(ytosiz, xtosiz),
        tile_size=(siz.ytsiz, siz.xtsiz),
        tiles=across * down,
        precisions=tuple(siz.bitdepth),
        signed=tuple(siz.signed),
        subsampling=tuple(zip(siz.yrsiz, siz.xrsiz, strict=True)),
        levels=cod.num_res,
        layers=cod.layers,
        progression=cod.prog_order,
        precincts=_precincts(codestream, cod),
        sop=bool(codestream[cod.offset + 4] & 2),
        eph=bool(codestream[cod.offset + 4] & 4),
        packed="PPM" in by_id,
        uniform=all(size == 1 for size in (*siz.xrsiz, *siz.yrsiz)) and not _IRREGULAR & set(by_id),
        reversible=cod.xform == 1,
        component_transform=bool(cod.mct & 1),
        comments=tuple(Comment(c.offset, c.length + 2, c.rcme == 0, c.ccme) for c in by_id.get("CME", [])),
        quantisation=tuple(quantisation),
        siz=siz.offset,
        end=end,
    )


def _precincts(codestream: bytes, cod: Any) -> tuple[tuple[int, int], ...]:
    """Return the exponents of the precincts of every resolution (T.800 Table A.21)."""
    if not codestream[cod.offset + 4] & 1:
        return ((15, 15),) * (int(cod.num_res) + 1)
    sizes: bytes = codestream[cod.offset + 14 : cod.offset + 2 + cod.length]
    if len(sizes) != cod.num_res + 1:
        raise CodestreamError("the codestream does not have precinct sizes for every resolution")
    return tuple((size >> 4, size & 15) for size in sizes)


def _rewrite(codestream: bytes, header: MainHeader, ssiz: int, exponent: int) -> bytearray:
    """Set every Ssiz, and move every exponent by `exponent` and the guard bits the other way."""
    out = bytearray(codestream)
    for component in range(header.components):
        out[header.siz + _SSIZ + 3 * component] = ssiz
    for start, end in header.quantisation:
        style, guard = out[start] & 0x1F, out[start] >> 5
        if style != _EXPOUNDED or (end - start) % 2 == 0 or not 0 <= guard - exponent <= 7:
            raise SegmentError("the codestream's quantisation is not that of a learned picture")
        out[start] = style | (guard - exponent) << 5
        for at in range(start + 1, end, 2):
            moved = (out[at] >> 3) + exponent
            if not 0 <= moved <= 31:
                raise SegmentError("the codestream's quantisation exponents are out of range")
            out[at] = out[at] & 0x07 | moved << 3
    return out


def to_declared(codestream: bytes, header: MainHeader, precision: int, signed: bool = False) -> bytes:
    """Rewrite a freshly coded carrier so that it declares samples of `precision` bits.

    OpenJPEG's own comment makes room for the learned-transform segment.
    """
    out = _rewrite(codestream, header, (precision - 1) | (_SIGNED if signed else 0), -HEADROOM)
    for comment in reversed(header.comments):
        del out[comment.offset : comment.offset + comment.length]
    return bytes(out)


def to_wide(codestream: bytes, header: MainHeader, precision: int) -> bytes:
    """Rewrite a learned codestream so that its carrier is decoded as signed samples of `precision` bits."""
    return bytes(_rewrite(codestream, header, (precision - 1) | _SIGNED, HEADROOM))


def insert_comments(codestream: bytes, payloads: Sequence[bytes], note: str = "") -> bytes:
    """Put COM marker segments at the end of the main header: a note for people, and binary ones."""
    end = read_main_header(codestream).end
    return codestream[:end] + comment_segments(payloads, note) + codestream[end:]


def comment_segments(payloads: Sequence[bytes], note: str = "") -> bytes:
    """Return COM marker segments (T.800 A.9.2): of Latin text where there is a note, and binary ones."""
    every = [(1, note.encode("latin-1"))] * bool(note) + [(0, payload) for payload in payloads]
    return b"".join(struct.pack(">HHH", _COM, len(data) + 4, kind) + data for kind, data in every)
