"""Reconstruction points from mixtures: their arithmetic, and how much they improve a picture."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from skimage import data as photographs

import j2klearn
from j2klearn.access.partial_codestream import PartialCodestream
from j2klearn.core.picture import Picture
from j2klearn.errors import SegmentError
from j2klearn.io.sources import open_source
from j2klearn.metrics.psnr import psnr
from j2klearn.neural.coefficients.expectation import MOST_ERROR, WEIGHT, expected
from j2klearn.neural.coefficients.reconstruction_points import Points
from j2klearn.neural.encode import _Lossy
from j2klearn.neural.reader import NeuralFile
from j2klearn.transform.colour import planes
from tests.support.neural_models import Deflate


def parameters(*components: tuple[float, float, float]) -> np.ndarray:
    """Return one mixture of components (weight, mean, scale)."""
    weights, means, scales = np.array(components).T
    planes = 64 * np.log(weights), 32 * means, 64 * np.log(scales)
    return np.stack([np.rint(plane) for plane in planes])[None].astype(np.int16)


def by_sums(components: list[tuple[float, float, float]], value: int) -> float:
    """Return the value that `expected` should have, from sums of the density over a cell that is found by search."""

    def density(x: np.ndarray) -> np.ndarray:
        z = [(x - mean) / scale for _, mean, scale in components]
        parts = [w / s / (2 + np.exp(-a) + np.exp(a)) for (w, _, s), a in zip(components, z, strict=True)]
        return np.sum(parts, 0)

    @functools.cache
    def bits(index: int) -> float:
        x = np.linspace(index - 0.5, index + 0.5, 20001)
        return -float(np.log2(np.trapezoid(density(x), x)))

    def chosen(x: float) -> int:
        sign, size = (1 if x > 0 else -1), abs(x)
        upper = int(np.floor(size + 0.5))
        error = size - (upper - 1)
        if upper and error < MOST_ERROR:
            saved = bits(sign * upper) - bits(sign * (upper - 1))
            if error**2 - (1 - error) ** 2 < WEIGHT * saved:
                upper -= 1
        return sign * upper

    x = np.linspace(value - 1, value + 1, 4001)
    inside = x[[chosen(float(each)) == value for each in x]]
    weight = density(inside)
    return float((inside * weight).sum() / weight.sum()) - value


@pytest.mark.parametrize("value", [0, 1, -1, 2, -3])
@pytest.mark.parametrize(
    "components",
    [[(1.0, 0.0, 1.0)], [(0.5, 0.25, 0.25), (0.5, -1.5, 1.0)], [(0.25, 2.0, 0.5), (0.75, 0.0, 2.0)]],
    ids=["wide", "two", "off"],
)
def test_the_mean_within_the_cell(components, value):
    # weights, means and scales are rounded in a file
    found = expected(parameters(*components), np.array([value], np.int32))[0]
    assert found == pytest.approx(by_sums(components, value), abs=0.012)


def test_what_says_nothing():
    narrow, far = parameters((1, 0, 0.05)), parameters((1, 900, 0.05))
    assert expected(narrow, np.zeros(1, np.int32))[0] == 0
    assert not expected(far, np.array([-700], np.int32)).any()
    assert len(expected(narrow[:0], np.zeros(0, np.int32))) == 0
    rng = np.random.default_rng(3)
    anything = rng.integers(-32768, 32767, (4000, 3, 3), endpoint=True).astype(np.int16)
    values = np.concatenate([rng.integers(-3, 4, 3000), rng.integers(-(1 << 29), 1 << 29, 1000)])
    distances = expected(anything, values.astype(np.int32))
    assert np.isfinite(distances).all()
    assert np.abs(distances).max() <= 1


def test_signs_mirror():
    rng = np.random.default_rng(4)
    some = rng.integers(-99, 99, (500, 3, 3))
    mirrored = some * np.array([1, -1, 1])[:, None]
    values = rng.integers(-3, 4, 500).astype(np.int32)
    one, other = expected(some.astype(np.int16), values), expected(mirrored.astype(np.int16), -values)
    assert np.allclose(one, -other, atol=1e-6)


@pytest.fixture(scope="module")
def picture():
    return photographs.astronaut()[50:182, 140:220]


@pytest.fixture(scope="module")
def encoded(picture):
    """A file, and the reconstruction points of its encoder."""
    kept = []
    better = _Lossy.better
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            _Lossy, "better", lambda self, plain, points: kept.append(points) or better(self, plain, points)
        )
        data = j2klearn.encode(picture, profile="neural", quality=40)
    return data, kept[0]


def opened(data: bytes) -> NeuralFile:
    file = NeuralFile.open(PartialCodestream(open_source(data)))
    assert file is not None
    return file


def test_pictures_gain(picture, encoded, monkeypatch):
    data, _ = encoded
    monkeypatch.setattr(_Lossy, "better", lambda self, plain, points: plain)
    plain = j2klearn.encode(picture, profile="neural", quality=40)
    assert opened(data).header.expected
    assert not opened(plain).header.expected
    assert abs(len(data) - len(plain)) <= 2
    source = planes(Picture(picture))
    errors = [np.square(opened(each).synthesised() - source).sum() for each in (data, plain)]
    assert errors[0] < 0.98 * errors[1]  # before de-quantisation


def test_encoder_and_decoder_expect_the_same(encoded):
    data, kept = encoded
    file = opened(data)
    for threads in (1, 3):
        points = Points()
        pyramids = file.pyramids(0, threads, points=points)
        for at, pyramid in enumerate(pyramids):
            both = zip(points.details(at, pyramid), kept.details(at, pyramid), strict=True)
            assert all(np.array_equal(a, b) for three in both for a, b in zip(*three, strict=True))
    # at a lower resolution the remaining levels have the same points
    points = Points()
    (low, *_) = file.pyramids(2, 1, points=points)
    for three, others in zip(points.details(0, low, 3), kept.details(0, pyramids[0])[2:], strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(three, others, strict=True))


def test_resolutions_and_files_cut_off(picture, encoded):
    data, _ = encoded
    half = j2klearn.decode(data, reduce=1)
    assert half.shape == (66, 40, 3)
    small = picture.reshape(66, 2, 40, 2, 3).mean((1, 3))
    assert np.abs(half - small).mean() < 6
    with pytest.warns(j2klearn.errors.TruncatedWarning):
        cut = j2klearn.decode(data[: len(data) * 2 // 3])
    assert psnr(picture, cut, 8) > 20


def test_models_that_expect_nothing():
    model = Deflate("9-7")
    data = j2klearn.encode(np.zeros((40, 40), np.uint8), profile="neural", quality=40, model=model)
    file = NeuralFile.open(PartialCodestream(open_source(data)), model)
    assert file is not None
    object.__setattr__(file.header, "expected", True)
    with pytest.raises(SegmentError, match="expects"):
        file.synthesised()
