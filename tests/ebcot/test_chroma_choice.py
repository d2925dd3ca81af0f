"""The choice whether chroma has learned steps at the finest level, and files in which it has none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.access.partial_codestream import PartialCodestream
from j2klearn.api.encode_file import encode_file
from j2klearn.codestream.learned_segment import read_comments
from j2klearn.core.geometry import Rect
from j2klearn.core.picture import Picture
from j2klearn.ebcot import coders, effort
from j2klearn.ebcot.fitting import Fitting
from j2klearn.io.sources import open_source
from j2klearn.metrics.psnr import psnr
from j2klearn.models.registry import resolve
from j2klearn.native import wavelet
from j2klearn.transform.colour import planes

#: A model whose learned steps lose on chroma that was subsampled.
NINE = "hybrid97-9c-compact-dq"


def base_chroma(data: bytes | Path) -> bool:
    header = PartialCodestream(open_source(data)).header
    descriptor, _ = read_comments(header.binary_comments)
    assert descriptor is not None
    return descriptor.base_chroma


def subsampled(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture whose chroma was subsampled by two and enlarged again."""
    from PIL import Image

    luma, *chroma = Image.fromarray(rgb).convert("YCbCr").split()
    small = [plane.resize((plane.width // 2, plane.height // 2), Image.Resampling.BOX) for plane in chroma]
    large = [plane.resize(luma.size, Image.Resampling.BICUBIC) for plane in small]
    return np.asarray(Image.merge("YCbCr", [luma, *large]).convert("RGB"))


@pytest.fixture(scope="module")
def detailed(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture whose chroma is as detailed as its luma."""
    return np.dstack([grey, grey // 2 + 60, 255 - grey])[:190, :261]


@pytest.fixture(scope="module")
def smooth(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(subsampled(rgb[:256, :382])[:190, :261])


@pytest.fixture(params=[False, True])
def forced(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(coders, "prefers_base_chroma", lambda *_: request.param)
    return bool(request.param)


@pytest.mark.parametrize("bpp", [0.5, 1, 2])
def test_the_choice_is_the_better_one(
    bpp: float, smooth: NDArray[np.uint8], detailed: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    for picture, chosen in ((smooth, True), (detailed, False)):
        found = {}
        for value in (True, False):
            with monkeypatch.context() as patch:
                patch.setattr(coders, "prefers_base_chroma", lambda *_, value=value: value)
                data = j2klearn.encode(picture, bpp=bpp, fallback=False, model=NINE)
            assert base_chroma(data) == value
            found[value] = psnr(picture, j2klearn.decode(data), 8)
        data = j2klearn.encode(picture, bpp=bpp, fallback=False, model=NINE)
        assert base_chroma(data) == chosen
        assert found[chosen] > found[not chosen] - 0.05
    assert not base_chroma(j2klearn.encode(smooth[..., 0], bpp=bpp, fallback=False, model=NINE))
    assert not base_chroma(
        j2klearn.encode(smooth, bpp=bpp, fallback=False, model=NINE, component_transform=False)
    )
    assert not base_chroma(j2klearn.encode(smooth, bpp=bpp, fallback=False, model=NINE, levels=0))


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_the_finest_level_of_chroma_is_the_base_wavelet(engine: str) -> None:
    transform = resolve("hybrid97-9c-compact").using(engine).transform
    area = Rect(3, 2, 70, 91)
    samples = np.random.default_rng(0).normal(0, 30, (3, *area.shape)).astype(np.float32)
    plain, learned = (transform.analyse(samples, area, 2, base_chroma=value) for value in (True, False))
    assert all(np.array_equal(a, b) for a, b in zip(plain[0].bands(), learned[0].bands(), strict=True))
    for at in (1, 2):
        _, *details = wavelet.analyse(samples[at], area.origin)
        assert all(np.array_equal(a, b) for a, b in zip(plain[at].details[0], details, strict=True))
        assert not np.array_equal(learned[at].details[0][0], details[0])
        assert not np.array_equal(plain[at].details[1][0], learned[at].details[1][0])
    back = transform.synthesise(plain, base_chroma=True)
    assert np.abs(back - samples).max() < (1e-2 if engine == "native" else 1.0)


@pytest.mark.parametrize("model", ["hybrid97-9c-compact-dq", "hybrid53-9c-compact"])
def test_regions_tiles_and_resolutions(model: str, forced: bool, smooth: NDArray[np.uint8]) -> None:
    options, smooth = {"bpp": 2, "model": model, "fallback": False}, smooth[:151, :161]
    for more in ({}, {"tile_size": 64}, {"offset": (3, 5)}):
        data = j2klearn.encode(smooth, **options, **more)
        assert base_chroma(data) == forced
        whole, half = j2klearn.decode(data), j2klearn.decode(data, reduce=1)
        assert psnr(smooth, whole, 8) > 30
        for threads in (1, 3):
            assert np.array_equal(j2klearn.decode(data, threads=threads), whole)
        part = j2klearn.decode(data, region=(30, 41, 150, 99))
        assert np.array_equal(part, whole[30:150, 41:99])
        if "offset" not in more:
            assert np.array_equal(
                j2klearn.decode(data, region=(32, 40, 150, 100), reduce=1), half[16:75, 20:50]
            )
        floats = j2klearn.decode(data, engine="torch")
        assert abs(psnr(smooth, floats, 8) - psnr(smooth, whole, 8)) < 0.05


def test_strips(forced: bool, photograph: NDArray[np.uint8], tmp_path: Path) -> None:
    path, picture = tmp_path / "strips.jp2", subsampled(photograph[400:1100, 700:1200])
    encode_file(picture, path, bpp=2, tile_size=128, model="hybrid97-9c-compact")
    assert base_chroma(path) == forced
    decoded = j2klearn.decode(path)
    assert psnr(picture, decoded, 8) > 35.5
    assert np.array_equal(j2klearn.decode(path, region=(300, 90, 500, 300)), decoded[300:500, 90:300])


def test_four_components_and_narrow_ranges(forced: bool, smooth: NDArray[np.uint8]) -> None:
    alpha = np.dstack([smooth, smooth[..., 1]])
    data = j2klearn.encode(alpha, bpp=4, fallback=False)
    assert base_chroma(data) == forced
    assert psnr(alpha, j2klearn.decode(data), 8) > 33
    narrow = smooth.astype(np.uint16) + 900
    data = j2klearn.encode(narrow, bpp=4, fallback=False)
    assert base_chroma(data) == forced
    assert psnr(smooth, (j2klearn.decode(data).astype(int) - 900).clip(0, 255).astype(np.uint8), 8) > 33


@pytest.mark.parametrize("forced", [True], indirect=True)
def test_fitted_coefficients(
    forced: bool, smooth: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = smooth[:64, :72]
    for name, rounds in (("_FIRST_ROUNDS", 3), ("_LATER_ROUNDS", 1), ("_MAX_TRIES", 1)):
        monkeypatch.setattr(effort, name, rounds)
    fitted = j2klearn.encode(picture, bpp=2, levels=2, fallback=False, effort=2, model="hybrid97-8p7-dq")
    assert base_chroma(fitted) == forced
    samples, transform = planes(Picture(picture)), resolve("hybrid97-9c-compact").using("torch")
    bands = transform.transform.analyse(samples, Rect(0, 0, 64, 72), 3, base_chroma=forced)
    fitting = Fitting(
        samples,
        bands,
        model=transform,
        groups=[slice(0, 3)],
        ict=True,
        lattice={(name, level): 0.01 for level in (1, 2, 3) for name in ("LL", "HL", "LH", "HH")},
        scales=(),
        noise=[None] * 3,
        base_chroma=forced,
    )
    found = fitting._decoded([band.source for band in fitting.bands]).numpy()
    other = transform.transform.synthesise(bands, base_chroma=not forced)
    assert np.abs(found - samples).max() < 0.5 * np.abs(other - samples).max()
