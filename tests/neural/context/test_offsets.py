"""Offsets of scales: chosen by cost, stored in the file, the same in encoder and decoder."""

from __future__ import annotations

import numpy as np
import pytest

from j2klearn.errors import CodestreamError, ModelError
from j2klearn.neural.coefficients.reconstruction_points import Points
from j2klearn.neural.context import offsets
from j2klearn.neural.context.model import ContextModel
from j2klearn.neural.context.offsets import MOST, best_offset, moved, parameters_of
from j2klearn.neural.entropy.backends import mixture
from j2klearn.neural.entropy.mixture import LOG_SCALE_RANGE
from j2klearn.neural.entropy.range_coder import Encoder, cost_bits
from tests.support.small_context import context_config, random_pyramids, small_context

SHAPE = (66, 64)


@pytest.fixture(scope="module")
def model() -> ContextModel:
    return small_context(adaptive=True)


@pytest.mark.parametrize(("scale", "shape", "backend"), [(0.05, (90, 80), "native"), (30.0, SHAPE, "torch")])
def test_files_are_smaller_and_come_back(model, scale, shape, backend):
    plain = small_context()
    assert plain.id != model.id
    pyramids = random_pyramids(model, shape, 3, scale)
    segments = model.encode(pyramids, 64)
    assert sum(map(len, segments)) < sum(map(len, plain.encode(pyramids, 64)))
    assert model.cost(pyramids, 64) / 8 == pytest.approx(sum(map(len, segments)), rel=0.01)
    found = model.decode(segments, shape, 3, 64, backend=backend)
    for one, other in zip(found, pyramids, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one.bands(), other.bands(), strict=True))


def test_the_best_one():
    rng = np.random.default_rng(0)
    parameters = np.zeros((4000, 3, 1), np.int16)
    values = np.rint(rng.logistic(0, 2.0, 4000)).astype(np.int32)
    mixtures = mixture()
    best = best_offset(values, parameters, 0, mixtures)
    assert best == round(64 * np.log(2.0) / 8)
    costs = [cost_bits(values, moved(parameters, at), mixtures).sum() for at in range(-MOST, MOST + 1)]
    assert abs(int(np.argmin(costs)) - MOST - best) <= 1
    assert best_offset(np.zeros(4000, np.int32), parameters, 0, mixtures) == -MOST
    # one sample does not save the bits of an offset
    assert best_offset(np.ones(1, np.int32), parameters[:1], 0, mixtures) == 0


def test_many_samples_are_looked_at_in_part(monkeypatch):
    rng = np.random.default_rng(1)
    parameters = rng.integers(-60, 60, (20000, 3, 2)).astype(np.int16)
    values = np.rint(rng.logistic(0, 0.4, 20000)).astype(np.int32)
    few = best_offset(values, parameters, 0, mixture())
    monkeypatch.setattr(offsets, "_MAX_SAMPLES", 1 << 30)
    assert abs(few - best_offset(values, parameters, 0, mixture())) <= 1


def test_scales_stay_in_their_range():
    parameters = np.full((2, 3, 1), 32767, np.int16)
    parameters[1] = -32768
    for offset in (-MOST, MOST):
        scales = moved(parameters, offset)[:, 2, 0]
        assert scales.tolist() == [LOG_SCALE_RANGE[1] + 8 * offset, LOG_SCALE_RANGE[0] + 8 * offset]
    assert parameters[0, 2, 0] == 32767
    assert moved(parameters, 0) is parameters


def test_chosen_indices_have_the_points_that_readers_find(model):
    rng = np.random.default_rng(5)
    pyramids = random_pyramids(model, SHAPE, 3, 1.0)
    coefficients = [pyramid.subbands() for pyramid in pyramids]
    for bands in coefficients:
        bands.ll = bands.ll.astype(np.float32)
        bands.details = [
            tuple((band + rng.normal(0, 0.4, band.shape)).astype(np.float32) for band in three)
            for three in bands.details
        ]
    before, after = Points(), Points()
    chosen = model.choose(coefficients, 1.0, 64, points=before)
    model.decode(model.encode(chosen, 64), SHAPE, 3, 64, points=after)
    for at, pyramid in enumerate(chosen):
        for one, other in zip(before.details(at, pyramid), after.details(at, pyramid), strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_offsets_that_cannot_be(model, monkeypatch):
    pyramids = random_pyramids(model, SHAPE, 1, 1.0)
    monkeypatch.setattr("j2klearn.neural.context.segments.best_offset", lambda *_: MOST + 1)
    monkeypatch.setattr("j2klearn.neural.context.segments.moved", lambda parameters, _: parameters)
    segments = model.encode(pyramids, 64)
    with pytest.raises(CodestreamError, match="offset"):
        model.decode(segments, SHAPE, 1, 64)


def test_any_offset_can_be_coded():
    for predicted in (-MOST, 0, MOST):
        for offset in (-MOST, 0, MOST):
            encoder = Encoder(mixture())
            encoder.encode(np.array([offset], np.int32), parameters_of(predicted))
            assert len(encoder.finish()) <= 8


def test_the_option():
    with pytest.raises(ModelError, match="adaptive"):
        ContextModel(context_config(adaptive=3), {})
