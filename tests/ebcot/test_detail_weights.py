"""The estimate of bits, and the weights that are fitted by it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from j2klearn.ebcot.detail_weights import Fit
from j2klearn.native.detail_weights import block_bits, fit, refine


def by_definition(mean: float) -> float:
    """The bits of a sample: the entropy of a geometric distribution, and a sign if it is not zero."""
    if mean == 0:
        return 0.0
    return math.log2(1 + mean) + mean * math.log2(1 + 1 / mean) + mean / (1 + mean)


@pytest.mark.parametrize("sums", [(0,), (1, 63), (2**14 - 1,), (2**14,), (5, 2**14 + 1, 2**22)])
def test_block_bits_are_those_of_the_mean_magnitudes(sums: tuple[int, ...]) -> None:
    """Small sums are looked up in a table, and large ones are computed."""
    blocks = np.zeros((64, len(sums)), np.int32)
    blocks[3] = -np.array(sums)
    expected = sum(64 * by_definition(total / 64) for total in sums)
    assert block_bits(blocks) == pytest.approx(expected, rel=1e-9, abs=1e-3)


def blocks(seed: int, scale: float) -> np.ndarray:
    return np.rint(np.random.default_rng(seed).laplace(0, scale, (64, 200))).astype(np.int32)


def test_the_weights_of_a_mixture_are_found() -> None:
    one, other = blocks(1, 30), blocks(2, 20)
    target = (48 * one - 20 * other + 32 >> 6) + blocks(3, 1)
    found = Fit(target, [one, np.zeros_like(one), other])
    found.refine()
    assert np.abs(np.subtract(found.weights, (48, 0, -20))).max() <= 1
    left = target - (48 * one - 20 * other + 32 >> 6)
    assert found.bits == pytest.approx(block_bits(left), rel=0.01)


def test_sources_that_do_not_help_have_no_weights() -> None:
    target = blocks(4, 2)
    found = Fit(target, [blocks(5, 50)])
    assert found.weights == (0,)
    assert found.bits == block_bits(target)


def test_no_blocks_have_no_weights() -> None:
    nothing = np.zeros((64, 0), np.int32)
    assert Fit(nothing, [nothing, nothing]).weights == (0, 0)


def defined_fit(target: np.ndarray, sources: list[np.ndarray], bits: int) -> list[float]:
    """Return the weights in 1/64 by least squares, each block divided by the variance that the last ones leave."""
    planes = np.array([*sources, target], np.float64)[:, :, ::2] / 2**bits
    products = np.einsum("asj,bsj->jab", planes, planes)
    count = len(sources)
    weights = np.zeros(count)
    for _ in range(3):
        change = np.append(-weights, 1.0)
        variances = np.einsum("jab,a,b->j", products, change, change) / 64 + 0.1
        total = np.tensordot(1 / variances, products, 1)
        matrix = total[:count, :count] + np.diag(np.diag(total)[:count] * 1e-4 + 1e-6)
        weights = np.linalg.solve(matrix, total[:count, count])
    return list(64 * weights)


@pytest.mark.parametrize("bits", [0, 3])
@pytest.mark.parametrize("count", [1, 4, 6])
def test_native_code_fits_what_the_definition_fits(count: int, bits: int) -> None:
    sources = [blocks(seed, 5 + 9 * seed) for seed in range(count)]
    noisy = blocks(50, 1) * (1 + np.arange(200) % 7)  # some blocks have much more noise
    target = sum(((-1) ** at * (at + 3) * own) // 40 for at, own in enumerate(sources)) + noisy
    target = np.ascontiguousarray(target, np.int32)
    weights, left = fit(target, sources, bits)
    expected = defined_fit(target, sources, bits)
    assert np.abs(np.subtract(weights, expected)).max() <= 0.5001
    shift = 6 + bits
    total = sum(weight * own for weight, own in zip(weights, sources, strict=True))
    assert left == pytest.approx(block_bits((target * 64 - total + (1 << shift >> 1) - 1) >> shift), rel=1e-9)
    better, fewer = refine(target, sources, bits, weights)
    assert fewer <= left
    assert len(better) == count
