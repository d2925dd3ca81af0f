"""The order of the packets of a tile (T.800 B.12), and the precincts whose they are (B.6)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..core.geometry import Rect, ceil_div
from .main_header import MainHeader

__all__ = ["LRCP", "RLCP", "RPCL", "PacketOrder", "packet_order", "precincts_of"]

LRCP, RLCP, RPCL = 0, 1, 2

Index = NDArray[np.int64]


@dataclass(frozen=True)
class PacketOrder:
    """What each packet of a tile is, in the order of the codestream.

    Attributes
    ----------
    resolution, layer, precinct : ndarray of int64
        Its resolution (0 is the lowest), its quality layer, and the number of its precinct in that resolution.
    """

    resolution: Index
    layer: Index
    precinct: Index

    def __len__(self) -> int:
        return len(self.resolution)


def precincts_of(header: MainHeader, tile: Rect, resolution: int) -> list[Rect]:
    """Return the precincts of a resolution of a tile, in its coordinates, row by row (T.800 equation B-16)."""
    area = tile.resolution(header.levels - resolution)
    if not area.size:
        return []
    height, width = (1 << exponent for exponent in header.precincts[resolution])
    return [
        Rect(y * height, x * width, (y + 1) * height, (x + 1) * width).intersection(area)
        for y in range(area.y0 // height, ceil_div(area.y1, height))
        for x in range(area.x0 // width, ceil_div(area.x1, width))
    ]


def _count(header: MainHeader, tile: Rect, resolution: int) -> int:
    area = tile.resolution(header.levels - resolution)
    if not area.size:
        return 0
    height, width = (1 << exponent for exponent in header.precincts[resolution])
    down = ceil_div(area.y1, height) - area.y0 // height
    return down * (ceil_div(area.x1, width) - area.x0 // width)


def packet_order(header: MainHeader, tile: Rect) -> PacketOrder | None:
    """Return the order of the packets of a tile.

    None where it does not follow from the main header alone, or is one of the progressions by position or component:
    such tiles are read as a whole.
    """
    if not header.uniform or header.progression not in (LRCP, RLCP, RPCL):
        return None
    counts = tuple(_count(header, tile, resolution) for resolution in range(header.levels + 1))
    return _order(header.progression, header.layers, header.components, counts)


@lru_cache(maxsize=64)
def _order(progression: int, layers: int, components: int, counts: tuple[int, ...]) -> PacketOrder:
    parts = []
    for number, precincts in enumerate(counts):
        # axes in the order of RPCL: precinct, component, layer
        k, c, at = np.indices((precincts, components, layers)).reshape(3, -1)
        parts.append((np.full_like(at, number), at, c, k))
    resolution, layer, component, precinct = (np.concatenate(column) for column in zip(*parts, strict=True))
    if progression != RPCL:
        first = (resolution, layer) if progression == LRCP else (layer, resolution)
        order = np.lexsort((precinct, component, *first))  # the last key counts most
        resolution, layer, precinct = resolution[order], layer[order], precinct[order]
    return PacketOrder(resolution, layer, precinct)
