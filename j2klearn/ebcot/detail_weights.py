"""The weights with which the details of a component are predicted from other coefficients of one subband.

Blocks of the subband are looked at by themselves, because tier-1 adapts to the magnitudes around a coefficient: halving
a small coefficient saves as much as halving a large one. Plain least squares would follow the few strong edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..codestream.learned_segment import nearest_weight
from ..core.reversible_steps import WEIGHT_BITS

__all__ = ["Blocks", "Fit", "blocks_of", "estimated_bits"]

Plane = NDArray[Any]

#: The coefficients of blocks, shape (64, n), int32: a column for each block, so that sums over blocks are quick.
Blocks = NDArray[np.int32]

#: Side of a block.
_BLOCK = 8

#: Blocks of a subband that are looked at, about.
_MOST = 256

#: Sums of the magnitudes of a block whose bits are kept in a table. Larger ones are rare.
_TABLE = 1 << 14

#: The least squares look at every block of this number.
_FITTED = 2

#: How often the least squares are repeated, each time with the variances that the last ones have left.
_ROUNDS = 3

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
        The number of such subbands, in windows of a picture, that together have about 256 blocks at most.
    """
    rows, columns = (side // _BLOCK for side in plane.shape)
    blocks = plane[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)
    apart = max(1, round((rows * columns * parts / _MOST) ** 0.5))
    few = blocks[apart // 2 :: apart, :, apart // 2 :: apart]
    return few.transpose(1, 3, 0, 2).reshape(_BLOCK * _BLOCK, -1)


def _bits_of_sums(sums: NDArray[Any]) -> NDArray[np.float64]:
    """Return the bits of blocks with these sums of magnitudes."""
    mean = sums / _BLOCK**2
    # the entropy of a geometric distribution, and the signs of the coefficients that are not zero
    return _BLOCK**2 * (
        np.log2(1 + mean) + mean * np.log2(1 + 1 / np.maximum(mean, 1e-6)) + mean / (1 + mean)
    )


@cache
def _table() -> NDArray[np.float64]:
    """Return the bits of a block for each sum of its magnitudes below `_TABLE`."""
    return _bits_of_sums(np.arange(_TABLE))


def estimated_bits(blocks: Blocks) -> float:
    """Estimate the bits of the coefficients of a subband.

    Each block counts as samples of a two-sided geometric distribution with the mean magnitude of the block.
    """
    sums = np.abs(blocks).sum(0, dtype=np.int32)
    known = sums.max(initial=0) < _TABLE
    return float((_table().take(sums) if known else _bits_of_sums(sums)).sum())


def _least_squares(planes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the weights, shape (k,), that minimise the sum of the logarithms of the blocks' variances.

    Parameters
    ----------
    planes : ndarray, shape (k + 1, 64, n)
        Blocks of the sources, and those of the target.
    """
    count, size = len(planes) - 1, planes.shape[1]
    blocks = np.ascontiguousarray(planes.transpose(2, 0, 1))
    products = (blocks @ blocks.transpose(0, 2, 1)).astype(np.float64)
    weights = np.zeros(count)
    for _ in range(_ROUNDS):
        change = np.append(-weights, 1.0)
        variances = (products @ change) @ change / size + _ROUNDING
        total = np.tensordot(1 / variances, products, 1)
        matrix = total[:count, :count].copy()
        matrix.flat[:: count + 1] *= 1 + _RIDGE
        matrix.flat[:: count + 1] += 1e-6
        weights = np.linalg.solve(matrix, total[:count, count])
    return weights


class Fit:
    """The weights with which blocks of a subband are predicted from some sources.

    They are chosen by least squares at first. All weights are 0 if that is better.

    Parameters
    ----------
    target : ndarray, shape (64, n), int32
        Blocks of the subband.
    sources : sequence of ndarray, each (64, n), int32
        Blocks of what it is predicted from. A source of zeros has the weight 0.
    fraction_bits : int
        Fraction bits of the target and of the sources. What is left of the target is rounded to whole numbers.

    Attributes
    ----------
    weights : tuple of int
        The weights in 1/64.
    bits : float
        An estimate of the bits of the blocks that are left.
    """

    def __init__(self, target: Blocks, sources: Sequence[Blocks], fraction_bits: int = 0) -> None:
        self._sources, self._shift = sources, WEIGHT_BITS + fraction_bits
        self._used = [at for at, own in enumerate(sources) if own.any()] if target.size else []
        self._weights = [0] * len(sources)
        # the weighted sum less the target, in 1/64, so that a shift gives what is left of the target, negated
        self._over = (1 << self._shift >> 1) - (target << WEIGHT_BITS)
        self._plain = estimated_bits(self._over >> self._shift)
        few = [own[:, ::_FITTED] for own in (*(sources[at] for at in self._used), target)]
        planes = np.array(few, np.float32) / np.float32(1 << fraction_bits)
        for at, weight in zip(self._used, _least_squares(planes), strict=True):
            self._weights[at] = nearest_weight(64 * weight)
        for at in self._used:
            self._over += self._weights[at] * sources[at]
        self._bits = estimated_bits(self._over >> self._shift)

    @property
    def weights(self) -> tuple[int, ...]:
        return tuple(self._weights) if self._bits < self._plain else (0,) * len(self._weights)

    @property
    def bits(self) -> float:
        return min(self._bits, self._plain)

    def refine(self) -> None:
        """Take steps in single weights as long as the estimate of the bits falls."""
        for step in _REFINEMENTS:
            for at in self._used:
                for move in (step, -step):
                    while self._moved(at, move):
                        pass

    def _moved(self, at: int, move: int) -> bool:
        """Change a weight if that saves bits; return whether it does."""
        old, weight = self._weights[at], nearest_weight(self._weights[at] + move)
        if weight == old:
            return False
        over = (weight - old) * self._sources[at]
        over += self._over
        bits = estimated_bits(over >> self._shift)
        if bits >= self._bits:
            return False
        self._weights[at], self._over, self._bits = weight, over, bits
        return True
