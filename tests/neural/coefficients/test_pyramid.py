"""Pyramids: their geometry, and levels that are left out."""

from __future__ import annotations

import numpy as np
import pytest

from j2klearn.core.geometry import Rect
from j2klearn.native import wavelet
from j2klearn.neural.coefficients.pyramid import Pyramid, area_of, default_levels, resolutions


def pyramid(shape: tuple[int, int], levels: int) -> Pyramid:
    low = np.arange(shape[0] * shape[1], dtype=np.int32).reshape(shape) ** 2 % 251
    details = []
    for _ in range(levels):
        low, hl, lh, hh = wavelet.analyse(low)
        details.append((hl, lh, hh))
    return Pyramid(low, details)


@pytest.mark.parametrize(
    ("shape", "levels"),
    [((1, 1), 0), ((8, 8), 0), ((9, 3), 1), ((16, 16), 1), ((17, 2), 2), ((512, 768), 7), ((1, 5000), 10)],
)
def test_as_many_levels_as_leave_eight_samples(shape, levels):
    assert default_levels(shape) == levels
    longest = max(area_of(shape).resolution(levels).shape)
    assert longest <= 8
    assert levels == 0 or max(area_of(shape).resolution(levels - 1).shape) > 8


@pytest.mark.parametrize(("shape", "levels"), [((1, 1), 0), ((37, 61), 3), ((1, 40), 3), ((40, 1), 2)])
def test_shape_and_order_of_bands(shape, levels):
    whole = pyramid(shape, levels)
    assert whole.shape == shape
    assert whole.levels == levels
    again = Pyramid.of(whole.bands())
    for first, second in zip(whole.bands(), again.bands(), strict=True):
        np.testing.assert_array_equal(first, second)
    assert whole.subbands().area == Rect(0, 0, *shape)
    assert [band.shape for band in whole.subbands().bands()] == [band.shape for band in whole.bands()]


def test_levels_left_out_are_zero():
    whole = pyramid((37, 61), 4)
    lower = whole.reduced(2)
    assert lower.shape == (10, 16)
    filled = lower.completed(area_of((37, 61)), 4)
    assert [band.shape for band in filled.bands()] == [band.shape for band in whole.bands()]
    assert not any(band.any() for level in filled.details[:2] for band in level)
    np.testing.assert_array_equal(filled.details[2][0], whole.details[2][0])
    assert lower.completed(area_of((10, 16)), 2).levels == 2


def test_resolutions_of_segments():
    assert list(resolutions((37, 61), 3)) == [((10, 16), 2), ((19, 31), 1), ((37, 61), 0)]
    assert list(resolutions((3, 5), 0)) == [((3, 5), 0)]
