"""Every structure with every operator in the real codec: sizes, offsets, levels, resolutions and regions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.models.model import Model
from j2klearn.models.registry import resolve
from tests.support.judges import psnr
from tests.support.small_models import OPERATORS, STRUCTURES, small_model

CASES = [(name, operator) for name in STRUCTURES for operator in OPERATORS]


@pytest.fixture(scope="module", params=CASES, ids=" ".join)
def model(request: pytest.FixtureRequest) -> Model:
    return small_model(*request.param)


@pytest.fixture(scope="module")
def picture(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return grey[40:102, 50:109]


def test_it_comes_back(model: Model, picture: NDArray[np.uint8]) -> None:
    data = j2klearn.encode(picture, bpp=10, model=model, levels=3)
    assert psnr(picture, j2klearn.decode(data, model=model)) > 60
    assert j2klearn.decode(data, reduce=1, model=model).shape == (31, 30)
    assert j2klearn.decode(data, reduce=3, model=model).shape == (8, 8)


def test_a_region_is_the_crop_of_the_whole(model: Model, picture: NDArray[np.uint8]) -> None:
    options: dict[str, Any] = {"offset": (3, 5), "tile_size": (32, 48), "tile_offset": (1, 2), "levels": 2}
    data = j2klearn.encode(picture, bpp=4, model=model, **options)
    for reduce in (0, 1):
        whole = j2klearn.decode(data, reduce=reduce, model=model)
        part = j2klearn.decode(data, reduce=reduce, model=model, region=(25, 20, 60, 57))
        y, x = (
            (28 + reduce >> reduce) - (3 + reduce >> reduce),
            (25 + reduce >> reduce) - (5 + reduce >> reduce),
        )
        assert np.array_equal(part, whole[y : y + part.shape[0], x : x + part.shape[1]])


@pytest.mark.parametrize("shape", [(1, 1), (1, 13), (7, 1), (2, 3), (5, 2)])
@pytest.mark.parametrize("name", STRUCTURES)
def test_tiny_pictures(name: str, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(sum(shape)).integers(0, 256, shape).astype(np.uint8)
    for offset in ((0, 0), (2, 4)):
        data = j2klearn.encode(
            image, bpp=4000, model=small_model(name, "iwave++"), embed_model=True, offset=offset
        )
        assert np.abs(j2klearn.decode(data).astype(int) - image).max() <= 1


def test_colour(rgb: NDArray[np.uint8]) -> None:
    part = rgb[:70, :81]
    for operator in OPERATORS:
        model = small_model("custom5s", operator)
        data = j2klearn.encode(part, bpp=16, model=model)
        assert psnr(part, j2klearn.decode(data, model=model)) > 50


@pytest.mark.parametrize("name", ["hybrid53", "custom4s", "update-predict"])
def test_subbands_are_scaled_by_their_gains(name: str, grey: NDArray[np.uint8]) -> None:
    """At equal size the scales raise the PSNR: without them tier-1 truncates the wrong coding passes."""
    model = small_model(name, deviation=0.0)  # predicts zero: the base wavelet
    reached = []
    for scaled in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            if not scaled:
                patch.setattr("j2klearn.models.transport_scales.transport_scales", lambda model, levels: ())
            data = j2klearn.encode(grey, bpp=0.5, model=model, levels=5)
            reached.append(psnr(grey, j2klearn.decode(data, model=model)))
    assert reached[0] > reached[1] + 0.02


def test_the_shipped_model_is_what_it_was() -> None:
    model = resolve("hybrid97-9c-compact")
    assert model.id.hex() == "24e8e4fe2ec98425ea1aa276e3b212ee4f25dde2409732a666a9e1c0dc7909e9"
    assert model.structure.matched
