"""The weights with which the details of a component are predicted from other coefficients of one subband.

Blocks of the subband are looked at by themselves, because tier-1 adapts to the magnitudes around a coefficient: halving
a small coefficient saves as much as halving a large one. Plain least squares would follow the few strong edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.blocks import whole_blocks
from ..native.detail_weights import block_bits, fit, refine
from ..transform.integer.detail_steps import nearest

__all__ = ["Blocks", "Fit", "blocks_of"]

Plane = NDArray[Any]

#: The coefficients of blocks, shape (64, n), int32: a column for each block, so that sums over blocks are quick.
Blocks = NDArray[np.int32]

#: Side of a block.
_BLOCK = 8

#: Blocks of a subband that are looked at, about.
_MOST = 256


def blocks_of(plane: Plane, parts: int) -> Blocks:
    """Return blocks of a subband that are spread evenly over it.

    Parameters
    ----------
    plane : ndarray, shape (h, w), int32
        The subband. Rows and columns beyond the last whole block of 8 x 8 are not used.
    parts : int
        The number of such subbands, in windows of a picture, that together have about 256 blocks at most.
    """
    blocks = whole_blocks(plane, _BLOCK)
    apart = max(1, round((blocks.shape[0] * blocks.shape[2] * parts / _MOST) ** 0.5))
    few = blocks[apart // 2 :: apart, :, apart // 2 :: apart]
    return few.transpose(1, 3, 0, 2).reshape(_BLOCK * _BLOCK, -1)


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
        self._problem = target, sources, fraction_bits
        self._plain = block_bits(nearest(target, fraction_bits))
        self._weights, self._bits = fit(*self._problem)

    @property
    def weights(self) -> tuple[int, ...]:
        return tuple(self._weights) if self._bits < self._plain else (0,) * len(self._weights)

    @property
    def bits(self) -> float:
        return min(self._bits, self._plain)

    def refine(self) -> None:
        """Take steps in single weights as long as the estimate of the bits falls."""
        self._weights, self._bits = refine(*self._problem, self._weights)
