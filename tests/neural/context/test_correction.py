"""Corrections of means: by the definition, wavefront by wavefront, and in files."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from j2klearn.core.picture import Picture
from j2klearn.errors import CodestreamError, ModelError
from j2klearn.neural.context import correction
from j2klearn.neural.context.correction import MOST, Correction, Surroundings
from j2klearn.neural.context.model import ContextModel
from j2klearn.neural.entropy.wavefront import wavefronts
from j2klearn.neural.subband_transform import analyse_reversible
from j2klearn.transform.colour import reversible_planes
from tests.support.small_context import context_config, random_pyramids, small_context

OWN = ((-1, 0), (0, -1), (-1, -1), (-1, 1), (-2, 0), (0, -2))
SHAPE = (64, 66)


def surroundings(shape, planes, raw=0, seed=0):
    rng = np.random.default_rng(seed)
    low = rng.integers(-500, 500, (shape[0] + 1, shape[1]))
    return Surroundings(low, raw, tuple(rng.integers(-9, 9, shape) for _ in range(planes)), shape)


def by_definition(around, weights, mixtures, values):
    """Apply a correction place by place, as the file format defines it."""
    height, width = around.shape
    out = mixtures.copy()

    def at(plane, y, x):
        return int(plane[y, x]) if 0 <= y < plane.shape[0] and 0 <= x < plane.shape[1] else 0

    def low(y, x):
        return int(
            around.low[min(max(y, 0), around.low.shape[0] - 1), min(max(x, 0), around.low.shape[1] - 1)]
        )

    square = list(itertools.product((-1, 0, 1), repeat=2))
    for y, x in itertools.product(range(height), range(width)):
        taps = [at(values, y + dy, x + dx) for dy, dx in OWN]
        taps += [(low(y + dy, x + dx) - low(y, x)) >> around.raw for dy, dx in square if (dy, dx) != (0, 0)]
        taps += [at(plane, y + dy, x + dx) for plane in around.planes for dy, dx in square]
        total = sum(int(w) * tap for w, tap in zip(weights[1:], taps, strict=True))
        for k in range(mixtures.shape[2]):
            mean = int(mixtures[y * width + x, 1, k])
            mean += ((int(weights[0]) * mean + 256) >> 9) + ((total + 8) >> 4)
            out[y * width + x, 1, k] = min(max(mean, -32768), 32767)
    return out


@pytest.mark.parametrize(
    ("planes", "raw", "block"), [(0, 0, 1 << 15), (2, 0, 1 << 15), (4, 3, 40), (1, 0, 1)]
)
def test_the_definition(planes, raw, block, monkeypatch):
    monkeypatch.setattr(correction, "_BLOCK", block)
    rng = np.random.default_rng(planes)
    shape = (11, 14)
    around = surroundings(shape, planes, raw)
    assert around.count == 15 + 9 * planes
    weights = rng.integers(-MOST, MOST + 1, around.count)
    weights[rng.random(around.count) < 0.3] = 0
    mixtures = rng.integers(-3000, 3000, (11 * 14, 3, 3)).astype(np.int16)
    values = rng.integers(-40, 40, shape).astype(np.int32)
    wanted = by_definition(around, weights, mixtures, values)
    found = Correction(around, weights).plane(mixtures, values)
    assert found.dtype == np.int16
    assert np.array_equal(found, wanted)

    through = Correction(around, weights).passing()
    for _, _, _, places in wavefronts(shape):
        assert np.array_equal(through.corrected(mixtures[places], places), wanted[places])
        through.take(places, values.ravel()[places])


def test_the_largest_numbers():
    around = surroundings((8, 8), 4)
    largest = np.full((8, 8), (1 << 30) - 1)
    around = Surroundings(1 - largest, 0, (largest,) * 4, (8, 8))
    for weight in (-MOST, MOST):
        weights = np.full(around.count, weight)
        mixtures = np.full((64, 3, 2), np.int16(32767 if weight > 0 else -32768))
        found = Correction(around, weights).plane(mixtures, largest.astype(np.int32))
        assert np.array_equal(found, by_definition(around, weights, mixtures, largest))


@pytest.fixture(scope="module")
def model() -> ContextModel:
    return small_context("5-3", adaptive=True, corrected=True)


@pytest.fixture(scope="module")
def plain() -> ContextModel:
    return small_context("5-3", adaptive=True)


def subsampled(seed=3, bits=8):
    """Return a picture whose chroma was once subsampled."""
    rng = np.random.default_rng(seed)
    height, width = SHAPE
    luma = np.cumsum(rng.normal(0, 2.5, SHAPE), 1) + 120 + rng.normal(0, 3, SHAPE)
    small = rng.normal(0, 14, (2, height // 2 + 1, width // 2 + 1))
    chroma = np.repeat(np.repeat(small, 2, 1), 2, 2)[:, :height, :width]
    chroma = (chroma + np.roll(chroma, 1, 1) + np.roll(chroma, 1, 2) + np.roll(chroma, (1, 1), (1, 2))) / 4
    rgb = np.stack([luma + chroma[0], luma - 0.3 * chroma[0] - 0.4 * chroma[1], luma + chroma[1]], -1)
    return np.rint(rgb * 2 ** (bits - 8)).clip(0, 2**bits - 1).astype(np.uint8 if bits == 8 else np.uint16)


@pytest.mark.parametrize("bits", [12])
def test_files_are_smaller_and_come_back(model, plain, bits):
    assert plain.id != model.id
    planes = reversible_planes(Picture(subsampled(bits=bits), bit_depth=bits))
    pyramids = analyse_reversible(planes, model.levels(SHAPE), 1)
    segments = model.encode(pyramids, 0)
    size = sum(map(len, segments))
    assert size < 0.95 * sum(map(len, plain.encode(pyramids, 0)))
    assert model.cost(pyramids, 0) / 8 == pytest.approx(size, rel=0.01)
    for backend, threads in (("native", 3), ("torch", 1)):
        found = model.decode(segments, SHAPE, 3, 0, backend=backend, threads=threads)
        for one, other in zip(found, pyramids, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(one.bands(), other.bands(), strict=True))
    assert model.encode(pyramids, 0, backend="torch") == segments
    coarse = model.decode(segments[:-1], SHAPE, 3, 0)
    assert np.array_equal(coarse[2].details[0][0], pyramids[2].details[1][0])


def test_noise_is_not_corrected(model, plain):
    pyramids = random_pyramids(model, SHAPE, 1)
    sizes = [sum(map(len, each.encode(pyramids, 0))) for each in (model, plain)]
    assert sizes[0] <= 1.01 * sizes[1]


def test_weights_that_cannot_be(model, monkeypatch):
    pyramids = analyse_reversible(reversible_planes(Picture(subsampled())), model.levels(SHAPE), 1)

    def wrong(values, mixtures, around, coder):
        weights = np.zeros(around.count, np.int64)
        weights[1] = MOST + 1
        return weights

    monkeypatch.setattr("j2klearn.neural.context.segments.fitted", wrong)
    segments = model.encode(pyramids, 0)
    with pytest.raises(CodestreamError, match="correction"):
        model.decode(segments, SHAPE, 3, 0)


def test_the_option():
    with pytest.raises(ModelError, match="corrected"):
        ContextModel(context_config("5-3", corrected=3), {})
    with pytest.raises(ModelError, match="lossless"):
        ContextModel(context_config("9-7", corrected=True), {})
    ContextModel(context_config("9-7", corrected=False), {})
