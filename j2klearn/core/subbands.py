"""The subbands of one component, and the flat order in which the transport takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .geometry import ORIENTATIONS, Rect

__all__ = ["Subbands", "subband_rects"]

Band = NDArray[Any]


def subband_rects(area: Rect, levels: int) -> Iterator[tuple[str, int, Rect]]:
    """Yield (orientation, level, area) of every subband: LL, then HL, LH and HH from coarse to fine."""
    yield "LL", levels, area.resolution(levels)
    for level in range(levels, 0, -1):
        for orientation in ORIENTATIONS:
            yield orientation, level, area.subband(orientation, level)


@dataclass
class Subbands:
    """A component after `levels` decompositions.

    Attributes
    ----------
    area : Rect
        What the component covers on its grid.
    ll : ndarray
        The low-pass subband of the coarsest level.
    details : list of (hl, lh, hh)
        The detail subbands of every level, finest first; all two-dimensional, float32 or int32.
    """

    area: Rect
    ll: Band
    details: list[tuple[Band, Band, Band]]

    @property
    def levels(self) -> int:
        return len(self.details)

    def bands(self) -> list[Band]:
        """Return the subbands in the transport's order."""
        return [self.ll, *(band for level in reversed(self.details) for band in level)]

    def to_flat(self) -> Band:
        """Return all coefficients as one array."""
        return np.concatenate([band.ravel() for band in self.bands()])

    def multiply(self, factors: Sequence[float]) -> None:
        """Multiply every subband in place by its factor, given in the transport's order."""
        for band, factor in zip(self.bands(), factors, strict=True):
            band *= factor

    def divide(self, factors: Sequence[float]) -> None:
        """Divide every subband in place by its factor, given in the transport's order."""
        for band, factor in zip(self.bands(), factors, strict=True):
            band /= factor

    @classmethod
    def from_flat(cls, flat: Band, area: Rect, levels: int) -> Subbands:
        """Cut the transport's array into subbands, which are views of it."""
        bands = []
        at = 0
        for _, _, rect in subband_rects(area, levels):
            bands.append(flat[at : at + rect.size].reshape(rect.shape))
            at += rect.size
        groups = [(bands[i], bands[i + 1], bands[i + 2]) for i in range(1, len(bands), 3)]
        return cls(area, bands[0], groups[::-1])
