"""Corrections find linear dependencies, and are only used if they save bits."""

from __future__ import annotations

import numpy as np
import pytest

from j2klearn.neural.context import correction, regression
from j2klearn.neural.context.correction import Correction, Surroundings
from j2klearn.neural.context.regression import fitted
from j2klearn.neural.entropy.backends import mixture
from j2klearn.neural.entropy.range_coder import cost_bits

SHAPE = (60, 70)
COUNT = SHAPE[0] * SHAPE[1]


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def mixtures_of(mean, log_scale=0):
    """Return mixtures of one logistic component per place."""
    parameters = np.zeros((COUNT, 3, 1), np.int16)
    parameters[:, 1, 0], parameters[:, 2, 0] = np.rint(32 * np.asarray(mean)).ravel(), log_scale
    return parameters


def around_of(rng, planes=2):
    low = rng.integers(-200, 200, SHAPE)
    return Surroundings(low, 0, tuple(rng.integers(-30, 30, SHAPE) for _ in range(planes)), SHAPE)


@pytest.mark.parametrize("looked_at", [1 << 17, 1 << 11])
def test_it_finds_what_is_there(rng, looked_at, monkeypatch):
    monkeypatch.setattr(regression, "_MAX_SAMPLES", looked_at)
    monkeypatch.setattr(correction, "_BLOCK", 700)
    around = around_of(rng)
    mean = rng.normal(0, 6, SHAPE)
    known = 0.5 * mean - 0.25 * around.planes[1] + 0.125 * (np.roll(around.low, -1, 1) - around.low)
    known[:, -1] = (0.5 * mean - 0.25 * around.planes[1])[:, -1]
    values = np.rint(known + rng.logistic(0, 1, SHAPE)).astype(np.int32)
    weights = fitted(values, mixtures_of(mean), around, mixture())
    wanted = np.zeros(around.count)
    wanted[0], wanted[7 + 4], wanted[15 + 9 + 4] = -256, 64, -128
    assert np.abs(weights - wanted).max() < 16
    assert np.count_nonzero(weights) <= 6
    costs = [
        cost_bits(values.ravel(), each, mixture()).sum()
        for each in (mixtures_of(mean), Correction(around, weights).plane(mixtures_of(mean), values))
    ]
    assert costs[1] < costs[0] / 2


def test_the_subband_itself(rng):
    values = np.zeros(SHAPE, np.int32)
    noise = rng.logistic(0, 1, SHAPE)
    for x in range(SHAPE[1]):
        values[:, x] = np.rint(0.75 * values[:, x - 1] * (x > 0) + noise[:, x])
    weights = fitted(values, mixtures_of(np.zeros(SHAPE)), around_of(rng), mixture())
    assert weights[2] == pytest.approx(0.75 * 512, abs=25)
    assert np.count_nonzero(weights) <= 4


def test_where_there_is_nothing(rng):
    around = around_of(rng)
    values = np.rint(rng.logistic(0, 1, SHAPE)).astype(np.int32)
    assert not fitted(values, mixtures_of(np.zeros(SHAPE)), around, mixture()).any()
    zeros = Surroundings(np.zeros(SHAPE, np.int64), 0, (), SHAPE)
    assert not fitted(np.zeros(SHAPE, np.int32), mixtures_of(np.zeros(SHAPE)), zeros, mixture()).any()
    # the mixtures are certain and right: a correction cannot save bits
    certain = mixtures_of(values, -200)
    assert not fitted(values, certain, around, mixture()).any()


def test_large_numbers(rng):
    around = around_of(rng)
    large = Surroundings(around.low << 40, 0, tuple(plane << 24 for plane in around.planes), SHAPE)
    values = (around.planes[0] << 24).astype(np.int32)
    weights = fitted(values, mixtures_of(np.zeros(SHAPE), 640), large, mixture())
    assert weights.shape == (large.count,)
    assert np.abs(weights).max() <= correction.MOST
