"""The estimate of bits, and the weights that are fitted by it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from j2klearn.ebcot.detail_weights import Fit, estimated_bits


def by_definition(mean: float) -> float:
    """The bits of a sample: the entropy of a geometric distribution, and a sign if it is not zero."""
    if mean == 0:
        return 0.0
    return math.log2(1 + mean) + mean * math.log2(1 + 1 / mean) + mean / (1 + mean)


@pytest.mark.parametrize("sums", [(0,), (1, 63), (2**14 - 1,), (2**14,), (5, 2**14 + 1, 2**22)])
def test_estimated_bits_are_those_of_the_mean_magnitudes(sums: tuple[int, ...]) -> None:
    """Small sums are looked up in a table, and large ones are computed."""
    blocks = np.zeros((64, len(sums)), np.int32)
    blocks[3] = -np.array(sums)
    expected = sum(64 * by_definition(total / 64) for total in sums)
    assert estimated_bits(blocks) == pytest.approx(expected, rel=1e-9, abs=1e-3)


def blocks(seed: int, scale: float) -> np.ndarray:
    return np.rint(np.random.default_rng(seed).laplace(0, scale, (64, 200))).astype(np.int32)


def test_the_weights_of_a_mixture_are_found() -> None:
    one, other = blocks(1, 30), blocks(2, 20)
    target = (48 * one - 20 * other + 32 >> 6) + blocks(3, 1)
    fit = Fit(target, [one, np.zeros_like(one), other])
    fit.refine()
    assert np.abs(np.subtract(fit.weights, (48, 0, -20))).max() <= 1
    left = target - (48 * one - 20 * other + 32 >> 6)
    assert fit.bits == pytest.approx(estimated_bits(left), rel=0.01)


def test_sources_that_do_not_help_have_no_weights() -> None:
    target = blocks(4, 2)
    fit = Fit(target, [blocks(5, 50)])
    assert fit.weights == (0,)
    assert fit.bits == estimated_bits(target)


def test_no_blocks_have_no_weights() -> None:
    nothing = np.zeros((64, 0), np.int32)
    assert Fit(nothing, [nothing, nothing]).weights == (0, 0)
