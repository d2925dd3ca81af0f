"""T.800 geometry: where the samples of resolutions and subbands lie on the reference grid (T.800 Annex B)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ORIENTATIONS", "Rect", "ceil_div"]

#: Detail subbands in codestream order (T.800 B.9): horizontal high-pass first.
ORIENTATIONS = ("HL", "LH", "HH")

#: (horizontal, vertical) high-pass flags: xob and yob of T.800 Table B.1.
_HIGH_PASS = {"LL": (0, 0), "HL": (1, 0), "LH": (0, 1), "HH": (1, 1)}


def ceil_div(value: int, divisor: int) -> int:
    """Return ``ceil(value / divisor)`` in integers."""
    return -(-value // divisor)


@dataclass(frozen=True)
class Rect:
    """A half-open rectangle ``[y0, y1) x [x0, x1)`` of grid positions."""

    y0: int
    x0: int
    y1: int
    x1: int

    @property
    def height(self) -> int:
        return max(0, self.y1 - self.y0)

    @property
    def width(self) -> int:
        return max(0, self.x1 - self.x0)

    @property
    def shape(self) -> tuple[int, int]:
        return self.height, self.width

    @property
    def size(self) -> int:
        return self.height * self.width

    @property
    def origin(self) -> tuple[int, int]:
        return self.y0, self.x0

    def resolution(self, reduce: int) -> Rect:
        """Return this area with the `reduce` highest resolutions left out (T.800 equation B-14)."""
        scale = 1 << reduce
        return Rect(
            ceil_div(self.y0, scale),
            ceil_div(self.x0, scale),
            ceil_div(self.y1, scale),
            ceil_div(self.x1, scale),
        )

    def subband(self, orientation: str, level: int = 1) -> Rect:
        """Return the area that a subband of decomposition level `level` covers (T.800 equation B-15)."""
        xob, yob = _HIGH_PASS[orientation]
        scale, half = 1 << level, 1 << (level - 1)
        return Rect(
            ceil_div(self.y0 - half * yob, scale),
            ceil_div(self.x0 - half * xob, scale),
            ceil_div(self.y1 - half * yob, scale),
            ceil_div(self.x1 - half * xob, scale),
        )

    def decomposed(self) -> tuple[Rect, Rect, Rect, Rect]:
        """Return the areas of LL, HL, LH and HH of one decomposition of this area."""
        return self.resolution(1), self.subband("HL"), self.subband("LH"), self.subband("HH")

    def grown(self, margin: int) -> Rect:
        """Return the rectangle with `margin` positions added on every side."""
        return Rect(self.y0 - margin, self.x0 - margin, self.y1 + margin, self.x1 + margin)

    def evened(self) -> Rect:
        """Return the smallest rectangle with even corners that has this one in it."""
        return Rect(self.y0 & ~1, self.x0 & ~1, ceil_div(self.y1, 2) * 2, ceil_div(self.x1, 2) * 2)

    def intersection(self, other: Rect) -> Rect:
        """Return the part of this rectangle that lies in `other` (empty rectangles keep a valid origin)."""
        y0, x0 = max(self.y0, other.y0), max(self.x0, other.x0)
        return Rect(y0, x0, max(y0, min(self.y1, other.y1)), max(x0, min(self.x1, other.x1)))

    def slices_in(self, outer: Rect) -> tuple[slice, slice]:
        """Return the slices that cut this rectangle out of an array covering `outer`."""
        return (
            slice(self.y0 - outer.y0, self.y1 - outer.y0),
            slice(self.x0 - outer.x0, self.x1 - outer.x0),
        )
