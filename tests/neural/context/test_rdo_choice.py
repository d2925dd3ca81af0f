"""Rate-distortion optimised choice of indices."""

from __future__ import annotations

import numpy as np
import pytest

from j2klearn.core.subbands import Subbands
from j2klearn.neural.coefficients.expectation import MOST_ERROR, WEIGHT
from j2klearn.neural.coefficients.pyramid import area_of
from tests.support.small_context import random_pyramids, small_context

SHAPE = (41, 34)


@pytest.fixture(scope="module")
def model():
    return small_context()


@pytest.fixture(scope="module")
def coefficients(model):
    rng = np.random.default_rng(7)
    pyramids = random_pyramids(model, SHAPE, 3, 1.0)
    out = []
    for pyramid in pyramids:
        bands = [band + rng.uniform(-0.5, 0.5, band.shape).astype(np.float32) for band in pyramid.bands()]
        groups = [tuple(bands[i : i + 3]) for i in range(1, len(bands), 3)]
        out.append(Subbands(area_of(SHAPE), bands[0], groups[::-1]))
    return out


def error(coefficients, pyramids):
    return sum(
        float(((x - y) ** 2).sum())
        for bands, pyramid in zip(coefficients, pyramids, strict=True)
        for x, y in zip(bands.bands(), pyramid.bands(), strict=True)
    )


def test_nothing_is_worth_nothing(model, coefficients):
    for bands, pyramid in zip(coefficients, model.choose(coefficients, 1.0, 60, weight=0), strict=True):
        for x, y in zip(bands.bands(), pyramid.bands(), strict=True):
            assert np.abs(x - y).max() <= 0.5
            assert y.dtype == np.int32


def test_fewer_bits_at_a_lower_cost(model, coefficients):
    costs = []
    for weight in (0.0, 0.13, 0.3):
        pyramids = model.choose(coefficients, 1.0, 60, weight=weight)
        bits = 8 * sum(map(len, model.encode(pyramids, 60)))
        distortion = error(coefficients, pyramids)
        costs.append((bits, distortion, distortion + 0.13 * bits))
        for bands, pyramid in zip(coefficients, pyramids, strict=True):
            for x, y in zip(bands.bands(), pyramid.bands(), strict=True):
                assert np.abs(x - y).max() < 1  # one nearer to zero, at most
                assert np.all((y == 0) | (np.sign(x) == np.sign(y)))
    assert costs[0][0] > costs[1][0] > costs[2][0]
    assert costs[0][1] < costs[1][1] < costs[2][1]
    assert costs[1][2] < costs[0][2]


def test_steps_scale(model, coefficients):
    twice = [Subbands(b.area, 2 * b.ll, [tuple(2 * x for x in d) for d in b.details]) for b in coefficients]
    for a, b in zip(model.choose(coefficients, 1.0, 60), model.choose(twice, 2.0, 60), strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a.bands(), b.bands(), strict=True))


def test_no_bits_make_up_for_a_large_error(model, coefficients):
    """Whatever the weight, an index is the nearest one, or one nearer to zero whose error is below the limit."""
    largest = 0.0
    for bands, pyramid in zip(coefficients, model.choose(coefficients, 1.0, 60, weight=1e9), strict=True):
        assert np.array_equal(pyramid.ll, np.rint(bands.ll))  # the cost does not matter for LL
        for x, y in zip(bands.bands()[1:], pyramid.bands()[1:], strict=True):
            nearest = np.copysign(np.floor(np.abs(x) + 0.5), x)
            assert set(np.unique(np.abs(nearest) - np.abs(y))) <= {0, 1}
            largest = max(largest, float(np.abs(x - y).max()))
    assert MOST_ERROR - 0.1 < largest <= MOST_ERROR


def test_the_weight_is_that_of_the_format(model, coefficients):
    """Readers use the weight too: it determines the cells of indices."""
    for a, b in zip(
        model.choose(coefficients, 1.0, 60), model.choose(coefficients, 1.0, 60, weight=WEIGHT), strict=True
    ):
        assert all(np.array_equal(x, y) for x, y in zip(a.bands(), b.bands(), strict=True))
    assert (WEIGHT, MOST_ERROR) == (0.10, 0.95)
