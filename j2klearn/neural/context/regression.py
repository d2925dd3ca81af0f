"""Corrections fitted: the weights with which a subband costs the fewest bits, as the encoder finds them.

What is left of a coefficient beyond the mean of its mixture is regressed on all that a correction can weigh
(`j2klearn.neural.context.correction`), every sample by what its mixture knows of the place: one over its variance.
Weights that save less than they cost are left out, the others are fitted anew.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..coefficients.expectation import Mixtures
from ..entropy.mixture import Mixture, Parameters, Values
from ..entropy.range_coder import cost_bits
from .correction import MOST, UNIT_BITS, Correction, Surroundings, Weights, own_taps

__all__ = ["fitted"]

#: Bits that a weight has to save, its own ones and what chance alone would save.
_WORTH = 12.0

#: Samples that are looked at.
_LOOKED_AT = 1 << 17

#: Variance of rounding, which is added lest certain samples decide alone.
_FLOOR = 0.3

_RIDGE = 1e-6


def fitted(values: Values, mixtures: Parameters, surroundings: Surroundings, coder: Mixture) -> Weights:
    """Return the weights of a subband's correction; zeros if there is none that pays.

    Parameters
    ----------
    values : ndarray of int32, shape (h, w)
        The subband, low bits left out.
    mixtures : ndarray of int16, shape (h * w, 3, K)
        Its mixtures.
    surroundings : Surroundings
        Its surroundings.
    coder : Mixture
        How mixtures become frequencies.
    """
    none = np.zeros(surroundings.count, np.int64)
    if not values.any() and not any(plane.any() for plane in surroundings.planes):
        return none
    products, target = _normal_equations(values, mixtures, surroundings)
    weights = np.rint(_solved(products, target) * (1 << UNIT_BITS)).clip(-MOST, MOST).astype(np.int64)
    if not weights.any():
        return none
    flat = values.ravel()
    some = np.arange(0, flat.size, max(1, flat.size // _LOOKED_AT))
    corrected = Correction(surroundings, weights).plane(mixtures, values)
    before, after = (float(cost_bits(flat[some], each[some], coder).sum()) for each in (mixtures, corrected))
    pays = (before - after) * flat.size / some.size > _WORTH * np.count_nonzero(weights)
    return weights if pays else none


def _normal_equations(
    values: Values, mixtures: Parameters, surroundings: Surroundings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the products of all that is weighed, (n, n), and those with what is left, (n,)."""
    count, width = surroundings.count, values.shape[1]
    products, target = np.zeros((count, count)), np.zeros(count)
    stride = max(1, values.size // _LOOKED_AT)  # of blocks: whole rows are looked at
    for rows in list(surroundings.blocks())[::stride]:
        mean, variance = Mixtures(mixtures[rows.start * width : rows.stop * width], np.float64).moments()
        taps = (*own_taps(values, rows), *surroundings.taps(rows))
        weighed = np.stack([mean, *(tap.ravel().astype(np.float64) for tap in taps)])
        root = 1 / np.sqrt(variance + _FLOOR)
        weighed *= root
        products += weighed @ weighed.T
        target += weighed @ ((values[rows].ravel() - mean) * root)
    return products * stride, target * stride


def _solved(products: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the solution of normal equations, of which what saves little is 0."""
    count = len(target)
    kept = np.flatnonzero(products.diagonal() > 0)
    while kept.size:
        own = products[np.ix_(kept, kept)]
        own = own + _RIDGE * (own.trace() / len(own)) * np.eye(len(own))
        inverse = np.linalg.inv(own)
        solution = inverse @ target[kept]
        saved = solution**2 / inverse.diagonal() / (2 * np.log(2))
        poor = saved < _WORTH
        if not poor.any():
            whole = np.zeros(count)
            whole[kept] = solution
            return whole
        # of those that say the same one is needed: not all go at once
        kept = np.delete(kept, np.argsort(saved)[: max(1, int(poor.sum()) // 2)])
    return np.zeros(count)
