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

    def to_flat(self, scales: Sequence[float] = ()) -> Band:
        """Return all coefficients as one array, each subband times its factor in `scales` if there are any."""
        bands = self.bands()
        flat = np.empty(self.area.size, bands[0].dtype)
        at = 0
        for index, band in enumerate(bands):
            part = flat[at : at + band.size].reshape(band.shape)
            np.multiply(band, scales[index], out=part) if scales else np.copyto(part, band)
            at += band.size
        return flat

    @classmethod
    def from_flat(cls, flat: Band, area: Rect, levels: int, scales: Sequence[float] = ()) -> Subbands:
        """Cut the transport's array into subbands; they are views of it, divided in place by `scales`."""
        bands = []
        at = 0
        for index, (_, _, rect) in enumerate(subband_rects(area, levels)):
            band = flat[at : at + rect.size].reshape(rect.shape)
            if scales:
                band /= scales[index]
            bands.append(band)
            at += rect.size
        groups = [(bands[i], bands[i + 1], bands[i + 2]) for i in range(1, len(bands), 3)]
        return cls(area, bands[0], groups[::-1])
