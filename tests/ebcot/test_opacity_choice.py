"""The choice whose opacities chroma uses, and files in which every component of a colour picture uses its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

import j2klearn
from j2klearn.access.partial_codestream import PartialCodestream
from j2klearn.codestream.learned_segment import Opacities, read_comments
from j2klearn.core.picture import Picture
from j2klearn.ebcot import coders
from j2klearn.ebcot.opacity_choice import prefers_own_opacities
from j2klearn.ebcot.probe import Probe
from j2klearn.io.sources import open_source
from j2klearn.metrics.psnr import psnr


def opacities(file: bytes | Path) -> Opacities:
    descriptor, _ = read_comments(PartialCodestream(open_source(file)).header.binary_comments)
    assert descriptor is not None
    return descriptor.opacities


def flat_luma(rgb: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """Return a picture with a share of its luma, and more of its chroma."""
    samples = rgb.astype(np.float64)
    luma = (samples * [0.299, 0.587, 0.114]).sum(2, keepdims=True)
    mean = luma.mean()
    changed = mean + share * (luma - mean) + 1.5 * (samples - luma)
    return np.rint(np.clip(changed, 0, 255)).astype(np.uint8)


@pytest.fixture(scope="module")
def plain() -> NDArray[np.uint8]:
    return np.ascontiguousarray(data.astronaut()[:256, 60:442])


@pytest.fixture(scope="module")
def coloured(plain: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture whose colours are equally bright."""
    return flat_luma(plain, 0.1)


@pytest.fixture(scope="module")
def file(coloured: NDArray[np.uint8]) -> bytes:
    return j2klearn.encode(coloured, bpp=[0.25, 1], fallback=False)


def test_colours_of_equal_brightness_have_their_own_opacities(
    plain: NDArray[np.uint8], coloured: NDArray[np.uint8], file: bytes
) -> None:
    assert opacities(file) == Opacities.OWN
    assert opacities(j2klearn.encode(plain, bpp=1, fallback=False)) == Opacities.FIRST
    alpha = np.full((*plain.shape[:2], 1), 255, np.uint8)
    assert opacities(j2klearn.encode(np.dstack([coloured, alpha]), bpp=1, fallback=False)) == Opacities.OWN
    assert opacities(j2klearn.encode(np.dstack([plain, alpha]), bpp=1, fallback=False)) == Opacities.COLOUR
    assert opacities(j2klearn.encode(plain[..., 0], bpp=1, fallback=False)) == Opacities.FIRST


def test_they_are_better_at_every_rate_than_those_of_luma_and_the_97(
    coloured: NDArray[np.uint8], file: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coders, "prefers_own_opacities", lambda _: False)
    shared = j2klearn.encode(coloured, bpp=[0.25, 1], fallback=False)
    ordinary = j2klearn.encode(coloured, bpp=[0.25, 1], model=None)
    for layers in (1, 2):
        own, of_luma, of_97 = (
            psnr(coloured, j2klearn.decode(each, layers=layers), 8) for each in (file, shared, ordinary)
        )
        assert own > of_luma + 0.3
        assert own > of_97 + 0.2


def test_parts_threads_and_engines_read_the_same(file: bytes, coloured: NDArray[np.uint8]) -> None:
    whole = j2klearn.decode(file)
    assert np.array_equal(j2klearn.decode(file, region=(30, 41, 200, 301)), whole[30:200, 41:301])
    assert np.array_equal(j2klearn.decode(file, threads=3), whole)
    assert j2klearn.decode(file, reduce=1).shape == (128, 191, 3)
    tiled = j2klearn.encode(coloured, bpp=1, fallback=False, tile_size=128)
    assert opacities(tiled) == Opacities.OWN
    assert np.array_equal(
        j2klearn.decode(tiled, region=(100, 90, 180, 300)), j2klearn.decode(tiled)[100:180, 90:300]
    )


def test_files_of_files_are_chosen_alike(coloured: NDArray[np.uint8], tmp_path: Path) -> None:
    out = tmp_path / "out.jp2"
    j2klearn.encode_file(coloured, out, bpp=1, model="hybrid97-16p7-guided")
    assert opacities(out) == Opacities.OWN
    assert psnr(coloured, j2klearn.decode(out), 8) > 30


@pytest.mark.parametrize("side", [1, 2, 3, 17, 40])
def test_small_pictures_keep_those_of_luma(side: int) -> None:
    picture = np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)
    picture[..., 1:] //= 2
    assert not prefers_own_opacities(Probe.of(Picture(picture))) or side > 32


def test_grey_pictures_keep_those_of_luma(grey: NDArray[np.uint8]) -> None:
    assert not prefers_own_opacities(Probe.of(Picture(np.dstack([grey] * 3))))
    assert not prefers_own_opacities(Probe.of(Picture(np.full((300, 300, 3), 77, np.uint8))))
