"""Where a coefficient is within the cell of its index, by the mixture that it was coded with.

What a reader knows of a coefficient is more than its index: the mixture says whether it is nearer to zero or further
off, of an index of zero too on which side of it. And as encoders choose indices by their cost
(`j2klearn.neural.context.rdo_choice`), so does the mixture say how far the cell reaches. The mean over the cell of
the mixture's density is the point of reconstruction. This is floating point, for no index depends on it.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..entropy.mixture import LOG_SCALE_RANGE, LOG_SCALE_UNIT, LOGIT_UNIT, MEAN_UNIT

__all__ = ["MOST_ERROR", "WEIGHT", "Mixtures", "expected"]

#: What a bit is worth in squared quantiser steps: less than the slope of a uniform quantiser's distortion, 2 ln 2 / 12,
#: for what is decoded lies nearer. Readers go by it too (`j2klearn.neural.coefficients.expectation`).
WEIGHT = 0.10

#: No bits make up for an error that is larger than this, in quantiser steps.
MOST_ERROR = 0.95

#: Zeros that are more probable than this are where they are.
_CERTAIN = 0.993

#: Of a logistic distribution, in squares of its scale.
_VARIANCE = np.pi**2 / 3

#: Less of a mixture than this in a cell says nothing.
_LEAST = 1e-6


def expected(parameters: NDArray[np.int16], values: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return the distances of the means within cells from the indices, in quantiser steps.

    Parameters
    ----------
    parameters : ndarray of int16, shape (n, 3, K)
        Of mixtures of logistic distributions, see `j2klearn.neural.entropy.mixture`.
    values : ndarray of int32, shape (n,)
        The indices.

    Returns
    -------
    ndarray of float32, shape (n,)
        -1 to 1; 0 where the mixture tells nothing.
    """
    out = np.zeros(len(values), np.float32)
    if not len(values):
        return out
    zeros = np.flatnonzero(values == 0)
    told = np.ones(len(values), bool)
    told[zeros] = Mixtures(parameters[zeros], np.float32).inside(0.5) < _CERTAIN
    which = np.flatnonzero(told)
    out[which] = _distances(Mixtures(parameters[which], np.float64), values[which])
    return out


class Mixtures:
    """Mixtures in floating point; all tensors of shape (n, K)."""

    def __init__(self, parameters: NDArray[np.int16], kind: type[np.floating]) -> None:
        logits, self.means, log_scales = torch.from_numpy(parameters.astype(kind)).unbind(1)
        self.weights = torch.softmax(logits * LOGIT_UNIT, 1)
        self.means = self.means * MEAN_UNIT
        self.scales = torch.exp(log_scales.clamp(*LOG_SCALE_RANGE) * LOG_SCALE_UNIT)

    def _places(self, x: Tensor | float) -> Tensor:
        x = x[:, None] if isinstance(x, Tensor) else x
        return (x - self.means) / self.scales

    def below(self, x: Tensor | float) -> Tensor:
        """Return the probabilities below x, (n,)."""
        return (self.weights * torch.sigmoid(self._places(x))).sum(1)

    def integral(self, x: Tensor) -> Tensor:
        """Return the integrals of `below` up to x."""
        return (self.weights * self.scales * torch.nn.functional.softplus(self._places(x))).sum(1)

    def moments(self) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return the means and the variances."""
        mean = (self.weights * self.means).sum(1)
        away = self.means - mean[:, None]
        variance = (self.weights * (_VARIANCE * self.scales**2 + away**2)).sum(1)
        return mean.numpy(), variance.numpy()

    def inside(self, x: float) -> NDArray[np.floating]:
        """Return the probabilities of less than x in magnitude."""
        out: NDArray[np.floating] = (self.below(x) - self.below(-x)).numpy()
        return out


def _distances(mixtures: Mixtures, values: NDArray[np.int32]) -> NDArray[np.float32]:
    index = torch.from_numpy(values.astype(np.float64))
    side = torch.where(index < 0, -1.0, 1.0)
    mixtures.means = mixtures.means * side[:, None]  # all indices are positive from here
    index = index.abs()
    edges = [mixtures.below(index + at) for at in (-1.5, -0.5, 0.5, 1.5)]
    below, own, above = (-torch.log2((high - low).clamp_min(2.0**-24)) for low, high in pairwise(edges))

    def edge(saved: Tensor) -> Tensor:
        """Return from where on the index further off is taken, if the one nearer to zero saves so many bits."""
        return (0.5 + 0.5 * WEIGHT * saved).clamp(0.5, MOST_ERROR)

    high = index + edge(above - own)
    low = torch.where(index > 0, index - 1 + edge(own - below), -edge(below - own))
    below_high, below_low = mixtures.below(high), mixtures.below(low)
    mass = below_high - below_low
    moment = high * below_high - low * below_low
    moment -= mixtures.integral(high) - mixtures.integral(low)
    mean = moment / mass.clamp_min(_LEAST)
    mean = torch.minimum(torch.maximum(mean, low), high)
    distance = torch.where(mass > _LEAST, (mean - index) * side, 0.0)
    out: NDArray[np.float32] = distance.float().numpy()
    return out
