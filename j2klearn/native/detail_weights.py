"""The weights of lossless files between components, fitted to blocks of one subband, in native code."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .library import as_array, check, load

__all__ = ["block_bits", "fit", "refine"]

#: Coefficients of a block.
_SIZE = 64

Blocks = NDArray[np.int32]


def block_bits(blocks: Blocks) -> float:
    """Estimate the bits of blocks, each as samples of a two-sided geometric distribution with its mean magnitude.

    Parameters
    ----------
    blocks : ndarray, shape (64, n), int32
        A column for each block.
    """
    ffi, library = load()
    blocks = np.ascontiguousarray(blocks, np.int32)
    bits = ffi.new("double *")
    check(library.j2kl_block_bits(ffi.from_buffer("int32_t[]", blocks), blocks.shape[1], bits))
    return float(bits[0])


def fit(target: Blocks, sources: Sequence[Blocks], fraction_bits: int) -> tuple[list[int], float]:
    """Return weights in 1/64 by least squares, and an estimate of the bits that they leave.

    Parameters
    ----------
    target : ndarray, shape (64, n), int32
        Blocks of a subband.
    sources : sequence of at most six ndarray, each (64, n), int32
        Blocks of what it is predicted from. A source of zeros has the weight 0.
    fraction_bits : int
        Fraction bits of all of them, 0 to 8.
    """
    return _weigh("fit", target, sources, fraction_bits, [0] * len(sources))


def refine(
    target: Blocks, sources: Sequence[Blocks], fraction_bits: int, weights: Sequence[int]
) -> tuple[list[int], float]:
    """Return weights that save more bits than given ones, and an estimate of the bits that they leave; see `fit`."""
    return _weigh("refine", target, sources, fraction_bits, weights)


def _weigh(
    function: str, target: Blocks, sources: Sequence[Blocks], fraction_bits: int, weights: Sequence[int]
) -> tuple[list[int], float]:
    ffi, library = load()
    blocks = target.shape[1]
    planes = [as_array(own, np.int32, (_SIZE, blocks), "blocks") for own in (*sources, target)]
    *pointers, last = (ffi.from_buffer("int32_t[]", plane) for plane in planes)
    table, out, bits = ffi.new("int32_t *[]", pointers), ffi.new("int32_t[]", weights), ffi.new("double *")
    native = getattr(library, f"j2kl_weights_{function}")
    check(native(table, len(sources), last, blocks, fraction_bits, out, bits))
    return list(out), float(bits[0])
