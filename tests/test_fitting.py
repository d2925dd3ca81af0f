"""Coefficients fitted to the decoder: better pictures from as many bytes, read as any other file."""

from __future__ import annotations

import numpy as np
import pytest

import j2klearn
from j2klearn.cli import main
from j2klearn.coders import LearnedCoder
from j2klearn.colour import Picture
from j2klearn.effort import _fitting
from j2klearn.encoder import read_layout
from j2klearn.errors import OptionError
from j2klearn.files import File
from j2klearn.progress import silent
from j2klearn.quality import psnr
from j2klearn.registry import resolve
from j2klearn.targets import read_targets


@pytest.fixture(scope="module")
def small(grey):
    return np.ascontiguousarray(grey[:160, :192])


def gain(picture, depth=8, **options):
    """Return by how many decibels effort is better, having held its file against the other one."""
    plain = j2klearn.encode(picture, **options)
    fitted = j2klearn.encode(picture, effort=2, **options)
    assert len(fitted) <= len(plain) * 1.01 + 8
    assert j2klearn.info(fitted).learned
    return psnr(picture, j2klearn.decode(fitted), depth) - psnr(picture, j2klearn.decode(plain), depth)


def test_as_many_bytes_make_a_better_picture(small):
    for rate in (0.5, 1.0):
        assert gain(small, bpp=rate) > 0.15


def test_colour_and_deep_samples(rgb, grey16):
    assert gain(rgb[:128, :160], bpp=1.0) > 0.1
    assert gain(grey16[:128, :160], 16, bpp=1.0) > 0.1
    alpha = np.dstack([rgb[:128, :160], rgb[:128, :160, 1]])
    assert gain(alpha, bpp=2.0) > 0.05


def test_tiles_and_odd_places(small):
    assert gain(small[:151, :175], bpp=1.0, tile_size=96, offset=(3, 5), fallback=False) > 0.1


def test_other_transforms(small):
    """Structures whose subbands are scaled, and models without de-quantisation."""
    assert gain(small, bpp=1.0, model="hybrid97-9c-compact") > 0.1


def test_lower_layers_are_not_given_up(small):
    rates = [0.25, 0.5, 1.0]
    plain, fitted = (j2klearn.encode(small, bpp=rates, effort=effort) for effort in (0, 2))
    gains = [
        psnr(small, j2klearn.decode(fitted, layers=layer)) - psnr(small, j2klearn.decode(plain, layers=layer))
        for layer in (1, 2, 3)
    ]
    assert gains[2] > 0.15
    assert min(gains) > -0.1


def test_a_psnr_takes_fewer_bytes(small):
    plain, fitted = (j2klearn.encode(small, psnr=34, effort=effort) for effort in (0, 2))
    assert len(fitted) < 0.98 * len(plain)
    assert abs(psnr(small, j2klearn.decode(fitted)) - 34) < 0.1


def test_what_is_fitted_is_what_the_decoder_makes(small):
    """The error that the fitting sees is that of the decoded file."""
    picture = Picture(small)
    defaults = dict.fromkeys(("levels", "tile_size", "progression", "plt", "tlm"))
    layout = read_layout(
        *small.shape,
        **defaults,
        offset=(0, 0),
        tile_offset=(0, 0),
        codeblock_size=(64, 64),
        precincts=(),
        mode_switches=0,
        sop=False,
        eph=False,
        threads=1,
    )
    options = dict.fromkeys(("ratio", "psnr"))
    targets = read_targets(
        pixels=small.size, raw_bytes=small.size, bpp=1.0, lossless=False, layers=1, **options
    )
    coder = LearnedCoder(picture, layout, resolve("hybrid97-9c-compact-dq"), targets, embed_model=False)
    file = File(coder, jp2=True, progress=silent)
    fitting = _fitting(file, file.made(targets))
    wanted = 0.8 * 8 * targets.values[0]
    fitting.start(wanted)
    slope = fitting.slope
    before = fitting.fit(slope, 0)
    assert before.bits == pytest.approx(wanted, rel=0.05)
    after = fitting.fit(slope, 12)
    assert after.error + slope * after.bits < 0.97 * (before.error + slope * before.bits)
    coder.use(after.components)
    # there is room for all of them: what is short of the limit is clipping, rounding and the noise that the file tells
    data = file.code([1.3 * targets.values[0]], again=True)
    limit = 10 * np.log10(255**2 * small.size / after.error)
    assert file.reached(data, 1) == pytest.approx(limit, abs=0.25)


def test_the_command_line_and_wrong_efforts(small, tmp_path):
    from PIL import Image

    picture = np.ascontiguousarray(small[:64, :80])
    Image.fromarray(picture).save(tmp_path / "a.png")
    assert (
        main(["encode", str(tmp_path / "a.png"), str(tmp_path / "a.jp2"), "--bpp", "2", "--effort", "2"]) == 0
    )
    assert (tmp_path / "a.jp2").read_bytes() == j2klearn.encode(picture, bpp=2, effort=2)
    with pytest.raises(OptionError, match="the effort is one of 0, 1, 2"):
        j2klearn.encode(picture, bpp=1, effort=3)
    # ordinary files know no effort
    assert j2klearn.encode(picture, bpp=1, model=None, effort=2) == j2klearn.encode(
        picture, bpp=1, model=None
    )
