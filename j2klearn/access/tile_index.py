"""Where the tile-parts of a codestream are: from TLM, or from one SOT marker segment to the next."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..codestream.main_header import MainHeader
from ..codestream.tile_parts import EOC
from ..core.limits import MAX_TILES
from ..errors import CodestreamError

__all__ = ["TileParts", "from_tlm", "walk"]

_TLM = 0xFF55
_SOT_BYTES = 12
_MOST_PARTS = 255 * MAX_TILES


@dataclass(frozen=True)
class TileParts:
    """The tile-parts of a codestream, those of each tile in their order.

    Attributes
    ----------
    starts, lengths : ndarray of int64
        Where each begins, from the start of the codestream, and how many bytes it has.
    first : ndarray of int64
        For each tile the number of its first part; one more at the end.
    """

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    first: NDArray[np.int64]

    def of(self, tile: int) -> list[tuple[int, int]]:
        """Return where the parts of a tile begin and end."""
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
    """Read the TLM marker segments (T.800 A.7.1) of a main header; None where there are none, or they make no sense."""
    tables: dict[int, tuple[NDArray[np.int64] | None, NDArray[np.int64]]] = {}
    at = 2
    while at + 6 <= header.end:
        marker, size = struct.unpack_from(">HH", head, at)
        if marker == _TLM:
            number, style = head[at + 4], head[at + 5]
            names, wide = style >> 4 & 3, style >> 6 & 1
            if names > 2 or number in tables or size < 4:
                return None
            fields = ([("tile", f">u{names}")] if names else []) + [("length", ">u4" if wide else ">u2")]
            entries = np.dtype(fields)
            body = head[at + 6 : at + 2 + size]
            if len(body) % entries.itemsize:
                return None
            table = np.frombuffer(body, entries)
            tiles = table["tile"].astype(np.int64) if names else None
            tables[number] = tiles, table["length"].astype(np.int64)
        at += 2 + size
    if not tables:
        return None
    parts = [tables[number] for number in sorted(tables)]
    lengths = np.concatenate([part[1] for part in parts])
    named = [part[0] for part in parts if part[0] is not None]
    # without names the tiles come in order, each in one part
    tiles = np.concatenate(named) if named else np.arange(len(lengths))
    sound = len(tiles) == len(lengths) and len(lengths) > 0 and bool((lengths >= _SOT_BYTES + 2).all())
    if not sound or int(tiles.max()) >= header.tiles:
        return None
    starts = header.end + np.concatenate([[0], np.cumsum(lengths)[:-1]])
    return _sorted(tiles, starts, lengths, header.tiles)


def walk(header: MainHeader, end: int, read: Callable[[int, int], bytes]) -> TileParts:
    """Find the tile-parts by going from one to the next; `read` returns the bytes from one offset to another.

    A codestream that ends early has those whose header is there.

    Raises
    ------
    CodestreamError
        If there is something else where a tile-part should be.
    """
    tiles: list[int] = []
    starts: list[int] = []
    lengths: list[int] = []
    at = header.end
    while at + _SOT_BYTES <= end and len(starts) < _MOST_PARTS:
        sot = read(at, at + _SOT_BYTES)
        if sot[:2] == EOC:
            break
        marker, size, tile, length = struct.unpack_from(">HHHI", sot)
        if marker != 0xFF90 or size != 10 or tile >= header.tiles or 0 < length < _SOT_BYTES + 2:
            raise CodestreamError("the codestream is damaged: there is no tile-part where one should start")
        if not length:  # up to the end of the codestream
            length = end - at - (len(EOC) if read(end - 2, end) == EOC else 0)
        tiles.append(tile)
        starts.append(at)
        lengths.append(length)
        at += length
    return _sorted(
        np.array(tiles, np.int64), np.array(starts, np.int64), np.array(lengths, np.int64), header.tiles
    )
