"""Fits the correction of a subband in the encoder, so that the subband costs few bits.

The differences of coefficients from the means of their mixtures are regressed on all terms of a correction
(`j2klearn.neural.context.correction`). A sample is weighted by the inverse variance of its mixture. Terms that save
fewer bits than their weights cost are removed, and the others are fitted again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..coefficients.expectation import Mixtures
from ..entropy.mixture import Mixture, Parameters, Values
from ..entropy.range_coder import cost_bits
from .correction import MOST, UNIT_BITS, Correction, Surroundings, Weights, own_taps

__all__ = ["fitted"]

#: Bits that a weight has to save: its own bits, and those that a random term would save.
_MIN_SAVED_BITS = 12.0

#: About the most samples that are used.
_MAX_SAMPLES = 1 << 17

#: Added to the variances of mixtures, so that nearly certain samples do not dominate. Rounding has a variance of 1/12.
_ADDED_VARIANCE = 0.3

_RIDGE = 1e-6  # relative weight of the regularisation


def fitted(values: Values, mixtures: Parameters, surroundings: Surroundings, coder: Mixture) -> Weights:
    """Return the weights of the correction of a subband, or zeros if a correction does not save bits.

    Parameters
    ----------
    values : ndarray of int32, shape (h, w)
        The subband without its raw low bits.
    mixtures : ndarray of int16, shape (h * w, 3, K)
        The mixtures of the subband.
    surroundings : Surroundings
        The surroundings of the subband.
    coder : Mixture
        Turns parameters into frequencies.

    Returns
    -------
    ndarray of int64, shape (surroundings.count,)
        Weights in units of 1/512.
    """
    none = np.zeros(surroundings.count, np.int64)
    if not values.any() and not any(plane.any() for plane in surroundings.planes):
        return none
    products, target = _normal_equations(values, mixtures, surroundings)
    weights = np.rint(_solved(products, target) * (1 << UNIT_BITS)).clip(-MOST, MOST).astype(np.int64)
    if not weights.any():
        return none
    flat = values.ravel()
    some = np.arange(0, flat.size, max(1, flat.size // _MAX_SAMPLES))
    corrected = Correction(surroundings, weights).plane(mixtures, values)
    before, after = (float(cost_bits(flat[some], each[some], coder).sum()) for each in (mixtures, corrected))
    pays = (before - after) * flat.size / some.size > _MIN_SAVED_BITS * np.count_nonzero(weights)
    return weights if pays else none


def _normal_equations(
    values: Values, mixtures: Parameters, surroundings: Surroundings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the products of all terms, (n, n), and their products with the residuals, (n,)."""
    count, width = surroundings.count, values.shape[1]
    products, target = np.zeros((count, count)), np.zeros(count)
    stride = max(1, values.size // _MAX_SAMPLES)  # take every `stride`-th block of whole rows
    for rows in list(surroundings.blocks())[::stride]:
        mean, variance = Mixtures(mixtures[rows.start * width : rows.stop * width], np.float64).moments()
        taps = (*own_taps(values, rows), *surroundings.taps(rows))
        terms = np.stack([mean, *(tap.ravel().astype(np.float64) for tap in taps)])
        root = 1 / np.sqrt(variance + _ADDED_VARIANCE)
        terms *= root
        products += terms @ terms.T
        target += terms @ ((values[rows].ravel() - mean) * root)
    return products * stride, target * stride


def _solved(products: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the solution of the normal equations, with 0 for terms that save few bits."""
    count = len(target)
    kept = np.flatnonzero(products.diagonal() > 0)
    while kept.size:
        own = products[np.ix_(kept, kept)]
        own = own + _RIDGE * (own.trace() / len(own)) * np.eye(len(own))
        inverse = np.linalg.inv(own)
        solution = inverse @ target[kept]
        saved = solution**2 / inverse.diagonal() / (2 * np.log(2))
        poor = saved < _MIN_SAVED_BITS
        if not poor.any():
            whole = np.zeros(count)
            whole[kept] = solution
            return whole
        # remove the poorer half only: of two similar terms one may be needed
        kept = np.delete(kept, np.argsort(saved)[: max(1, int(poor.sum()) // 2)])
    return np.zeros(count)
