"""Encoding by one native call gives the bytes that the stages of Python give."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.codestream.learned_segment import read_comments
from j2klearn.codestream.main_header import read_main_header
from j2klearn.core.normalisation import Normalisation
from j2klearn.core.picture import Picture
from j2klearn.core.targets import Targets
from j2klearn.ebcot.coders import LearnedCoder
from j2klearn.ebcot.layout import Layout
from j2klearn.errors import (
    CodestreamError,
    InputError,
    LimitError,
    ModelNotFoundError,
    OptionError,
    UnsupportedError,
)
from j2klearn.models.registry import DEFAULT_LOSSLESS_MODEL, resolve
from j2klearn.native import encoding
from j2klearn.native.picture import LearnedPicture, Models

Samples = NDArray[Any]

#: The smallest model with de-quantisation.
SMALL = "hybrid97-8p7-dq"


def _rgb(height: int = 103, width: int = 90, seed: int = 3) -> Samples:
    """Return a picture with smooth parts, edges and noise."""
    y, x = np.mgrid[0:height, 0:width]
    smooth = 128 + 60 * np.sin(x / 9) + 50 * np.cos(y / 13) + 40 * ((x + y) // 40 % 2)
    noise = np.random.default_rng(seed).normal(0, 9, (height, width, 3)).cumsum(2)
    return np.clip(smooth[..., None] + noise, 0, 255).astype(np.uint8)


RGB = _rgb()
WIDE = RGB.astype(np.uint16) * 257

#: A picture, and how it is encoded.
CASES: dict[str, tuple[Samples, dict[str, Any]]] = {
    "rgb": (RGB, {}),
    "grey": (RGB[..., 0], {}),
    "rgba": (np.concatenate([RGB, RGB[..., :1]], 2), {}),
    "five, no transform": (
        np.concatenate([RGB, RGB[..., :2]], 2),
        {"component_transform": False, "colorspace": "grey"},
    ),
    "16 bits": (WIDE, {}),
    "12 bits": (WIDE[..., 0] >> 4, {"bit_depth": 12}),
    "8 bits in 16": (RGB.astype(np.uint16), {"bit_depth": 8}),
    "signed": ((RGB.astype(np.int16) - 128).astype(np.int8), {}),
    "signed 16 bits": ((WIDE[..., 1].astype(np.int32) - 32768).astype(np.int16), {}),
    "bool": (RGB[..., 0] > 128, {}),
    "normalised": (RGB // 16 + 100, {}),
    "gaps between samples": (RGB[::2, ::-1], {}),
    "subsampled chroma": (RGB[::2, ::2].repeat(2, 0).repeat(2, 1), {"bpp": 3}),
    "one row": (RGB[:1], {}),
    "one column": (RGB[:, :1], {}),
    "tiles and layers": (RGB, {"tile_size": (64, 48), "bpp": [0.3, 1]}),
    "offset": (RGB, {"offset": (37, 21), "tile_size": 50, "tile_offset": (11, 3), "levels": 2}),
    "no levels": (RGB, {"levels": 0}),
    "one level": (RGB, {"levels": 1}),
    "visual weights": (RGB, {"tune": "visual", "tile_size": 80, "bpp": 2}),
    "many bits": (RGB, {"bpp": 20}),
    "PSNR": (RGB, {"bpp": None, "psnr": 36}),
    "twice": (RGB, {"plt": True}),
    "5/3 and scales": (RGB, {"model": "hybrid53-9c-compact", "offset": (5, 2)}),
    "integer": (RGB, {"model": "hybrid97-9c-compact-dq-int"}),
    "threads": (RGB, {"threads": 2}),
}


@pytest.fixture
def by_stages(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Return a context in which Python calls the stages one by one."""

    def refuse(*_: object) -> None:
        raise LimitError("the stages are tested")

    monkeypatch.setattr(LearnedCoder, "_native_parameters", lambda *_: None)
    monkeypatch.setattr(LearnedPicture, "noise", refuse)
    return monkeypatch


@pytest.mark.parametrize("case", CASES)
def test_the_bytes_are_those_of_the_stages(case: str, by_stages: pytest.MonkeyPatch) -> None:
    samples, options = CASES[case]
    options = {"model": SMALL, "bpp": 1.0, "fallback": False, **options}
    if options["bpp"] is None:
        del options["bpp"]
    expected = j2klearn.encode(samples, **options)
    by_stages.undo()
    assert j2klearn.encode(samples, **options) == expected
    assert j2klearn.encode(samples, **{**options, "threads": 3}) == expected


def test_who_watches_the_progress_gets_the_same_bytes() -> None:
    stages: set[str] = set()
    watched = j2klearn.encode(RGB, bpp=1, model=SMALL, progress=lambda _, name: stages.add(name))
    assert {"lifting", "coding"} <= stages
    assert watched == j2klearn.encode(RGB, bpp=1, model=SMALL)


