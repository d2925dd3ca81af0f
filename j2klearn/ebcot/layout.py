"""The layout of a codestream for any transform: levels, tiles, precincts, progression and marker segments."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..codestream.packets import RLCP, RPCL
from ..codestream.tile_parts import overhead
from ..core.geometry import Rect, ceil_div
from ..core.picture import Picture
from ..core.scalars import truth_value, whole_number, whole_pair
from ..errors import OptionError
from ..native import transport

__all__ = [
    "DEFAULT_LEVELS",
    "MAX_LEVELS",
    "PROGRESSIONS",
    "Layout",
    "default_levels",
    "levels_fit",
    "max_levels",
]

#: The progression orders in the order of their codes (T.800 Table A.16).
PROGRESSIONS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")

#: Default number of decomposition levels; small pictures get fewer.
DEFAULT_LEVELS = 5

#: The largest number of decomposition levels. OpenJPEG needs tiles of at least 2 ** levels rows and columns.
MAX_LEVELS = 14

#: Exponent of the largest precincts, which are the default (T.800 Table A.21).
_MAX_PRECINCT_EXPONENT = 15

#: The sum of all code-block styles of Table A.19.
_MAX_MODE_SWITCHES = 63

#: Bytes of SOT and SOD of a tile-part, which OpenJPEG's rate control does not count.
_TILE_MARKERS = 14


@dataclass(frozen=True)
class Layout:
    """The layout of a codestream, for any transform.

    Attributes
    ----------
    levels : int
        Decomposition levels.
    codeblock_size : (int, int)
        Height and width of code-blocks.
    precincts : tuple of (int, int)
        Heights and widths of precincts from the finest resolution on; empty for the largest precincts.
    progression : str
        One of `PROGRESSIONS`.
    tile_size : (int, int) or None
        Height and width of tiles; None for one tile.
    offset, tile_offset : (int, int)
        ``(y0, x0)`` of the picture and of the tile grid on the reference grid.
    mode_switches : int
        Code-block style (T.800 Table A.19).
    sop, eph, plt, tlm : bool
        Whether to write these marker segments.
    tile_parts : str or None
        Where tile-parts begin, as in `j2klearn.repack`; None for the default.
    """

    levels: int = DEFAULT_LEVELS
    codeblock_size: tuple[int, int] = (64, 64)
    precincts: tuple[tuple[int, int], ...] = ()
    progression: str = "LRCP"
    tile_size: tuple[int, int] | None = None
    offset: tuple[int, int] = (0, 0)
    tile_offset: tuple[int, int] = (0, 0)
    mode_switches: int = 0
    sop: bool = False
    eph: bool = False
    plt: bool = False
    tlm: bool = False
    tile_parts: str | None = None

    @classmethod
    def read(
        cls,
        height: int,
        width: int,
        *,
        levels: int | None = None,
        tile_size: int | tuple[int, int] | None = None,
        offset: tuple[int, int] = (0, 0),
        tile_offset: tuple[int, int] = (0, 0),
        codeblock_size: tuple[int, int] = (64, 64),
        precincts: Sequence[tuple[int, int]] = (),
        progression: str | None = None,
        mode_switches: int = 0,
        sop: bool = False,
        eph: bool = False,
        plt: bool | None = None,
        tlm: bool | None = None,
        tile_parts: str | None = None,
    ) -> Layout:
        """Check the layout options of `j2klearn.encode` and fill in the defaults.

        Parameters
        ----------
        height, width : int
            Size of the picture.
        levels, tile_size, offset, tile_offset, codeblock_size, precincts, progression, mode_switches
            As in `j2klearn.encode`. With tiles the default progression is RPCL, else LRCP.
        sop, eph, plt, tlm, tile_parts
            As in `j2klearn.encode`. With tiles, PLT and TLM are written by default.

        Raises
        ------
        OptionError
            If an option is out of range.
        """
        tiles = None if tile_size is None else whole_pair("tile_size", tile_size, 1, 2**31 - 1)
        if progression is None:
            progression = "LRCP" if tiles is None else "RPCL"
        if not isinstance(progression, str) or progression.upper() not in PROGRESSIONS:
            raise OptionError(f"the progression is one of {', '.join(PROGRESSIONS)}, not {progression!r}")
        layout = cls(
            levels=0 if levels is None else whole_number("levels", levels, 0, MAX_LEVELS),
            codeblock_size=whole_pair("codeblock_size", codeblock_size, 4, 1024),
            precincts=tuple(whole_pair("precincts", size, 1, 32768) for size in precincts),
            progression=progression.upper(),
            tile_size=tiles,
            offset=whole_pair("offset", offset, 0, 2**31 - 1),
            tile_offset=whole_pair("tile_offset", tile_offset, 0, 2**31 - 1),
            mode_switches=whole_number("mode_switches", mode_switches, 0, _MAX_MODE_SWITCHES),
            sop=truth_value("sop", sop),
            eph=truth_value("eph", eph),
            plt=tiles is not None if plt is None else truth_value("plt", plt),
            tlm=tiles is not None if tlm is None else truth_value("tlm", tlm),
            tile_parts=tile_parts,
        )
        if levels is None:
            best = default_levels(layout.area(height, width), layout.tile_offset, layout.tile_size)
            layout = replace(layout, levels=best)
        return layout

    def area(self, height: int, width: int) -> Rect:
        """Return the area of a picture with the given size on the reference grid."""
        y0, x0 = self.offset
        return Rect(y0, x0, y0 + height, x0 + width)

    def tiles(self, area: Rect) -> list[Rect]:
        """Return the tiles of an area, row by row (T.800 B.3)."""
        if self.tile_size is None:
            return [area]
        (top, left), (height, width) = self.tile_offset, self.tile_size
        return [
            Rect(y, x, y + height, x + width).intersection(area)
            for y in range(top + (area.y0 - top) // height * height, area.y1, height)
            for x in range(left + (area.x0 - left) // width * width, area.x1, width)
        ]

    def at(self, origin: tuple[int, int]) -> Layout:
        """Return the layout, with PLT, of a part of the picture that starts at the corner `origin` of a tile."""
        return replace(self, offset=origin, tile_offset=origin, plt=True)

    @property
    def divided(self) -> bool:
        """Whether tiles are divided into tile-parts by resolution. j2klearn does this after OpenJPEG has coded."""
        tiles = self.tile_size is not None and self.tile_parts is None
        return tiles and PROGRESSIONS.index(self.progression) in (RLCP, RPCL)

    def overhead(self, area: Rect, components: int, layers: int, size: float) -> int:
        """Return the bytes in the tile-parts of an area that OpenJPEG's rate control does not count.

        Parameters
        ----------
        area : Rect
            The area on the reference grid.
        components, layers : int
            Number of components and of quality layers.
        size : float
            Approximate size of the tile-parts in bytes, with all packets.
        """
        tiles = self.tiles(area)
        if not self.divided:
            return _TILE_MARKERS * len(tiles)
        precincts = sum(self.precinct_counts(area))
        return overhead(
            PROGRESSIONS.index(self.progression),
            self.levels,
            layers,
            tiles=len(tiles),
            precincts=precincts * components,
            size=size,
            plt=self.plt,
            tlm=self.tlm,
        )

    def precinct_counts(self, area: Rect) -> list[int]:
        """Return the precincts that a component of an area has at each resolution, the lowest one first."""
        exponents = [(int(h).bit_length() - 1, int(w).bit_length() - 1) for h, w in self.precincts]
        tiles, out = self.tiles(area), []
        for reduce in range(self.levels, -1, -1):
            last = min(reduce, len(exponents) - 1)
            down, across = exponents[last] if exponents else (_MAX_PRECINCT_EXPONENT, _MAX_PRECINCT_EXPONENT)
            below = max(0, reduce - last) if exponents else 0
            height, width = 1 << max(0, down - below), 1 << max(0, across - below)
            count = 0
            for part in (tile.resolution(reduce) for tile in tiles):
                rows = ceil_div(part.y1, height) - part.y0 // height
                count += rows * (ceil_div(part.x1, width) - part.x0 // width)
            out.append(count)
        return out

    def parameters(self, picture: Picture, **special: Any) -> transport.Parameters:
        """Return the parameters of the native encoder for a picture.

        Parameters
        ----------
        picture : Picture
            The picture.
        **special
            The parameters that depend on the transform; see `j2klearn.native.transport.Parameters`.
        """
        return transport.Parameters(
            area=self.area(picture.height, picture.width),
            tile_origin=self.tile_offset,
            tile_shape=self.tile_size,
            components=picture.components,
            component_transform=picture.ict,
            levels=self.levels,
            codeblock=self.codeblock_size,
            precincts=self.precincts,
            progression=PROGRESSIONS.index(self.progression),
            mode_switches=self.mode_switches,
            sop=self.sop,
            eph=self.eph,
            plt=self.plt or self.divided,
            tlm=self.tlm and not self.divided,
            **special,
        )


def _fits(start: int, end: int, origin: int, tile: int, levels: int, *, reversible: bool = False) -> bool:
    """Return whether the tiles along one direction are large enough for `levels` levels in OpenJPEG."""
    if tile < 1 << levels:
        return False
    edges = [start, *range(origin + tile * ((start - origin) // tile + 1), end, tile), end]
    for first, last in itertools.pairwise(edges):
        for level in range(levels):
            low, high = ceil_div(first, 1 << level), ceil_div(last, 1 << level)
            if low >= high or (high - low == 1 and low % 2 and not reversible):
                return False
    return True


def levels_fit(
    area: Rect,
    tile_offset: tuple[int, int],
    tile_size: tuple[int, int] | None,
    levels: int,
    *,
    reversible: bool = False,
) -> bool:
    """Return whether every tile is large enough for a number of decomposition levels in OpenJPEG.

    Parameters
    ----------
    area : Rect
        The area of the picture on the reference grid.
    tile_offset : (int, int)
        ``(y0, x0)`` of the tile grid.
    tile_size : (int, int) or None
        Height and width of tiles; None for one tile.
    levels : int
        The number of levels.
    reversible : bool
        True for the 5/3. OpenJPEG's 9/7 cannot transform a single high-pass sample, its 5/3 can.
    """
    height, width = tile_size or (area.y1 - tile_offset[0], area.x1 - tile_offset[1])
    return _fits(area.y0, area.y1, tile_offset[0], height, levels, reversible=reversible) and _fits(
        area.x0, area.x1, tile_offset[1], width, levels, reversible=reversible
    )


def default_levels(area: Rect, tile_offset: tuple[int, int], tile_size: tuple[int, int] | None) -> int:
    """Return the default number of levels: 5, or the largest smaller number that `levels_fit` accepts."""
    return max_levels(area, tile_offset, tile_size, min(DEFAULT_LEVELS, int(math.log2(min(area.shape)))))


def max_levels(area: Rect, tile_offset: tuple[int, int], tile_size: tuple[int, int] | None, most: int) -> int:
    """Return the largest number of levels up to `most` that `levels_fit` accepts."""
    while most and not levels_fit(area, tile_offset, tile_size, most):
        most -= 1
    return most
