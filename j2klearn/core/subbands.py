"""The subbands of one component, and their order in the flat array of the native transport."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .geometry import ORIENTATIONS, Rect

__all__ = ["Band", "Subbands", "subband_rects"]

Band = NDArray[Any]


def subband_rects(area: Rect, levels: int) -> Iterator[tuple[str, int, Rect]]:
    """Yield (orientation, level, area) of every subband: LL, then HL, LH, HH from the coarsest level to the finest."""
    yield "LL", levels, area.resolution(levels)
    for level in range(levels, 0, -1):
        for orientation in ORIENTATIONS:
            yield orientation, level, area.subband(orientation, level)


@dataclass
class Subbands:
    """The subbands of a component; all are two-dimensional, float32 or int32.

    Attributes
    ----------
    area : Rect
        Area of the component on its own grid.
    ll : ndarray
        The low-pass subband of the coarsest level.
    details : list of (hl, lh, hh)
        The detail subbands of every level, the finest level first.
    """

    area: Rect
    ll: Band
    details: list[tuple[Band, Band, Band]]

    @property
    def levels(self) -> int:
        """Number of decomposition levels."""
        return len(self.details)

    def bands(self) -> list[Band]:
        """Return the subbands in the order of the transport: LL, then HL, LH, HH from coarse to fine."""
        return [self.ll, *(band for level in reversed(self.details) for band in level)]

    def to_flat(self) -> Band:
        """Return all coefficients as one array, shape (area.size,), in the order of the transport."""
        return np.concatenate([band.ravel() for band in self.bands()])

    def part(self, area: Rect) -> Subbands:
        """Return the coefficients whose positions lie in a part of the area, as views.

        Parameters
        ----------
        area : Rect
            The part. Its corner is at multiples of ``2 ** levels``, so that its subbands are those of a picture of
            its size.
        """
        rects = zip(subband_rects(area, self.levels), subband_rects(self.area, self.levels), strict=True)
        bands = [
            band[inner.slices_in(outer)]
            for band, ((_, _, inner), (_, _, outer)) in zip(self.bands(), rects, strict=True)
        ]
        return self._of_bands(bands, area)

    def multiply(self, factors: Sequence[float]) -> None:
        """Multiply every subband in place by its factor; `factors` are in the order of the transport."""
        for band, factor in zip(self.bands(), factors, strict=True):
            band *= factor

    def divide(self, factors: Sequence[float]) -> None:
        """Divide every subband in place by its factor; `factors` are in the order of the transport."""
        for band, factor in zip(self.bands(), factors, strict=True):
            band /= factor

    @classmethod
    def from_flat(cls, flat: Band, area: Rect, levels: int) -> Subbands:
        """Split the flat array of the transport into subbands, which are views of it.

        Parameters
        ----------
        flat : ndarray, shape (area.size,)
            Coefficients in the order of the transport, each subband row by row.
        area : Rect
            Area of the component on its own grid.
        levels : int
            Number of decomposition levels.
        """
        bands = []
        at = 0
        for _, _, rect in subband_rects(area, levels):
            bands.append(flat[at : at + rect.size].reshape(rect.shape))
            at += rect.size
        return cls._of_bands(bands, area)

    @classmethod
    def _of_bands(cls, bands: Sequence[Band], area: Rect) -> Subbands:
        """Return subbands that are given in the order of the transport."""
        groups = [(bands[i], bands[i + 1], bands[i + 2]) for i in range(1, len(bands), 3)]
        return cls(area, bands[0], groups[::-1])
