"""The transforms: reconstruction at every resolution, and exact reconstruction by the 5/3."""

from __future__ import annotations

import numpy as np
import pytest

from j2klearn.core.picture import Picture
from j2klearn.core.subbands import Subbands
from j2klearn.errors import CodestreamError, ModelError, ModelNotFoundError
from j2klearn.models.registry import resolve
from j2klearn.neural.coefficients.pyramid import Pyramid
from j2klearn.neural.subband_transform import (
    Transform,
    analyse_reversible,
    synthesise_reversible,
    transform_of,
)
from j2klearn.transform.colour import planes, reversible_pixels, reversible_planes

LEARNED = "hybrid97-9c-compact"


def reduced(bands: Subbands, reduce: int) -> Subbands:
    area = bands.area.resolution(reduce)
    parts = [[band.copy() for band in level] for level in bands.details[reduce:]]
    return Subbands(area, bands.ll.copy(), [(hl, lh, hh) for hl, lh, hh in parts])


@pytest.mark.parametrize("model", [None, LEARNED])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (67, 90)])
def test_there_and_back(rgb, model, shape):
    transform = Transform(None if model is None else resolve(model), 2, ict=True)
    samples = planes(Picture(rgb[: shape[0], : shape[1]]))
    bands = transform.analyse(samples, 4)
    assert all(part.levels == 4 for part in bands)
    again = transform.synthesise(bands, 0, 4)
    assert np.abs(again - samples).max() < 0.1  # some processors compute in bfloat16


@pytest.mark.parametrize("reduce", [1, 2, 3, 4])
def test_lower_resolutions(rgb, reduce):
    """A lower resolution is the LL of an analysis with fewer levels, divided by its norm."""
    for model in (None, resolve(LEARNED)):
        transform = Transform(model, 2, ict=False)
        samples = planes(Picture(rgb[:67, :90, 0]))
        bands = transform.analyse(samples, 4)
        low = transform.synthesise([reduced(part, reduce) for part in bands], reduce, 4)
        fewer = transform.analyse(samples, reduce)[0]
        expected = fewer.ll / transform._norms(reduce)[0]
        assert low.shape[1:] == expected.shape
        assert np.abs(low[0] - expected).max() < 0.1


def test_the_analysis_leaves_its_input_alone(rgb):
    samples = planes(Picture(rgb[:5, :6, 0]))
    before = samples.copy()
    Transform(None, ict=False).analyse(samples, 0)
    np.testing.assert_array_equal(samples, before)


def test_progress_ends_at_one(rgb):
    shares: list[float] = []
    Transform(None, ict=False).analyse(planes(Picture(rgb[:32, :32])), 2, shares.append)
    assert shares == pytest.approx([1 / 3, 2 / 3, 1])


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
@pytest.mark.parametrize("shape", [(1, 1), (2, 3, 3), (33, 20, 4), (1, 17, 3), (9, 9, 1)])
def test_without_loss(dtype, shape):
    limits = np.iinfo(dtype)
    image = np.random.default_rng(1).integers(limits.min, limits.max, shape, dtype, endpoint=True)
    image.flat[0], image.flat[-1] = limits.min, limits.max
    picture = Picture(image)
    pyramids = analyse_reversible(reversible_planes(picture), 3)
    assert all(band.dtype == np.int32 for pyramid in pyramids for band in pyramid.bands())
    decoded = synthesise_reversible(pyramids)
    again = reversible_pixels(decoded, picture.bit_depth, rct=picture.ict, signed=picture.signed)
    assert again.dtype == dtype
    np.testing.assert_array_equal(again, image[:, :, 0] if shape[2:] == (1,) else image)


def test_impossible_coefficients_are_refused():
    pyramid = Pyramid(np.full((2, 2), 1 << 22, np.int32), [])
    with pytest.raises(CodestreamError, match="no picture has"):
        synthesise_reversible([pyramid])


def test_configurations():
    assert transform_of({"transform": "9-7"}, ict=True).model is None
    model = resolve(LEARNED)
    named = {"transform": {"name": LEARNED, "id": model.id.hex()}, "learned_levels": 3}
    found = transform_of(named, ict=True)
    assert (found.model, found.learned_levels) == (model, 3)
    with pytest.raises(ModelNotFoundError, match="00"):
        transform_of({"transform": {"id": bytes(32).hex()}}, ict=True)
    for wrong in (None, "haar", {"id": 3}, {"name": "x"}):
        with pytest.raises(ModelError, match="which transform"):
            transform_of({"transform": wrong}, ict=True)
    with pytest.raises(ModelError, match="levels"):
        transform_of({**named, "learned_levels": 99}, ict=True)
