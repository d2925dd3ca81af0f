"""The positions of the tile-parts of a codestream, from TLM or from the SOT marker segments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..codestream.main_header import MainHeader, main_segments
from ..codestream.markers import Marker
from ..codestream.pointer_segments import Tlm
from ..codestream.segments import Sot
from ..codestream.tile_parts import EOC
from ..core.limits import MAX_TILES
from ..errors import CodestreamError

__all__ = ["ContradictionError", "TileParts", "from_tlm", "walk"]

_SOT_BYTES = 12
_MAX_TILE_PARTS = 255 * MAX_TILES


class ContradictionError(Exception):
    """The tile-parts are not where their headers, or an index of them, say."""


@dataclass(frozen=True)
class TileParts:
    """The tile-parts of a codestream, sorted by tile; those of a tile keep their order.

    Attributes
    ----------
    starts, lengths : ndarray of int64, shape (tile-parts,)
        Offset of each tile-part in the codestream, and its length in bytes.
    first : ndarray of int64, shape (tiles + 1,)
        Index of the first tile-part of each tile; the last element is the number of tile-parts.
    """

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    first: NDArray[np.int64]

    @property
    def end(self) -> int:
        """Offset of the first byte after the last tile-part."""
        return int((self.starts + self.lengths).max(initial=0))

    def of(self, tile: int) -> list[tuple[int, int]]:
        """Return the half-open byte ranges of the tile-parts of a tile."""
        some = slice(int(self.first[tile]), int(self.first[tile + 1]))
        starts = self.starts[some].tolist()
        return [
            (start, start + length) for start, length in zip(starts, self.lengths[some].tolist(), strict=True)
        ]


def _sorted(
    tiles: NDArray[np.int64], starts: NDArray[np.int64], lengths: NDArray[np.int64], count: int
) -> TileParts:
    order = np.argsort(tiles, kind="stable")
    first = np.searchsorted(tiles[order], np.arange(count + 1))
    return TileParts(starts[order], lengths[order], first)


def from_tlm(head: bytes, header: MainHeader) -> TileParts | None:
    """Read the positions of the tile-parts from the TLM marker segments (T.800 A.7.1) of a main header.

    Parameters
    ----------
    head : bytes
        The main header.
    header : MainHeader
        The main header, parsed.

    Returns
    -------
    TileParts or None
        None if there are no TLM marker segments, or they are invalid.
    """
    tables: dict[int, Tlm] = {}
    for segment in main_segments(head, header.end):
        if segment.marker == Marker.TLM:
            try:
                tlm = Tlm.parse(head[segment.body])
            except CodestreamError:
                return None
            if tlm.index in tables:
                return None
            tables[tlm.index] = tlm
    if not tables:
        return None
    parts = [tables[number] for number in sorted(tables)]
    lengths = np.concatenate([part.lengths for part in parts])
    with_tiles = [part.tiles for part in parts if part.tiles is not None]
    # without Ttlm each tile has one tile-part, in the order of the tiles
    tiles = np.concatenate(with_tiles) if with_tiles else np.arange(len(lengths))
    valid = len(tiles) == len(lengths) and len(lengths) > 0 and bool((lengths >= _SOT_BYTES + 2).all())
    if not valid or int(tiles.max()) >= header.tiles:
        return None
    starts = header.end + np.concatenate([[0], np.cumsum(lengths)[:-1]])
    return _sorted(tiles, starts, lengths, header.tiles)


def walk(header: MainHeader, end: int, read: Callable[[int, int], bytes]) -> TileParts:
    """Find the tile-parts by following Psot from one SOT marker segment to the next.

    Parameters
    ----------
    header : MainHeader
        Header of the codestream.
    end : int
        Size of the codestream in bytes.
    read : callable
        Called as ``read(start, end)``; returns these bytes of the codestream.

    Returns
    -------
    TileParts
        If the codestream is truncated, only the tile-parts whose SOT marker segment is there.

    Raises
    ------
    ContradictionError
        If a tile-part does not start with SOT, or names a tile that does not exist.
    """
    tiles: list[int] = []
    starts: list[int] = []
    lengths: list[int] = []
    at = header.end
    while at + _SOT_BYTES <= end and len(starts) < _MAX_TILE_PARTS:
        sot = read(at, at + _SOT_BYTES)
        if sot[:2] == EOC:
            break
        try:
            part = Sot.read(sot)
        except CodestreamError:
            raise ContradictionError from None
        if part.tile >= header.tiles:
            raise ContradictionError
        length = part.length
        if not length:  # up to the end of the codestream
            length = end - at - (len(EOC) if read(end - 2, end) == EOC else 0)
        tiles.append(part.tile)
        starts.append(at)
        lengths.append(length)
        at += length
    return _sorted(
        np.array(tiles, np.int64), np.array(starts, np.int64), np.array(lengths, np.int64), header.tiles
    )
