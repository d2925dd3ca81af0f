"""The option `tune`: files for what people see, which any reader decodes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import j2klearn
from j2klearn.core.geometry import Rect
from j2klearn.core.picture import Picture
from j2klearn.ebcot.visual_error import visual_psnr
from j2klearn.errors import OptionError
from j2klearn.metrics.psnr import psnr
from j2klearn.metrics.ssimulacra2 import ssimulacra2

BPP = 1.0


@pytest.fixture(scope="module", params=["auto", None], ids=["learned", "9-7"])
def files(request, rgb):
    picture = rgb[:160, :192]
    return picture, {
        tune: j2klearn.encode(picture, bpp=BPP, model=request.param, fallback=False, tune=tune)
        for tune in ("psnr", "visual")
    }


def test_visual_quality_is_higher_at_the_same_size(files):
    picture, made = files
    decoded = {tune: j2klearn.decode(data) for tune, data in made.items()}
    assert max(map(len, made.values())) <= BPP * picture.size / 24 * 1.01
    assert ssimulacra2(picture, decoded["visual"]) > ssimulacra2(picture, decoded["psnr"]) + 0.5
    assert psnr(picture, decoded["visual"]) < psnr(picture, decoded["psnr"])


def test_regions_and_other_readers_decode_a_file_as_it_is(files):
    picture, made = files
    decoded = j2klearn.decode(made["visual"])
    region = j2klearn.decode(made["visual"], region=(30, 40, 120, 150))
    np.testing.assert_array_equal(region, decoded[30:120, 40:150])
    with Image.open(io.BytesIO(made["visual"])) as opened:
        shown = np.asarray(opened)
    if not j2klearn.info(made["visual"]).learned:
        np.testing.assert_array_equal(shown, decoded)
    # others show the carrier of a learned file, whose colours are right
    assert np.abs(shown.mean((0, 1)) - picture.mean((0, 1))).max() < 2


def test_pictures_that_are_coded_in_parts(rgb, tmp_path):
    quality = []
    for tune in ("psnr", "visual"):
        path = tmp_path / f"{tune}.jp2"
        size = j2klearn.encode_file(rgb, path, bpp=BPP, tile_size=192, model=None, tune=tune)
        assert size <= BPP * rgb.size / 24 * 1.01
        quality.append(ssimulacra2(rgb, j2klearn.decode(path)))
    assert quality[1] > quality[0]


def test_transforms_are_compared_by_the_weighted_error(rgb):
    picture = Picture(rgb)
    area = Rect(0, 0, *rgb.shape[:2])
    assert visual_psnr(picture, rgb, area, 5) == np.inf
    noise = np.random.default_rng(0).integers(-9, 10, rgb.shape)
    noisy = np.clip(rgb + noise, 0, 255).astype(np.uint8)
    # what is far from the mean is seen more than what is noise
    dark = np.clip(rgb.astype(int) - 5, 0, 255).astype(np.uint8)
    gains = [visual_psnr(picture, image, area, 5) - psnr(rgb, image) for image in (noisy, dark)]
    assert gains[0] > gains[1] + 3
    file = j2klearn.encode(rgb[:64, :64], bpp=BPP, tune="visual")  # small files are compared
    assert j2klearn.decode(file).shape == (64, 64, 3)


@pytest.mark.parametrize(
    "options",
    [
        {"lossless": True},
        {"ratio": (20, None)},
        {"psnr": 40},
        {"model": None, "wavelet": "5-3"},
        {"effort": 2},
        {"profile": "neural"},
    ],
)
def test_contradictions(rgb, options):
    with pytest.raises(OptionError, match="tune"):
        j2klearn.encode(rgb[:32, :32], tune="visual", **options)


def test_an_unknown_tune(rgb):
    with pytest.raises(OptionError, match="tune is one of psnr, visual"):
        j2klearn.encode(rgb[:32, :32], tune="ssim")
