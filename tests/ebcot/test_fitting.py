"""Coefficients fitted to the decoder: they give better pictures at the same size, in ordinary learned files."""

from __future__ import annotations

import numpy as np
import pytest

import j2klearn
from j2klearn.batch.options import read_options
from j2klearn.cli import main
from j2klearn.core.picture import Picture
from j2klearn.core.targets import read_targets
from j2klearn.ebcot import effort
from j2klearn.ebcot.coders import LearnedCoder
from j2klearn.ebcot.effort import _fitting
from j2klearn.ebcot.layout import Layout
from j2klearn.ebcot.rate_control import RateControl
from j2klearn.errors import OptionError
from j2klearn.metrics.psnr import psnr
from j2klearn.models.registry import resolve


@pytest.fixture
def few_rounds(monkeypatch):
    """Fit with few rounds, where the question is not how much is gained."""
    for name, rounds in (("_FIRST_ROUNDS", 4), ("_LATER_ROUNDS", 2), ("_MAX_TRIES", 1)):
        monkeypatch.setattr(effort, name, rounds)


@pytest.fixture(scope="module")
def small(grey):
    return np.ascontiguousarray(grey[:112, :128])


#: A small model with de-quantisation: fitting synthesises the picture many times.
SMALL = "hybrid97-8p7-dq"


def test_as_many_bytes_make_a_better_picture(small):
    plain, fitted = (
        j2klearn.encode(small, bpp=1.5, effort=each, levels=2, model="hybrid97-9c-compact", fallback=False)
        for each in (0, 2)
    )
    assert len(fitted) <= 1.5 * small.size / 8
    assert len(fitted) <= 1.02 * len(plain)
    assert psnr(small, j2klearn.decode(fitted)) > psnr(small, j2klearn.decode(plain)) + 0.15


@pytest.mark.usefixtures("few_rounds")
def test_no_file_is_worse(small, rgb):
    """If fitting gives no gain, the file without fitting is returned."""
    for picture, rate, options in (
        (small[:48, :64], 1.0, {"model": "hybrid97-9c-compact", "levels": 2}),
        (rgb[:24, :32], 3, {"model": SMALL, "layers": 2, "levels": 1}),
    ):
        plain, fitted = (
            j2klearn.encode(picture, bpp=rate, effort=each, fallback=False, **options) for each in (0, 2)
        )
        layers = range(1, options.get("layers", 1) + 1)
        gains = [
            psnr(picture, j2klearn.decode(fitted, layers=n)) - psnr(picture, j2klearn.decode(plain, layers=n))
            for n in layers
        ]
        assert sum(gains) >= 0


def test_a_psnr_takes_fewer_bytes(grey):
    small = np.ascontiguousarray(grey[:160, :192])
    options = {"psnr": 34, "levels": 3, "model": "hybrid97-9c-compact-dq", "fallback": False}
    plain, fitted = (j2klearn.encode(small, effort=each, **options) for each in (0, 2))
    assert len(fitted) < 0.98 * len(plain)
    # fitted coefficients lie on a coarse lattice, and small pictures have few possible sizes
    assert abs(psnr(small, j2klearn.decode(fitted)) - 34) < 0.2


CASES = {
    "grey": ({}, "hybrid97-9c-compact-dq"),
    "rgb": ({}, "hybrid97-16p7-guided"),
    "16 bits": ({}, "hybrid97-9c-compact-dq"),
    "no de-quantisation": ({}, "hybrid97-9c-compact"),
    "tiles": ({"tile_size": 64, "offset": (3, 5)}, "hybrid97-9c-compact-dq"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_fitted_is_what_the_decoder_makes(name, small, rgb, grey16):
    """The fitting lowers the cost, and the error that it computes is that of the decoded file."""
    samples = {"rgb": rgb[:64, :80], "16 bits": grey16[:80, :96], "tiles": small[:111, :125]}.get(
        name, small[:80, :96]
    )
    options, model = CASES[name]
    picture = Picture(np.ascontiguousarray(samples))
    layout = Layout.read(*samples.shape[:2], levels=2, **options)
    raw, rate = samples.nbytes, samples.size / 8
    targets = read_targets(
        pixels=picture.height * picture.width,
        raw_bytes=raw,
        bpp=8 * rate / (picture.height * picture.width),
        ratio=None,
        psnr=None,
        lossless=False,
        layers=1,
    )
    coder = LearnedCoder(picture, layout, resolve(model), targets)
    control = RateControl(coder)
    fitting = _fitting(control, control.made(targets))
    fitting.start(0.8 * 8 * rate)
    slope = fitting.slope
    before = fitting.fit(slope, 0)
    assert before.bits == pytest.approx(0.8 * 8 * rate, rel=0.15)
    after = fitting.fit(slope, 6)
    assert after.error + slope * after.bits < 0.995 * (before.error + slope * before.bits)
    coder.use(after.components)
    # the size suffices for all coefficients: differences come from clipping, rounding and the stored noise
    file = control.code([2 * targets.values[0]], again=True)
    limit = 10 * np.log10(255**2 * samples.size / after.error)
    # (in tiles of 64 x 64 the noise is measured on few coefficients)
    assert control.reached(file, 1) == pytest.approx(limit, abs=0.8 if name == "tiles" else 0.4)


@pytest.mark.usefixtures("few_rounds")
def test_the_command_line_and_wrong_efforts(small, tmp_path):
    from PIL import Image

    picture = np.ascontiguousarray(small[:32, :48])
    Image.fromarray(picture).save(tmp_path / "a.png")
    typed = ["--bpp", "2", "--effort", "2", "--levels", "2", "--model", SMALL]
    assert main(["encode", str(tmp_path / "a.png"), str(tmp_path / "a.jp2"), *typed]) == 0
    assert (tmp_path / "a.jp2").read_bytes() == j2klearn.encode(
        picture, bpp=2, effort=2, levels=2, model=SMALL
    )
    with pytest.raises(OptionError, match="the effort is one of 0, 1, 2"):
        j2klearn.encode(picture, bpp=1, effort=3)
    with pytest.raises(OptionError, match="the effort is one of 0, 1, 2"):
        read_options({"bpp": 1, "effort": 3})
    assert len({read_options({"bpp": 1, "effort": each}).digest for each in (0, 1, 2)}) == 3
    # the effort has no effect on files without a learned transform
    assert j2klearn.encode(picture, bpp=1, model=None, effort=2) == j2klearn.encode(
        picture, bpp=1, model=None
    )
