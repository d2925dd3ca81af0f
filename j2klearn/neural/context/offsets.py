"""Offsets of scales: how much a subband is calmer or livelier than its mixtures say, which the file tells before it.

One picture's finest details are all zero, another's full of grain, and networks learn what suits most. An offset moves
the log-scales of all mixtures of a subband. It is coded as the difference to that of the same orientation one level
above, under one logistic component. This is part of the file format.
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

#: Subbands of fewer samples have none, and no corrections of means (`j2klearn.neural.context.correction`) either.
LEAST_SAMPLES = 1024

#: Offsets are of this magnitude at most, in steps of `_UNIT` units of the log-scale.
MOST = 12
_UNIT = 8

_LOG_SCALE = 12  # of the distribution of differences: scale 1.2

#: So many samples of a kind, zeros or others, are looked at to choose one.
_LOOKED_AT = 8192

_STRIDES = (4, 2, 1)


def moved(parameters: Parameters, offset: int) -> Parameters:
    """Return mixtures (n, 3, K) with their scales moved by an offset."""
    if not offset:
        return parameters
    out = parameters.copy()
    np.clip(out[:, 2], *LOG_SCALE_RANGE, out=out[:, 2])
    out[:, 2] += np.int16(_UNIT * offset)
    return out


def parameters_of(predicted: int) -> Parameters:
    """Return the mixture (1, 3, 1) that an offset is coded with."""
    return np.array([[[0], [32 * predicted], [_LOG_SCALE]]], np.int16)


class Offsets:
    """Those of a picture, as a walk comes by."""

    def __init__(self) -> None:
        self._told: dict[tuple[int, int, int], int] = {}

    def predicted(self, station: Station) -> int:
        """Return what the offset of a subband is taken to be before it is told."""
        return self._told.get((station.component, station.level + 1, station.index), 0)

    def keep(self, station: Station, offset: int) -> None:
        """Take the offset of a subband."""
        self._told[station.component, station.level, station.index] = offset


def best_offset(values: Values, parameters: Parameters, predicted: int, mixtures: Mixture) -> int:
    """Return the offset with which a subband costs the fewest bits, its own ones too.

    Parameters
    ----------
    values : ndarray of int32, shape (n,)
        The subband, low bits left out.
    parameters : ndarray of int16, shape (n, 3, K)
        Its mixtures.
    predicted : int
        Of `Offsets`.
    mixtures : Mixture
        How parameters become frequencies.
    """
    looked = [_some(np.flatnonzero(values == 0)), _some(np.flatnonzero(values))]
    costs: dict[int, float] = {}

    def cost(offset: int) -> float:
        if offset not in costs:
            own = cost_bits(np.array([offset], np.int32), parameters_of(predicted), mixtures)
            costs[offset] = float(own.sum()) + sum(
                share * float(cost_bits(values[which], moved(parameters[which], offset), mixtures).sum())
                for which, share in looked
                if which.size
            )
        return costs[offset]

    best = predicted
    for stride in _STRIDES:
        for direction in (-stride, stride):
            while abs(best + direction) <= MOST and cost(best + direction) < cost(best):
                best += direction
    return best


def _some(which: NDArray[np.intp]) -> tuple[NDArray[np.intp], float]:
    """Return places, or some of them in regular distances, and how many each stands for."""
    some = which[:: max(1, len(which) // _LOOKED_AT)]
    return some, len(which) / max(1, len(some))
