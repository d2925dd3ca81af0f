"""Geometry of T.800 Annex B: the areas that resolutions and subbands cover on the reference grid."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ORIENTATIONS", "Rect", "ceil_div"]

#: The detail subbands of a level, in the order of the codestream (T.800 B.9).
ORIENTATIONS = ("HL", "LH", "HH")

#: (xob, yob) of T.800 Table B.1: 1 where the subband is high-pass horizontally or vertically.
_HIGH_PASS = {"LL": (0, 0), "HL": (1, 0), "LH": (0, 1), "HH": (1, 1)}


def ceil_div(value: int, divisor: int) -> int:
    """Return ``ceil(value / divisor)``, computed in integers; `divisor` must be positive."""
    return -(-value // divisor)


@dataclass(frozen=True)
class Rect:
    """A half-open rectangle ``[y0, y1) x [x0, x1)`` of grid positions.

    Attributes
    ----------
    y0, x0 : int
        First row and first column.
    y1, x1 : int
        End of the rows and of the columns, exclusive. A rectangle with ``y1 <= y0`` or ``x1 <= x0`` is empty.
    """

    y0: int
    x0: int
    y1: int
    x1: int

    @property
    def height(self) -> int:
        """Number of rows, 0 if empty."""
        return max(0, self.y1 - self.y0)

    @property
    def width(self) -> int:
        """Number of columns, 0 if empty."""
        return max(0, self.x1 - self.x0)

    @property
    def shape(self) -> tuple[int, int]:
        """``(height, width)``."""
        return self.height, self.width

    @property
    def size(self) -> int:
        """Number of grid positions."""
        return self.height * self.width

    @property
    def origin(self) -> tuple[int, int]:
        """``(y0, x0)``."""
        return self.y0, self.x0

    def resolution(self, reduce: int) -> Rect:
        """Return this area at a resolution that discards the `reduce` highest levels (T.800 equation B-14)."""
        scale = 1 << reduce
        return Rect(
            ceil_div(self.y0, scale),
            ceil_div(self.x0, scale),
            ceil_div(self.y1, scale),
            ceil_div(self.x1, scale),
        )

    def subband(self, orientation: str, level: int = 1) -> Rect:
        """Return the area of a subband (LL, HL, LH or HH) of decomposition level `level` (T.800 equation B-15)."""
        xob, yob = _HIGH_PASS[orientation]
        scale, half = 1 << level, 1 << (level - 1)
        return Rect(
            ceil_div(self.y0 - half * yob, scale),
            ceil_div(self.x0 - half * xob, scale),
            ceil_div(self.y1 - half * yob, scale),
            ceil_div(self.x1 - half * xob, scale),
        )

    def decomposed(self) -> tuple[Rect, Rect, Rect, Rect]:
        """Return the areas of LL, HL, LH and HH after one decomposition of this area."""
        return self.resolution(1), self.subband("HL"), self.subband("LH"), self.subband("HH")

    def grown(self, margin: int) -> Rect:
        """Return this rectangle extended by `margin` positions on every side."""
        return Rect(self.y0 - margin, self.x0 - margin, self.y1 + margin, self.x1 + margin)

    def evened(self) -> Rect:
        """Return the smallest rectangle with even corners that contains this one."""
        return self.aligned(2)

    def aligned(self, side: int) -> Rect:
        """Return the smallest rectangle with corners at multiples of `side` that contains this one."""
        return Rect(
            self.y0 // side * side,
            self.x0 // side * side,
            ceil_div(self.y1, side) * side,
            ceil_div(self.x1, side) * side,
        )

    def intersection(self, other: Rect) -> Rect:
        """Return the intersection with `other`; if it is empty, ``y1 >= y0`` and ``x1 >= x0`` still hold."""
        y0, x0 = max(self.y0, other.y0), max(self.x0, other.x0)
        return Rect(y0, x0, max(y0, min(self.y1, other.y1)), max(x0, min(self.x1, other.x1)))

    def slices_in(self, outer: Rect) -> tuple[slice, slice]:
        """Return the slices (rows, columns) that select this rectangle in an array that covers `outer`."""
        return (
            slice(self.y0 - outer.y0, self.y1 - outer.y0),
            slice(self.x0 - outer.x0, self.x1 - outer.x0),
        )
