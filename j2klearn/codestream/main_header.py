"""The main header of a codestream (T.800 A.3): parsing it, and rewriting its precision and its comments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..core.geometry import Rect
from ..core.peeking import Peek, peek_bytes
from ..errors import CodestreamError
from .coding_segments import Coc, Cod, Poc, Rgn
from .markers import CODESTREAM_START, Marker, MarkerSegment, walk
from .quantisation_segments import Qcc, Qcd
from .segments import Com, Siz

__all__ = [
    "HEADROOM",
    "MOST_HEADROOM",
    "Comment",
    "MainHeader",
    "comment_segments",
    "insert_comments",
    "main_header_end",
    "main_segments",
    "read_main_header",
    "replace_comments",
    "walk_main_header",
    "with_precision",
    "without_comments",
]

#: Bits of a carrier in addition to the bits of the picture and the fractional bits: the sign, and one bit for
#: overshoot. At the corners of tiles the carrier exceeds the range of the samples, because the subbands of the whole
#: picture are synthesised there with the wavelet of the tile.
HEADROOM = 2

#: As `HEADROOM`, at most: they become guard bits, which are at most 7 (T.800 A.6.4), and OpenJPEG writes 2.
MOST_HEADROOM = 5

_SIGNED = 0x80
_HIGH_THROUGHPUT = 0x40  # bit of the code-block style (T.814)
_SSIZ = 40  # offset of the first component's Ssiz within the SIZ marker segment, marker included

#: If one of these is present, some components or tiles are not coded as COD signals, or packet headers are not in the
#: tile-parts.
_IRREGULAR = {Marker.COC, Marker.POC, Marker.PPM}

#: A main header has exactly one of each of these (T.800 Table A.2).
_SINGLE = {Marker.SIZ, Marker.COD, Marker.QCD}


@dataclass(frozen=True)
class Comment:
    """A COM marker segment of the main header.

    Attributes
    ----------
    offset : int
        Offset of the marker in the codestream.
    length : int
        Bytes of the marker segment, marker included.
    binary : bool
        Whether Rcom is 0.
    data : bytes
        Ccom.
    """

    offset: int
    length: int
    binary: bool
    data: bytes


@dataclass(frozen=True)
class MainHeader:
    """The parameters of a main header.

    The attributes up to `tile_grid` hold what most callers need. The attributes from `cod` on hold all marker segments
    with coding parameters. Pairs are in the order (vertical, horizontal).
    """

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
    packed: bool  # the packet headers are in the main header (PPM)
    uniform: bool  # all components are coded as COD signals and none is subsampled; no POC, no PPM
    reversible: bool
    component_transform: bool
    comments: tuple[Comment, ...]
    quantisation: tuple[tuple[int, int], ...]  # offset of Sqcd or Sqcc, end of the segment
    siz: int  # offset of the SIZ marker
    end: int  # offset of the first SOT marker
    tile_grid: tuple[int, int]  # number of tiles (down, across)
    cod: Cod
    qcd: Qcd
    coc: tuple[Coc, ...]
    qcc: tuple[Qcc, ...]
    poc: tuple[Poc, ...]
    rgn: tuple[Rgn, ...]

    @property
    def components(self) -> int:
        """Number of components."""
        return len(self.precisions)

    @property
    def common_levels(self) -> int:
        """Number of decomposition levels that every component has, as far as the main header says."""
        own = [coc.style.levels for coc in self.coc]
        return min(own) if len(own) == self.components else min([self.levels, *own])

    @property
    def high_throughput(self) -> bool:
        """Whether code-blocks are coded as in HTJ2K (T.814), as far as the main header says."""
        styles = [self.cod.style, *(coc.style for coc in self.coc)]
        return any(style.block_style & _HIGH_THROUGHPUT for style in styles)

    def tile_area(self, tile: int) -> Rect:
        """Return the area of a tile on the reference grid (T.800 B.3)."""
        row, column = divmod(tile, self.tile_grid[1])
        (y0, x0), (height, width) = self.tile_origin, self.tile_size
        y0, x0 = y0 + row * height, x0 + column * width
        return Rect(y0, x0, y0 + height, x0 + width).intersection(self.area)

    @property
    def binary_comments(self) -> list[bytes]:
        """The data of the COM marker segments with Rcom = 0."""
        return [comment.data for comment in self.comments if comment.binary]


def walk_main_header(peek: Peek, size: int) -> Iterator[MarkerSegment]:
    """Yield the marker segments of the main header, from SIZ to the SOT marker that ends it.

    Parameters
    ----------
    peek : callable
        Called as ``peek(offset, count)``; returns bytes of the codestream.
    size : int
        Size of the codestream in bytes.

    Raises
    ------
    CodestreamError
        If the data is no codestream, or its main header is damaged or truncated.
    LimitError
        If the header has more than `markers.MAX_SEGMENTS` marker segments.
    """
    if peek(0, 4) != CODESTREAM_START:
        raise CodestreamError("this is not a JPEG 2000 codestream")
    segment = None
    for segment in walk(peek, len(Marker.SOC.code), size):
        yield segment
    if segment is None or segment.marker != Marker.SOT:
        raise CodestreamError("the main header of the codestream is damaged or truncated")


def main_segments(head: bytes, end: int) -> list[MarkerSegment]:
    """Return the marker segments of a main header that ends at offset `end`, SIZ first."""
    return list(walk(peek_bytes(head), len(Marker.SOC.code), end))


def main_header_end(peek: Peek, size: int) -> int:
    """Return the end of the main header, which is the offset of the first SOT marker; see `walk_main_header`."""
    *_, last = walk_main_header(peek, size)
    return last.start


def read_main_header(codestream: bytes) -> MainHeader:
    """Parse the main header of a codestream (T.800 A.3).

    Raises
    ------
    CodestreamError
        If the data is no codestream, or its main header is damaged or truncated.
    LimitError
        If it declares more tiles or components than the standard allows, or has too many marker segments.
    """
    *all_segments, sot = walk_main_header(peek_bytes(codestream), len(codestream))
    segments: dict[int, list[MarkerSegment]] = {}
    for segment in all_segments:
        segments.setdefault(segment.marker, []).append(segment)
    for marker in _SINGLE:
        if len(segments.get(marker, ())) != 1:
            raise CodestreamError(
                f"the main header of the codestream does not have one {marker.name} marker segment"
            )

    def bodies(marker: Marker) -> list[bytes]:
        return [codestream[segment.body] for segment in segments.get(marker, ())]

    siz = Siz.parse(bodies(Marker.SIZ)[0])
    components = len(siz.precisions)
    cod = Cod.parse(bodies(Marker.COD)[0])
    comments = zip(segments.get(Marker.COM, ()), map(Com.parse, bodies(Marker.COM)), strict=True)
    step_offset = 1 if components < 257 else 2  # of Sqcc: it follows the index of the component
    quantisation = [(segment.start + 4, segment.end) for segment in segments[Marker.QCD]]
    quantisation += [(q.start + 4 + step_offset, q.end) for q in segments.get(Marker.QCC, ())]
    return MainHeader(
        area=siz.area,
        tile_origin=siz.tile_origin,
        tile_size=siz.tile_size,
        tiles=siz.tile_grid[0] * siz.tile_grid[1],
        precisions=siz.precisions,
        signed=siz.signed,
        subsampling=siz.subsampling,
        levels=cod.style.levels,
        layers=cod.layers,
        progression=cod.progression,
        precincts=cod.style.precincts,
        sop=cod.sop,
        eph=cod.eph,
        packed=Marker.PPM in segments,
        uniform=set(siz.subsampling) == {(1, 1)} and not _IRREGULAR & segments.keys(),
        reversible=cod.style.reversible,
        component_transform=cod.component_transform,
        comments=tuple(Comment(s.start, s.end - s.start, com.binary, com.data) for s, com in comments),
        quantisation=tuple(quantisation),
        siz=segments[Marker.SIZ][0].start,
        end=sot.start,
        tile_grid=siz.tile_grid,
        cod=cod,
        qcd=Qcd.parse(bodies(Marker.QCD)[0]),
        coc=tuple(Coc.parse(body, components) for body in bodies(Marker.COC)),
        qcc=tuple(Qcc.parse(body, components) for body in bodies(Marker.QCC)),
        poc=tuple(Poc.parse(body, components) for body in bodies(Marker.POC)),
        rgn=tuple(Rgn.parse(body, components) for body in bodies(Marker.RGN)),
    )


def with_precision(codestream: bytes, header: MainHeader, precision: int, signed: bool = False) -> bytes:
    """Change the header so that it declares samples of `precision` bits, fewer than were coded.

    The exponents of the quantiser steps are relative to the precision (T.800 equation E-3), so the steps, and the
    decoded samples, become smaller by the power of two that was taken off.

    Parameters
    ----------
    codestream : bytes
        A codestream of the 9/7, as OpenJPEG has coded it.
    header : MainHeader
        Its main header.
    precision : int
        Bits per sample of the picture.
    signed : bool
        Whether its samples are signed.
    """
    out = bytearray(codestream)
    for component in range(header.components):
        out[header.siz + _SSIZ + 3 * component] = (precision - 1) | (_SIGNED if signed else 0)
    return bytes(out)


def insert_comments(codestream: bytes, payloads: Sequence[bytes], note: str = "") -> bytes:
    """Insert COM marker segments at the end of the main header: see `comment_segments`."""
    end = read_main_header(codestream).end
    return codestream[:end] + comment_segments(payloads, note) + codestream[end:]


def replace_comments(codestream: bytes, note: str) -> bytes:
    """Replace all COM marker segments of the main header by one with the text `note`."""
    return insert_comments(without_comments(codestream, read_main_header(codestream)), [], note)


def without_comments(codestream: bytes, header: MainHeader) -> bytes:
    """Remove all COM marker segments from the main header."""
    out = bytearray(codestream)
    for comment in reversed(header.comments):
        del out[comment.offset : comment.offset + comment.length]
    return bytes(out)


def comment_segments(payloads: Sequence[bytes], note: str = "") -> bytes:
    """Return COM marker segments (T.800 A.9.2): one with the text `note`, if any, and one for each payload."""
    every = [Com(1, note.encode("latin-1"))] * bool(note) + [Com(0, payload) for payload in payloads]
    return b"".join(comment.to_bytes() for comment in every)
