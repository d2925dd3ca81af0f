"""The order of the packets of a tile (T.800 B.12), and the precincts to which they belong (B.6)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..core.geometry import Rect, ceil_div
from .main_header import MainHeader

__all__ = [
    "LRCP",
    "MAX_PACKETS",
    "RLCP",
    "RPCL",
    "PacketOrder",
    "packet_count",
    "packet_order",
    "precincts_of",
]

LRCP, RLCP, RPCL = 0, 1, 2

#: Limit of the packets of a tile whose order is computed, which takes about a hundred bytes per packet. A header can
#: declare a million times as many packets, with 65,535 layers and precincts of one sample.
MAX_PACKETS = 1 << 21

Index = NDArray[np.int64]


@dataclass(frozen=True)
class PacketOrder:
    """The packets of a tile in the order of the codestream; its length is their number.

    Attributes
    ----------
    resolution, layer, precinct : ndarray of int64, shape (packets,)
        The resolution of each packet (0 is the lowest), its quality layer, and the index of its precinct within the
        resolution.
    """

    resolution: Index
    layer: Index
    precinct: Index

    def __len__(self) -> int:
        return len(self.resolution)


def precincts_of(header: MainHeader, tile: Rect, resolution: int) -> list[Rect]:
    """Return the precincts of a resolution of a tile, row by row (T.800 equation B-16).

    Parameters
    ----------
    header : MainHeader
        Header of the codestream.
    tile : Rect
        Area of the tile on the reference grid.
    resolution : int
        The resolution; 0 is the lowest.

    Returns
    -------
    list of Rect
        The precincts in the coordinates of the resolution, clipped to the tile.
    """
    area = tile.resolution(header.levels - resolution)
    if not area.size:
        return []
    height, width = (1 << exponent for exponent in header.precincts[resolution])
    return [
        Rect(y * height, x * width, (y + 1) * height, (x + 1) * width).intersection(area)
        for y in range(area.y0 // height, ceil_div(area.y1, height))
        for x in range(area.x0 // width, ceil_div(area.x1, width))
    ]


def _precinct_count(header: MainHeader, tile: Rect, resolution: int) -> int:
    area = tile.resolution(header.levels - resolution)
    if not area.size:
        return 0
    height, width = (1 << exponent for exponent in header.precincts[resolution])
    down = ceil_div(area.y1, height) - area.y0 // height
    return down * (ceil_div(area.x1, width) - area.x0 // width)


def packet_count(header: MainHeader, tile: Rect) -> int:
    """Return how many packets a tile has if all its components are coded as COD says; it may be billions."""
    return _packets(header, _precinct_counts(header, tile))


def _packets(header: MainHeader, counts: tuple[int, ...]) -> int:
    return sum(counts) * header.components * header.layers


def _precinct_counts(header: MainHeader, tile: Rect) -> tuple[int, ...]:
    return tuple(_precinct_count(header, tile, resolution) for resolution in range(header.levels + 1))


def packet_order(header: MainHeader, tile: Rect) -> PacketOrder | None:
    """Return the order of the packets of a tile.

    Parameters
    ----------
    header : MainHeader
        Header of the codestream.
    tile : Rect
        Area of the tile on the reference grid.

    Returns
    -------
    PacketOrder or None
        None if the main header alone does not define the order, if the progression is PCRL or CPRL, or if the tile has
        more than `MAX_PACKETS` packets. Such tiles are read as a whole.
    """
    if not header.uniform or header.progression not in (LRCP, RLCP, RPCL):
        return None
    counts = _precinct_counts(header, tile)
    if _packets(header, counts) > MAX_PACKETS:
        return None
    return _order(header.progression, header.layers, header.components, counts)


@lru_cache(maxsize=16)
def _order(progression: int, layers: int, components: int, counts: tuple[int, ...]) -> PacketOrder:
    parts = []
    for number, precincts in enumerate(counts):
        # axes in the order of RPCL: precinct, component, layer
        k, c, at = np.indices((precincts, components, layers)).reshape(3, -1)
        parts.append((np.full_like(at, number), at, c, k))
    resolution, layer, component, precinct = (np.concatenate(column) for column in zip(*parts, strict=True))
    if progression != RPCL:
        first = (resolution, layer) if progression == LRCP else (layer, resolution)
        order = np.lexsort((precinct, component, *first))  # the last key is the primary one
        resolution, layer, precinct = resolution[order], layer[order], precinct[order]
    return PacketOrder(resolution, layer, precinct)
