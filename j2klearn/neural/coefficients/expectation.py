"""Reconstruction points: the expected value of a coefficient given its index and its mixture.

The mixture with which an index was coded is available to readers. It shows where in the cell of the index the
coefficient probably is, for an index of zero as well. It also determines the cell: encoders choose indices by their
cost (`j2klearn.neural.context.rdo_choice`), which follows from the mixture. The reconstruction point is the mean of the
mixture's density over the cell. It is computed in floating point, since no index depends on it.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..entropy.mixture import LOG_SCALE_RANGE, LOG_SCALE_UNIT, LOGIT_UNIT, MEAN_UNIT

__all__ = ["MOST_ERROR", "WEIGHT", "Mixtures", "expected"]

#: Lagrange weight of a bit, in squared quantiser steps, with which indices are chosen. It is less than the slope of the
#: distortion of a uniform quantiser, 2 ln 2 / 12, because reconstruction points reduce the error. Readers use it too.
WEIGHT = 0.10

#: Largest error of a chosen index, in quantiser steps, whatever it saves.
MOST_ERROR = 0.95

#: An index of zero that is more probable than this is reconstructed as zero.
_CERTAIN_ZERO = 0.993

#: Variance of a logistic distribution of scale 1.
_VARIANCE = np.pi**2 / 3

#: If the probability of the cell is not larger than this, the reconstruction point is the index.
_MIN_MASS = 1e-6


def expected(parameters: NDArray[np.int16], values: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return the distances of the reconstruction points from the indices, in quantiser steps.

    Parameters
    ----------
    parameters : ndarray of int16, shape (n, 3, K)
        Parameters of mixtures of logistic distributions, see `j2klearn.neural.entropy.mixture`.
    values : ndarray of int32, shape (n,)
        The indices.

    Returns
    -------
    ndarray of float32, shape (n,)
        -1 to 1; 0 for nearly certain zeros and for indices that are nearly impossible under their mixtures.
    """
    out = np.zeros(len(values), np.float32)
    if not len(values):
        return out
    zeros = np.flatnonzero(values == 0)
    uncertain = np.ones(len(values), bool)
    uncertain[zeros] = Mixtures(parameters[zeros], np.float32).inside(0.5) < _CERTAIN_ZERO
    which = np.flatnonzero(uncertain)
    out[which] = _distances(Mixtures(parameters[which], np.float64), values[which])
    return out


class Mixtures:
    """Mixtures of logistic distributions in floating point.

    Parameters
    ----------
    parameters : ndarray of int16, shape (n, 3, K)
        See `j2klearn.neural.entropy.mixture`.
    kind : type
        The floating point type to compute in.

    Attributes
    ----------
    weights, means, scales : Tensor, shape (n, K)
        Parameters of the components.
    """

    def __init__(self, parameters: NDArray[np.int16], kind: type[np.floating]) -> None:
        logits, self.means, log_scales = torch.from_numpy(parameters.astype(kind)).unbind(1)
        self.weights = torch.softmax(logits * LOGIT_UNIT, 1)
        self.means = self.means * MEAN_UNIT
        self.scales = torch.exp(log_scales.clamp(*LOG_SCALE_RANGE) * LOG_SCALE_UNIT)

    def _places(self, x: Tensor | float) -> Tensor:
        x = x[:, None] if isinstance(x, Tensor) else x
        return (x - self.means) / self.scales

    def below(self, x: Tensor | float) -> Tensor:
        """Return the probabilities below `x`, shape (n,)."""
        return (self.weights * torch.sigmoid(self._places(x))).sum(1)

    def integral(self, x: Tensor) -> Tensor:
        """Return the integrals of `below` from minus infinity to `x`, shape (n,)."""
        return (self.weights * self.scales * torch.nn.functional.softplus(self._places(x))).sum(1)

    def moments(self) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return the means and the variances of the mixtures, shape (n,) each."""
        mean = (self.weights * self.means).sum(1)
        away = self.means - mean[:, None]
        variance = (self.weights * (_VARIANCE * self.scales**2 + away**2)).sum(1)
        return mean.numpy(), variance.numpy()

    def inside(self, x: float) -> NDArray[np.floating]:
        """Return the probabilities of magnitudes below `x`, shape (n,)."""
        out: NDArray[np.floating] = (self.below(x) - self.below(-x)).numpy()
        return out


def _distances(mixtures: Mixtures, values: NDArray[np.int32]) -> NDArray[np.float32]:
    index = torch.from_numpy(values.astype(np.float64))
    side = torch.where(index < 0, -1.0, 1.0)
    mixtures.means = mixtures.means * side[:, None]  # mirror, so that no index is negative
    index = index.abs()
    edges = [mixtures.below(index + at) for at in (-1.5, -0.5, 0.5, 1.5)]
    below, own, above = (-torch.log2((high - low).clamp_min(2.0**-24)) for low, high in pairwise(edges))

    def edge(saved: Tensor) -> Tensor:
        """Return from which distance on the larger index is chosen, if the smaller one saves this many bits."""
        return (0.5 + 0.5 * WEIGHT * saved).clamp(0.5, MOST_ERROR)

    high = index + edge(above - own)
    low = torch.where(index > 0, index - 1 + edge(own - below), -edge(below - own))
    below_high, below_low = mixtures.below(high), mixtures.below(low)
    mass = below_high - below_low
    moment = high * below_high - low * below_low
    moment -= mixtures.integral(high) - mixtures.integral(low)
    mean = moment / mass.clamp_min(_MIN_MASS)
    mean = torch.minimum(torch.maximum(mean, low), high)
    distance = torch.where(mass > _MIN_MASS, (mean - index) * side, 0.0)
    out: NDArray[np.float32] = distance.float().numpy()
    return out
