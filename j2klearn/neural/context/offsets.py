"""A per-subband offset to the predicted log-scales, stored in the file before the subband.

Networks learn what suits most pictures, but the finest details of one picture are all zero, and those of another are
full of grain. An offset is added to the log-scales of all mixtures of a subband. It is coded under a mixture of one
logistic component, whose mean is the offset of the same orientation at the next coarser level. This is part of the file
format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..entropy.mixture import LOG_SCALE_RANGE, Mixture
from ..entropy.range_coder import cost_bits

if TYPE_CHECKING:
    from ..entropy.mixture import Parameters, Values
    from .station import Station

__all__ = ["LEAST_SAMPLES", "MOST", "Offsets", "best_offset", "moved", "parameters_of"]

#: Subbands with fewer samples have neither an offset nor a correction of means (`j2klearn.neural.context.correction`).
LEAST_SAMPLES = 1024

#: Largest magnitude of offsets, in steps of `_UNIT` units of the log-scale.
MOST = 12
_UNIT = 8

_LOG_SCALE = 12  # log-scale of the component that codes offsets: scale 1.2

#: About the most samples of a kind, zeros or others, on which the encoder compares offsets.
_MAX_SAMPLES = 8192

_STRIDES = (4, 2, 1)


def moved(parameters: Parameters, offset: int) -> Parameters:
    """Return mixtures (n, 3, K) with an offset added to their clamped log-scales."""
    if not offset:
        return parameters
    out = parameters.copy()
    np.clip(out[:, 2], *LOG_SCALE_RANGE, out=out[:, 2])
    out[:, 2] += np.int16(_UNIT * offset)
    return out


def parameters_of(predicted: int) -> Parameters:
    """Return the mixture (1, 3, 1) with which an offset is coded, given the predicted offset."""
    return np.array([[[0], [32 * predicted], [_LOG_SCALE]]], np.int16)


class Offsets:
    """The offsets of a picture, collected during a walk."""

    def __init__(self) -> None:
        self._offsets: dict[tuple[int, int, int], int] = {}

    def predicted(self, station: Station) -> int:
        """Return the predicted offset of a subband: that of the same orientation at the next coarser level, or 0."""
        return self._offsets.get((station.component, station.level + 1, station.index), 0)

    def keep(self, station: Station, offset: int) -> None:
        """Store the offset of a subband."""
        self._offsets[station.component, station.level, station.index] = offset


def best_offset(values: Values, parameters: Parameters, predicted: int, mixtures: Mixture) -> int:
    """Return the offset with which a subband costs the fewest bits, including those of the offset.

    Parameters
    ----------
    values : ndarray of int32, shape (n,)
        The subband without its raw low bits.
    parameters : ndarray of int16, shape (n, 3, K)
        The mixtures of the subband.
    predicted : int
        The predicted offset, see `Offsets.predicted`.
    mixtures : Mixture
        Turns parameters into frequencies.
    """
    samples = [_sampled(np.flatnonzero(values == 0)), _sampled(np.flatnonzero(values))]
    costs: dict[int, float] = {}

    def cost(offset: int) -> float:
        if offset not in costs:
            own = cost_bits(np.array([offset], np.int32), parameters_of(predicted), mixtures)
            costs[offset] = float(own.sum()) + sum(
                share * float(cost_bits(values[which], moved(parameters[which], offset), mixtures).sum())
                for which, share in samples
                if which.size
            )
        return costs[offset]

    best = predicted
    for stride in _STRIDES:
        for direction in (-stride, stride):
            while abs(best + direction) <= MOST and cost(best + direction) < cost(best):
                best += direction
    return best


def _sampled(which: NDArray[np.intp]) -> tuple[NDArray[np.intp], float]:
    """Return regularly spaced places of `which`, and the number of places that each represents."""
    sample = which[:: max(1, len(which) // _MAX_SAMPLES)]
    return sample, len(which) / max(1, len(sample))
