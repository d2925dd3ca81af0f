"""Rate-distortion optimised quantisation: chooses indices by their error and their bits.

Before a coefficient is coded, the walk of the encoder can compute the bits of every index. If the index that is one
nearer to zero saves more weighted bits than it adds squared error, it is chosen. Later contexts are computed from the
chosen indices; the effect of a choice on their bits is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ...core.subbands import Subbands
from ..coefficients.expectation import MOST_ERROR, WEIGHT
from ..coefficients.reconstruction_points import Points
from ..entropy.mixture import Mixture, Parameters, Values
from ..entropy.range_coder import cost_bits
from .offsets import Offsets, best_offset, moved
from .station import Station

__all__ = ["Chooser"]


class Chooser:
    """Chooses the indices of a walk by their rate-distortion cost; see `j2klearn.neural.context.station.Coder`.

    Parameters
    ----------
    coefficients : sequence of Subbands
        Normalised coefficients, float32, of every component.
    step : float
        The quantiser step.
    mixtures : Mixture
        Turns parameters into frequencies.
    weight : float
        Lagrange weight of a bit, in squared quantiser steps.
    points : Points, optional
        Receives the reconstruction points of details.
    """

    def __init__(
        self,
        coefficients: Sequence[Subbands],
        step: float,
        mixtures: Mixture,
        weight: float = WEIGHT,
        points: Points | None = None,
    ) -> None:
        self._coefficients, self._scale = coefficients, np.float32(1 / step)
        self._mixtures, self._weight, self._points = mixtures, weight, points
        self._offsets = Offsets()

    def open(self, segment: int) -> None:
        pass

    def bits(self, component: int, name: str, count: int) -> int:
        return 0  # only the coding of LL depends on these numbers, and LL is not chosen by its cost

    def low(self, component: int, shape: tuple[int, int], parameters: Callable[[int], Parameters]) -> Values:
        return np.rint(self._coefficients[component].ll * self._scale).astype(np.int32)

    def band(self, station: Station) -> Values:
        details = self._coefficients[station.component].details[station.level - 1]
        scaled = details[station.index].ravel() * self._scale

        def chosen(mixtures: Parameters, places: NDArray[np.intp]) -> Values:
            return self._chosen(scaled[places], mixtures)

        if self._points is None and not station.adaptive:
            return station.decoded(chosen)
        kept = station.room()
        band = station.decoded(chosen, kept)
        if station.adaptive:
            # indices are chosen under the unmodified mixtures: guessing the offset in advance hurts smooth pictures
            offset = best_offset(band.ravel(), kept, self._offsets.predicted(station), self._mixtures)
            self._offsets.keep(station, offset)
            kept = moved(kept, offset)
        if self._points is not None:
            self._points.put(*station.place, band, kept)
        return band

    def _chosen(self, scaled: NDArray[np.float32], parameters: Parameters) -> Values:
        size = np.abs(scaled)
        index = np.floor(size + 0.5)
        # consider the index one nearer to zero, if there is one and its error is below the limit
        which = np.flatnonzero((index > 0) & (size - index + 1 < MOST_ERROR))
        if which.size:
            sign, size, upper = np.sign(scaled[which]), size[which], index[which]
            lower = upper - 1
            both = np.concatenate([sign * upper, sign * lower]).astype(np.int32)
            costs = cost_bits(both, np.tile(parameters[which], (2, 1, 1)), self._mixtures)
            saved = costs[: which.size] - costs[which.size :]
            worse = (size - lower) ** 2 - (size - upper) ** 2
            index[which] = np.where(worse < self._weight * saved, lower, upper)
        return np.copysign(index, scaled).astype(np.int32)
