"""What a decoding needs of each resolution, and so of each tile."""

from __future__ import annotations

from collections.abc import Iterable

from ..codestream.main_header import MainHeader
from ..core.geometry import Rect

__all__ = ["Needs"]

#: Samples beyond an area which its synthesis by the 9/7 reads, at every resolution below: the sum of half of them,
#: a quarter, and so on, and a little more.
_REACH = 10


class Needs:
    """The areas of all resolutions that a number of decodings read.

    Parameters
    ----------
    header : MainHeader
        Of the codestream.
    requests : iterable of (Rect, int)
        Areas of the reference grid, and how many of the highest resolutions each leaves out.
    """

    def __init__(self, header: MainHeader, requests: Iterable[tuple[Rect, int]]) -> None:
        self.header = header
        self._areas: dict[int, list[Rect]] = {}
        finest = 0
        for area, reduce in requests:
            finest = max(finest, header.levels - reduce)
            for resolution in range(header.levels - reduce + 1):
                at = area.resolution(header.levels - resolution).grown(_REACH)
                self._areas.setdefault(resolution, []).append(at)
        self.finest = finest

    def wants(self, resolution: int, area: Rect) -> bool:
        """Tell whether any of an area of a resolution is needed."""
        return any(area.intersection(part).size for part in self._areas.get(resolution, ()))

    def tiles(self) -> tuple[int, int, int, int]:
        """Return the rows and columns of tiles that are needed: first row, first column, and the ends."""
        spans = [self._span(resolution, area) for resolution, parts in self._areas.items() for area in parts]
        return (
            min(span[0] for span in spans),
            min(span[1] for span in spans),
            max(span[2] for span in spans),
            max(span[3] for span in spans),
        )

    def _span(self, resolution: int, area: Rect) -> tuple[int, int, int, int]:
        header, scale = self.header, 1 << (self.header.levels - resolution)
        whole = Rect(*(v * scale for v in (area.y0 - 1, area.x0 - 1, area.y1, area.x1))).intersection(
            header.area
        )
        (top, left), (height, width) = header.tile_origin, header.tile_size
        down, across = header.tile_grid
        return (
            min(down - 1, max(0, (whole.y0 - top) // height)),
            min(across - 1, max(0, (whole.x0 - left) // width)),
            min(down, (max(whole.y1 - 1, whole.y0) - top) // height + 1),
            min(across, (max(whole.x1 - 1, whole.x0) - left) // width + 1),
        )

    def finest_of(self, tile: Rect) -> int:
        """Return the finest resolution that is needed of a tile; -1 where none is."""
        for resolution in range(self.finest, -1, -1):
            if self.wants(resolution, tile.resolution(self.header.levels - resolution)):
                return resolution
        return -1
