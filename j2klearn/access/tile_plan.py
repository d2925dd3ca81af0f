"""Plan the extraction of a tile: the tile-parts to read, and the packets to copy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..codestream.main_header import MainHeader
from ..codestream.packets import RLCP, RPCL, PacketOrder, packet_order, precincts_of
from ..codestream.tile_parts import TilePartHeader
from ..core.geometry import Rect
from .needs import Needs

__all__ = ["Part", "Stretch", "TilePlan", "plan_tile"]


@dataclass
class Part:
    """A tile-part being read: its position in the codestream, and the bytes read so far."""

    index: int  # within the tile, from 0
    start: int
    end: int
    whole: bool = False  # all of its packets are needed
    data: bytes = b""
    header: TilePartHeader | None = None


@dataclass
class Stretch:
    """A run of packets to copy, followed by a run of packets to omit."""

    start: int  # byte range of the packets to copy
    end: int
    omitted: int = 0  # number of packets to omit
    first: int = 0  # index of the first of them within the tile


@dataclass
class TilePlan:
    """What is extracted of a tile."""

    index: int
    area: Rect
    finest: int
    order: PacketOrder | None
    parts: list[Part]
    wanted: NDArray[np.bool_]  # whether each packet is needed
    # the half-open range of packets of each tile-part, if the layout of the tile-parts defines it
    spans: list[tuple[int, int]] = field(default_factory=list)
    raw: bool = False  # the tile-parts are copied unchanged


def plan_tile(
    header: MainHeader, number: int, needs: Needs, layers: int, parts: Callable[[int], list[Part]]
) -> TilePlan:
    """Select the tile-parts and the packets of a tile that are needed.

    Parameters
    ----------
    header : MainHeader
        The main header.
    number : int
        The tile.
    needs : Needs
        What the requests need.
    layers : int
        Number of quality layers that will be decoded.
    parts : callable
        Returns the tile-parts of a tile.
    """
    area = header.tile_area(number)
    order = packet_order(header, area)
    if order is None:
        return TilePlan(number, area, header.levels, None, parts(number), np.empty(0, bool), raw=True)
    finest = needs.finest_of(area)
    tile = TilePlan(number, area, finest, order, [], _wanted(header, order, area, finest, needs, layers))
    if finest < 0:
        return tile
    found = parts(number)
    groups = _grouping(header, len(found))
    if groups is None:
        tile.parts = found
        return tile
    starts = np.searchsorted(order.resolution, np.arange(header.levels + 1)).tolist()
    starts = [*starts, len(order)]
    for at, part in enumerate(found):
        resolution, layer = divmod(at, groups)
        if resolution <= finest and layer < layers:
            count = (starts[resolution + 1] - starts[resolution]) // groups
            first = starts[resolution] + layer * count
            part.whole = bool(tile.wanted[first : first + count].all())
            tile.parts.append(part)
            tile.spans.append((first, first + count))
    return tile


def _wanted(
    header: MainHeader, order: PacketOrder, area: Rect, finest: int, needs: Needs, layers: int
) -> NDArray[np.bool_]:
    """Return for each packet of a tile whether it is needed."""
    wanted = (order.layer < layers) & (order.resolution <= finest)
    for resolution in range(finest + 1):
        precincts = precincts_of(header, area, resolution)
        if len(precincts) > 1:
            useful = np.array([needs.wants(resolution, precinct) for precinct in precincts])
            here = order.resolution == resolution
            wanted[here] &= useful[order.precinct[here]]
    return wanted


def _grouping(header: MainHeader, parts: int) -> int | None:
    """Return how many tile-parts each resolution of a tile has, judging by their number; None if not by resolution."""
    resolutions = header.levels + 1
    if header.progression == RLCP and header.layers > 1 and parts == resolutions * header.layers:
        return header.layers
    return 1 if header.progression in (RPCL, RLCP) and parts == resolutions else None