def test_the_noise_far_from_the_origin_is_measured_by_stages() -> None:
    far: dict[str, Any] = {
        "offset": (1 << 30, 1 << 30),
        "bpp": 1,
        "model": SMALL,
        "fallback": False,
        "jp2": False,
        "levels": 2,
    }
    codes = []
    for offset in (far["offset"], (0, 0)):
        header = read_main_header(j2klearn.encode(RGB, **{**far, "offset": offset}))
        segment, _ = read_comments(header.binary_comments)
        assert segment is not None
        assert segment.noise is not None
        codes.append(segment.noise.codes)
    np.testing.assert_array_equal(*codes)


def _coder(samples: Samples = RGB, model: str = SMALL, **options: Any) -> LearnedCoder:
    picture = Picture(samples, **options)
    layout = Layout.read(picture.height, picture.width, levels=3)
    targets = Targets("bytes", (float(samples.size) / 8,))
    return LearnedCoder(picture, layout, resolve(model), targets)


def _parameters(coder: LearnedCoder) -> encoding.PictureParameters:
    parameters = coder._native_parameters([500.0])
    assert parameters is not None
    return parameters


@pytest.mark.parametrize("base_chroma", [False, True])
@pytest.mark.parametrize("model", [SMALL, "hybrid53-9c-compact"])
def test_coefficients(model: str, base_chroma: bool) -> None:
    coder = _coder(np.concatenate([RGB, RGB[..., :1] // 32], 2), model)
    coder.base_chroma = base_chroma
    coder.weights = tuple(tuple(0.5 + 0.1 * (i + j) for i in range(10)) for j in range(4))
    coder.normalisation = tuple(Normalisation(exponent, 3 - exponent) for exponent in (1, 1, 1, 4))
    found = encoding.analyse(_parameters(coder), coder.picture.samples, coder.model.native_models)
    for flat, expected in zip(found, coder._subbands_by_stages(), strict=True):
        np.testing.assert_array_equal(flat, expected)


def test_refused() -> None:
    coder = _coder()
    good, samples, models = _parameters(coder), coder.picture.samples, coder.model.native_models
    assert encoding.encode(good, samples, models).startswith(b"\xff\x4f\xff\x51")
    factors = (1.0,) * 10
    refused: list[tuple[type[Exception], dict[str, Any], Samples]] = [
        (InputError, {}, samples[:-1]),
        (InputError, {}, samples.astype(np.int32)),
        (InputError, {"bit_depth": 7}, samples),
        (InputError, {"model_id": b"short"}, samples),
        (InputError, {"scales": factors[1:]}, samples),
        (InputError, {"weights": (factors, factors)}, samples),
        (InputError, {"weights": (factors, factors, factors[1:])}, samples),
        (InputError, {"normalisation": (Normalisation(),)}, samples),
        (OptionError, {"scales": (0.0, *factors[1:])}, samples),
        (OptionError, {"weights": (factors, factors, (np.inf, *factors[1:]))}, samples),
        (OptionError, {"normalisation": (Normalisation(16),) * 3}, samples),
        (OptionError, {"shared": 4}, samples),
        (OptionError, {"bit_depth": 9}, samples),
        (OptionError, {"carrier": replace(good.carrier, reversible=True)}, samples),
        (OptionError, {"carrier": replace(good.carrier, layer_bytes=(2.0, 1.0))}, samples),
        (ModelNotFoundError, {"model_id": bytes(32)}, samples),
    ]
    for error, change, picture in refused:
        for function in (encoding.encode, encoding.analyse):
            with pytest.raises(error):
                function(replace(good, **change), picture, models)  # type: ignore[operator]


def test_models_that_native_code_cannot_compute() -> None:
    coder = _coder()
    good, samples = _parameters(coder), coder.picture.samples
    lossless = resolve(DEFAULT_LOSSLESS_MODEL)
    with pytest.raises(UnsupportedError, match="lossless"):
        encoding.encode(replace(good, model_id=lossless.id), samples, lossless.native_models)
    alone = Models(files=[coder.model.to_bytes()], beside=False)
    with pytest.raises(UnsupportedError, match="PyTorch"):
        encoding.encode(good, samples, alone)


def test_files_whose_noise_is_not_measured() -> None:
    for options in (
        {"model": None},
        {"lossless": True},
        {"model": SMALL, "bpp": 1, "levels": 1, "fallback": False},
    ):
        data = j2klearn.encode(RGB, **options)
        with LearnedPicture(data, Models(beside=False)) as picture, pytest.raises(CodestreamError):
            picture.noise()
