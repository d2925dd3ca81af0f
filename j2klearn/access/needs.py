"""The areas of each resolution, and the tiles, that decoding needs."""

from __future__ import annotations

from collections.abc import Iterable

from ..codestream.main_header import MainHeader
from ..core.geometry import Rect

__all__ = ["Needs", "numbers_of", "tiles_of"]

#: Margin, in samples of each resolution, that the 9/7 synthesis of an area needs. The margins that the higher levels
#: need, halved for each level in between, add up to a little less.
_SYNTHESIS_MARGIN = 10


class Needs:
    """The areas of each resolution that some decode requests need.

    Parameters
    ----------
    header : MainHeader
        Header of the codestream.
    requests : iterable of (Rect, int)
        Area on the reference grid, and number of highest resolutions to discard, of each request.

    Attributes
    ----------
    finest : int
        The highest resolution that is needed; 0 is the lowest of the codestream.
    """

    def __init__(self, header: MainHeader, requests: Iterable[tuple[Rect, int]]) -> None:
        self.header = header
        self._areas: dict[int, list[Rect]] = {}
        finest = 0
        for area, reduce in requests:
            finest = max(finest, header.levels - reduce)
            for resolution in range(header.levels - reduce + 1):
                at = area.resolution(header.levels - resolution).grown(_SYNTHESIS_MARGIN)
                self._areas.setdefault(resolution, []).append(at)
        self.finest = finest

    def wants(self, resolution: int, area: Rect) -> bool:
        """Return whether any part of `area`, in the coordinates of `resolution`, is needed."""
        return any(area.intersection(part).size for part in self._areas.get(resolution, ()))

    def tiles(self) -> tuple[int, int, int, int]:
        """Return the range of tiles that is needed; see `tiles_of`."""
        areas = []
        for resolution, parts in self._areas.items():
            scale = 1 << (self.header.levels - resolution)
            for area in parts:
                scaled = (v * scale for v in (area.y0 - 1, area.x0 - 1, area.y1, area.x1))
                areas.append(Rect(*scaled).intersection(self.header.area))
        return tiles_of(self.header, areas)

    def finest_of(self, tile: Rect) -> int:
        """Return the highest resolution that is needed of a tile (area on the reference grid); -1 if none is."""
        for resolution in range(self.finest, -1, -1):
            if self.wants(resolution, tile.resolution(self.header.levels - resolution)):
                return resolution
        return -1


def tiles_of(header: MainHeader, areas: Iterable[Rect]) -> tuple[int, int, int, int]:
    """Return the range of tiles that holds some areas of the reference grid, at least one tile.

    It is the first row, first column, end row and end column (exclusive).
    """
    (top, left), (height, width) = header.tile_origin, header.tile_size
    down, across = header.tile_grid
    spans = [
        (
            min(down - 1, max(0, (area.y0 - top) // height)),
            min(across - 1, max(0, (area.x0 - left) // width)),
            min(down, (max(area.y1 - 1, area.y0) - top) // height + 1),
            min(across, (max(area.x1 - 1, area.x0) - left) // width + 1),
        )
        for area in areas
    ]
    first_rows, first_columns, end_rows, end_columns = zip(*spans, strict=True)
    return min(first_rows), min(first_columns), max(end_rows), max(end_columns)


def numbers_of(header: MainHeader, bounds: tuple[int, int, int, int]) -> list[int]:
    """Return the numbers of the tiles of a range, row by row."""
    across = header.tile_grid[1]
    return [
        row * across + column for row in range(bounds[0], bounds[2]) for column in range(bounds[1], bounds[3])
    ]
