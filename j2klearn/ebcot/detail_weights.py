"""The weights with which the details of a component are predicted from other coefficients of one subband.

Blocks of the subband are looked at by themselves, because tier-1 adapts to the magnitudes around a coefficient: halving
a small coefficient saves as much as halving a large one. Plain least squares would follow the few strong edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..codestream.learned_segment import nearest_weight
from ..core.reversible_steps import WEIGHT_BITS

__all__ = ["Blocks", "best_weights", "blocks_of", "estimated_bits"]

Plane = NDArray[Any]

#: The coefficients of blocks, shape (n, 64), int32.
Blocks = NDArray[np.int32]

#: Side of a block.
_BLOCK = 8

#: Blocks of a subband that are looked at, about.
_MOST = 640

#: How often the least squares are repeated, each time with the variances that the last ones have left.
_ROUNDS = 5

#: Added to the variance of a block: about that of the rounding to whole numbers.
_ROUNDING = 0.1

#: Keeps sources that are zero, or multiples of each other, from having huge weights.
_RIDGE = 1e-4

#: The steps, in 1/64, by which the weights are then refined.
_REFINEMENTS = (8, 3)


def blocks_of(plane: Plane, parts: int) -> Blocks:
    """Return blocks of a subband that are spread evenly over it.

    Parameters
    ----------
    plane : ndarray, shape (h, w), int32
        The subband. Rows and columns beyond the last whole block of 8 x 8 are not used.
    parts : int
        The number of such subbands, in windows of a picture, that together have about 640 blocks at most.
    """
    rows, columns = (side // _BLOCK for side in plane.shape)
    blocks = plane[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)
    apart = max(1, round((rows * columns * parts / _MOST) ** 0.5))
    few = blocks[apart // 2 :: apart, :, apart // 2 :: apart]
    return few.transpose(0, 2, 1, 3).reshape(-1, _BLOCK * _BLOCK)


def estimated_bits(blocks: Blocks) -> float:
    """Estimate the bits of the coefficients of a subband.

    Each block counts as samples of a two-sided geometric distribution with the mean magnitude of the block.
    """
    mean = np.abs(blocks).mean(1, dtype=np.float32)
    # the entropy of a geometric distribution, and the signs of the coefficients that are not zero
    bits = np.log2(1 + mean) + mean * np.log2(1 + 1 / np.maximum(mean, 1e-6)) + mean / (1 + mean)
    return float(bits.sum() * blocks.shape[1])


def _least_squares(target: Blocks, sources: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return the weights, shape (k,), that minimise the sum of the logarithms of the blocks' variances."""
    planes = np.concatenate([sources, target[None]]).astype(np.float32).transpose(1, 0, 2)
    products = (planes @ planes.transpose(0, 2, 1)).astype(np.float64)
    count = len(sources)
    weights = np.zeros(count)
    for _ in range(_ROUNDS):
        change = np.append(-weights, 1.0)
        variances = (products @ change) @ change / target.shape[1] + _ROUNDING
        total = np.tensordot(1 / variances, products, 1)
        matrix = total[:count, :count]
        matrix[np.diag_indices(count)] += _RIDGE * matrix.diagonal() + 1e-6
        weights = np.linalg.solve(matrix, total[:count, count])
    return weights


def best_weights(
    target: Blocks, sources: Sequence[Blocks], *, refined: bool
) -> tuple[tuple[int, ...], float]:
    """Choose the weights of some sources that predict a subband.

    Parameters
    ----------
    target : ndarray, shape (n, 64), int32
        Blocks of the subband.
    sources : sequence of ndarray, each (n, 64), int32
        Blocks of what it is predicted from. A source of zeros has the weight 0.
    refined : bool
        Whether to refine the weights of the least squares by the estimate of the bits.

    Returns
    -------
    tuple of int, float
        The weights in 1/64, all 0 if nothing is better, and an estimate of the bits.
    """
    none, plain = (0,) * len(sources), estimated_bits(target)
    if not len(target):
        return none, plain
    stacked = np.stack(sources)
    used = stacked.any((1, 2))

    def bits(total: Blocks) -> float:
        return estimated_bits(target - (total >> WEIGHT_BITS))

    weights = [nearest_weight(64 * weight) for weight in _least_squares(target, stacked) * used]
    total = np.full_like(target, 1 << WEIGHT_BITS >> 1)
    for weight, own in zip(weights, stacked, strict=True):
        total += weight * own
    best = bits(total)
    for step in _REFINEMENTS if refined else ():
        for at in np.flatnonzero(used):
            for move in (step, -step):
                while True:
                    weight = nearest_weight(weights[at] + move)
                    changed = total + (weight - weights[at]) * stacked[at]
                    if weight == weights[at] or (found := bits(changed)) >= best:
                        break
                    weights[at], total, best = weight, changed, found
    return (tuple(weights), best) if best < plain else (none, plain)
