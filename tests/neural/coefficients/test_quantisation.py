"""The quantiser: steps and their codes, norms of subbands and components, reconstruction points."""

from __future__ import annotations

import numpy as np
import pytest

from j2klearn.core.geometry import ORIENTATIONS, Rect
from j2klearn.core.picture import Picture
from j2klearn.core.subbands import Subbands
from j2klearn.errors import OptionError
from j2klearn.neural.coefficients.pyramid import Pyramid
from j2klearn.neural.coefficients.quantisation import (
    centroids,
    check_step,
    component_norms,
    dequantised,
    model_code,
    quality_code,
    quantised,
    step_of,
    subband_norms,
)
from j2klearn.neural.subband_transform import Transform
from j2klearn.transform.colour import pixels, planes
from j2klearn.transform.norms import NORMS_97, norm_97


def laplacian(shape: tuple[int, int], levels: int = 2) -> Subbands:
    random = np.random.default_rng(4)
    area = Rect(0, 0, *shape)
    details = [
        tuple(random.laplace(0, 3, area.subband(n, level).shape).astype(np.float32) for n in ORIENTATIONS)
        for level in range(1, levels + 1)
    ]
    low = random.normal(0, 200, area.resolution(levels).shape).astype(np.float32)
    return Subbands(area, low, details)


def test_codes_of_steps():
    assert step_of(0) == 1
    assert step_of(256 * 3) == 8
    assert model_code(256 * 3) == 48
    assert [model_code(code) for code in (-9, -8, 7, 8, 23, 24)] == [-1, 0, 0, 1, 1, 2]


def test_qualities():
    codes = [quality_code(quality) for quality in range(101)]
    assert (step_of(codes[0]), step_of(codes[100])) == (128, 1)
    assert np.all(np.diff(codes) < 0)
    for wrong in (-1, 100.5, float("nan"), "high", True):
        with pytest.raises(OptionError, match="0 to 100"):
            quality_code(wrong)


def test_norms_go_on_beyond_the_table():
    known = len(NORMS_97["LL"])
    for name in ("LL", *ORIENTATIONS):
        assert norm_97(name, known) == NORMS_97[name][-1]
        assert norm_97(name, known + 2) == 4 * NORMS_97[name][-1]
    assert norm_97("LL", 0) == 1
    assert subband_norms(1) == [NORMS_97["LL"][0], *(NORMS_97[name][0] for name in ORIENTATIONS)]


def test_norms_of_learned_transforms():
    plain = subband_norms(4)
    scales = [2.0, 3.0, 3.0, 3.0, 5.0, 5.0, 5.0]  # LL, the second level, the first
    ratios = np.array(subband_norms(4, scales, 2)) / plain
    np.testing.assert_allclose(ratios, [2.0, *[2.0] * 6, *[3.0] * 3, *[5.0] * 3])


@pytest.mark.parametrize("component", [0, 1, 2])
def test_an_error_of_a_step_is_worth_the_same_in_every_subband(component):
    """Noise in normalised coefficients gives noise of the same standard deviation in the pixels."""
    random = np.random.default_rng(component)
    picture = Picture(np.full((256, 256, 3), 128, np.uint8))
    transform = Transform(None, ict=True)
    for chosen in range(1, 10):
        bands = transform.analyse(planes(picture), 3)
        band = bands[component].bands()[chosen]
        noise = random.normal(0, 8, band.shape)
        band += noise.astype(np.float32)
        decoded = pixels(transform.synthesise(bands, 0, 3), 8, ict=True).astype(float)
        share = band.size / (256 * 256)
        # the norms are relative to luma, whose error is the same in R, G and B
        deviation = np.sqrt(np.square(decoded - 128).mean() / share)
        assert deviation == pytest.approx(8, rel=0.12)


def test_a_constant_has_a_single_coefficient_of_the_mean():
    picture = Picture(np.full((16, 16), 200, np.uint8))
    bands = Transform(None, ict=False).analyse(planes(picture), 1)[0]
    np.testing.assert_allclose(bands.ll, 72 * NORMS_97["LL"][0], rtol=1e-3)


def test_indices_and_points_of_reconstruction():
    bands = laplacian((64, 48))
    step, offset = 2.0, 0.4
    indices = quantised(bands, step, offset)
    for at, (band, index) in enumerate(zip(bands.bands(), indices.bands(), strict=True)):
        assert index.dtype == np.int32
        rounding = offset if at else 0.5
        expected = np.sign(band) * np.floor(np.abs(band) / step + rounding)
        np.testing.assert_array_equal(index, expected)
    shifts = centroids([bands], [indices], step)
    assert all(-32 <= shift <= 32 for shift in shifts)
    assert shifts[0] != 0
    errors = {}
    for each in (shifts, (0, 0), (shifts[0] + 6, shifts[1]), (shifts[0], shifts[1] - 6)):
        decoded = dequantised(indices, step, each)
        pairs = zip(bands.bands()[1:], decoded.bands()[1:], strict=True)
        errors[each] = sum(float(np.square(a - b).sum()) for a, b in pairs)
        np.testing.assert_allclose(decoded.ll, indices.ll * step)
    assert min(errors, key=lambda each: errors[each]) == shifts


def test_zero_stays_zero_and_signs_stay():
    bands = laplacian((8, 8), 1)
    indices = Pyramid(
        np.zeros((4, 4), np.int32), [(np.full((4, 4), -1, np.int32), *[np.zeros((4, 4), np.int32)] * 2)]
    )
    decoded = dequantised(indices, 4.0, (16, 0))
    np.testing.assert_array_equal(decoded.details[0][0], -5.0)
    assert not decoded.details[0][1].any()
    assert centroids([bands], [Pyramid(indices.ll, [(indices.ll,) * 3])], 4.0) == (0, 0)


def test_indices_have_bounds():
    bands = laplacian((8, 8), 1)
    bands.ll[0, 0] = 1e9
    with pytest.raises(OptionError, match="too fine"):
        check_step([bands], 0.5)
    bands.ll[0, 0] = np.nan
    with pytest.raises(OptionError, match="too fine"):
        check_step([bands], 0.5)
    check_step([laplacian((8, 8), 1)], 0.5)


def test_component_norms():
    assert component_norms(2, ict=False) == [1, 1]
    luma, blue, red, alpha = component_norms(4, ict=True)
    assert (luma, alpha) == (1, 1)
    assert (blue, red) == pytest.approx((1.0422, 0.9084), abs=1e-4)
