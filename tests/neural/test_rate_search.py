"""The searches for a size and for a PSNR: their accuracy, and their number of tries."""

from __future__ import annotations

import numpy as np
import pytest

from j2klearn.core.geometry import Rect
from j2klearn.core.subbands import Subbands
from j2klearn.neural.coefficients.quantisation import COARSEST, FINEST, quantised, step_of
from j2klearn.neural.rate_search import Estimate, search_psnr, search_size


@pytest.fixture(scope="module")
def bands() -> Subbands:
    random = np.random.default_rng(7)
    area = Rect(0, 0, 256, 256)
    details = []
    for scale in (4.0, 12.0):
        level = len(details) + 1
        shapes = (area.subband(name, level).shape for name in ("HL", "LH", "HH"))
        details.append(tuple(random.laplace(0, scale, shape).astype(np.float32) for shape in shapes))
    return Subbands(area, random.normal(0, 300, (64, 64)).astype(np.float32), details)


def test_the_estimate_is_the_entropy_of_the_indices(bands):
    estimate = Estimate([bands])
    for code in (0, 512, 1024):
        expected = 0.0
        for band in quantised(bands, step_of(code)).bands():
            counts = np.unique(band, return_counts=True)[1]
            expected += (counts * np.log2(band.size / counts)).sum() / 8
        assert estimate.bytes(code) == pytest.approx(expected, rel=0.1)


def test_the_estimate_falls_with_the_step(bands):
    sizes = [Estimate([bands]).bytes(code) for code in range(FINEST, COARSEST, 97)]
    assert np.all(np.diff(sizes) < 1)
    assert sizes[-1] < sizes[0] / 50


@pytest.mark.parametrize("share", [0.5, 0.9, 1.3])
@pytest.mark.parametrize("slope", [-0.2, 0.0, 0.3])
@pytest.mark.parametrize("wanted", [3_000, 9_000, 25_000])
def test_sizes_are_found_in_few_tries(bands, share, slope, wanted):
    estimate = Estimate([bands])
    tries = []

    def coded(code: int, number: int) -> bytes:
        assert number == len(tries)
        tries.append(code)
        # the ratio to the estimate changes a little with the step
        return bytes(300 + int(estimate.bytes(code) * share * (1 + slope * code / 2048)))

    size = len(search_size(coded, estimate, wanted, 290))
    assert 0.994 * wanted <= size <= wanted
    assert len(tries) <= 4


def test_sizes_out_of_reach(bands):
    estimate = Estimate([bands])

    def coded(code: int, number: int) -> bytes:
        return bytes(300 + int(estimate.bytes(code)))

    assert len(search_size(coded, estimate, 200, 300)) == len(coded(COARSEST, 0))
    assert len(search_size(coded, estimate, 1e9, 300)) == len(coded(FINEST, 0))


def test_sizes_that_come_in_leaps():
    """A small picture may not have the wanted size at any step. The largest file that fits is taken."""
    flat = Subbands(Rect(0, 0, 1, 1), np.full((1, 1), 5.0, np.float32), [])
    made = []

    def coded(code: int, number: int) -> bytes:
        made.append(400 if code > 100 else 600)
        return bytes(made[-1])

    assert len(search_size(coded, Estimate([flat]), 500, 300)) == 400
    assert len(made) <= 5


@pytest.mark.parametrize("start", [-2000, 0, 2000])
@pytest.mark.parametrize("wanted", [25.0, 34.56, 47.0, 70.0])
def test_psnr(start, wanted):
    tries, guesses = [], []

    def plain(code: int) -> float:
        guesses.append(code)
        return 55 - 5.2 * code / 256 + 0.3 * np.sin(code / 300)

    def reached(code: int) -> tuple[int, float]:
        tries.append(code)
        return code, 54.4 - 5.3 * code / 256 + 0.3 * np.sin(code / 290)

    code = search_psnr(reached, plain, wanted, start)
    assert reached(code)[1] == pytest.approx(wanted, abs=0.05)
    assert len(tries) <= 5  # the last call is that of this test
    assert len(guesses) <= 20


def test_psnr_out_of_reach():
    def line(code: int) -> float:
        return 40 - code / 256

    assert search_psnr(lambda code: (code, line(code)), line, 500.0, 0) == FINEST
    assert search_psnr(lambda code: (code, line(code)), line, 1.0, 0) == COARSEST


def test_psnr_in_leaps():
    assert search_psnr(lambda code: ("flat", 99.0), lambda code: 99.0, 40.0, 0) == "flat"

    def leap(code: int) -> float:
        return 99.0 if code < 777 else 38.5

    code = search_psnr(lambda code: (code, leap(code)), leap, 40.0, 1000)
    assert 700 < code < 777
    # if the guess does not predict the jump
    code = search_psnr(lambda code: (code, leap(code)), lambda code: 50 - code / 50, 40.0, 1000)
    assert 600 < code < 777
