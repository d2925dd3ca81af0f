"""The choice of the transform by measurement: drawings never lose to the 9/7, and photographs are not measured."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data as photographs

import j2klearn
from j2klearn.cli import main
from j2klearn.ebcot.rate_control import RateControl
from j2klearn.ebcot.transform_choice import best, cannot_win, flatness, order, worth_measuring
from j2klearn.metrics.psnr import psnr


def drawing(height: int = 200, width: int = 260) -> np.ndarray:
    """Return text-like strokes and boxes on white."""
    rng = np.random.default_rng(3)
    out = np.full((height, width), 255, np.uint8)
    for _ in range(120):
        y, x = rng.integers(0, height - 12), rng.integers(0, width - 20)
        out[y : y + rng.integers(1, 12), x : x + rng.integers(1, 20)] = rng.choice([0, 40, 255, 200])
    return out


def test_what_is_worth_measuring():
    for picture in (drawing(), np.dstack([drawing()] * 3), np.zeros((5, 5), np.uint8)):
        assert worth_measuring(picture, 1e6)
        assert worth_measuring(picture, None)
    for picture in (photographs.camera(), photographs.astronaut()):
        assert not worth_measuring(picture, picture.size / 8)
        assert not worth_measuring(picture, None)
        # at high rates, and in small files, in which the learned-transform segment matters
        assert worth_measuring(picture, picture.size / 2)
        assert worth_measuring(picture, 1000)
    assert not worth_measuring(photographs.gravel(), photographs.gravel().size / 2)
    assert flatness(np.zeros((1, 50), np.uint8)) == 0
    assert flatness(np.array([[1, 1, 2], [1, 1, 2], [1, 3, 1]])) == 0.25


def test_the_best():
    assert best({"learned": [31, 35], "9-7": [30, 34], "5-3": [29, 33]}) == "learned"
    assert best({"learned": [31, 33.8], "9-7": [30, 34], "5-3": [29, 33]}) == "9-7"
    assert best({"learned": [30, 34], "9-7": [30, 34], "5-3": [33, 33.95]}) == "5-3"
    assert best({"learned": [np.inf], "9-7": [np.inf], "5-3": [120]}) == "learned"


def test_the_ends_of_the_curve_are_measured_first():
    assert order(1) == [1]
    assert order(5) == [5, 1, 4, 3, 2]


def test_what_cannot_win_is_given_up():
    others = {"9-7": [30.0, 34, 38], "5-3": [33.0, 37, 41]}
    assert not cannot_win({}, others)
    assert cannot_win({3: 37.8}, others)  # below the 9/7
    assert cannot_win({3: 40.4}, others)  # far below the 5/3
    assert not cannot_win({3: 40.8}, others)
    assert not cannot_win({3: 40.4, 1: 33.1}, others)  # better at one layer
    assert not cannot_win({3: 130.0}, {"9-7": [99, 99, 99], "5-3": [99, 99, 100.0]})


@pytest.mark.parametrize("colour", [False, True], ids=["grey", "rgb"])
def test_drawings_are_as_good_as_with_the_wavelets(colour):
    picture = drawing()
    if colour:
        picture = np.dstack([picture, picture[::-1], picture[:, ::-1]])
    rates = [0.5, 1.0, 2.0]
    data = j2klearn.encode(picture, bpp=rates)
    plain = j2klearn.encode(picture, bpp=rates, model=None)
    for layer in (1, 2, 3):
        ours, theirs = (psnr(picture, j2klearn.decode(file, layers=layer), 8) for file in (data, plain))
        assert ours >= theirs - 0.2
    assert len(data) <= rates[-1] * picture.shape[0] * picture.shape[1] / 8 + 1
    facts = j2klearn.info(data)
    if not facts.learned:
        assert facts.measured
        assert "the encoder measured" in str(facts)


def test_it_can_be_forbidden_and_is_told(tmp_path, capsys):
    picture = drawing()
    learned = j2klearn.encode(picture, bpp=1, fallback=False)
    assert j2klearn.info(learned).learned
    assert not j2klearn.info(learned).measured
    measured = j2klearn.encode(picture, bpp=1)
    gain = psnr(picture, j2klearn.decode(measured), 8) - psnr(picture, j2klearn.decode(learned), 8)
    assert gain >= 0
    np.save(tmp_path / "a.npy", picture)
    from PIL import Image

    Image.fromarray(picture).save(tmp_path / "a.png")
    assert (
        main(["encode", str(tmp_path / "a.png"), str(tmp_path / "a.jp2"), "--bpp", "1", "--no-fallback"]) == 0
    )
    assert (tmp_path / "a.jp2").read_bytes() == learned


def test_a_psnr_is_met_with_the_smallest_file():
    picture = drawing(96, 130)
    data = j2klearn.encode(picture, psnr=34)
    assert abs(psnr(picture, j2klearn.decode(data), 8) - 34) < 1.0
    assert len(data) <= len(j2klearn.encode(picture, psnr=34, model=None)) + 100


def test_photographs_are_not_measured(monkeypatch):
    def never(*_, **__):
        raise AssertionError

    monkeypatch.setattr("j2klearn.ebcot.encode.measured", never)
    assert j2klearn.info(j2klearn.encode(photographs.camera()[150:300, 150:300], bpp=1)).learned


def test_a_drawing_costs_few_decodings(monkeypatch):
    """Layers are measured only until the learned transform cannot win."""
    learned = []
    real = RateControl.reached

    def reached(self, file, layer):
        if self.coder.model is not None:
            learned.append(layer)
        return real(self, file, layer)

    monkeypatch.setattr(RateControl, "reached", reached)
    facts = j2klearn.info(j2klearn.encode(drawing(), bpp=[0.5, 0.75, 1.0, 1.5, 2.0]))
    assert facts.measured
    assert learned in ([5], [5, 1])


def clipped(picture: np.ndarray, gain: float) -> np.ndarray:
    """Return a photograph with clipped highlights."""
    return np.clip(picture * gain, 0, 255).astype(np.uint8)


def scanned(noise: float) -> np.ndarray:
    """Return a scanned page of text: almost all of the paper is white, with a little noise."""
    page = np.kron(photographs.page()[:120, :160].astype(np.float64), np.ones((2, 2)))
    rough = (page - 60) * 2.2 + np.random.default_rng(7).normal(0, noise, page.shape)
    return np.clip(np.rint(rough), 0, 255).astype(np.uint8)


WHITE = {
    "camera": lambda: clipped(photographs.camera()[60:260, 130:390], 2.5),
    "astronaut": lambda: clipped(photographs.astronaut()[:200, 100:360, 1], 4),
    "coins": lambda: clipped(photographs.coins()[:200, :260], 2.5),
    "page": lambda: scanned(0),
    "noisy page": lambda: scanned(2),
    "thresholded page": lambda: np.where(scanned(2) > 128, 255, 0).astype(np.uint8),
}


@pytest.mark.parametrize("name", WHITE)
def test_saturated_whites_are_as_good_as_with_the_9_7(name):
    picture = WHITE[name]()
    rates = [0.2, 0.5, 1.0, 2.0, 4.0]
    data = j2klearn.encode(picture, bpp=rates)
    plain = j2klearn.encode(picture, bpp=rates, model=None)
    for layer in range(1, len(rates) + 1):
        ours, theirs = (psnr(picture, j2klearn.decode(file, layers=layer)) for file in (data, plain))
        assert ours >= theirs - 0.2
    for rate in (0.5, 2.0):
        single, other = (j2klearn.encode(picture, bpp=rate, **options) for options in ({}, {"model": None}))
        assert len(single) <= rate * picture.size / 8 + 1
        assert psnr(picture, j2klearn.decode(single)) >= psnr(picture, j2klearn.decode(other)) - 0.2


def test_any_picture_can_be_measured():
    """From effort 1 on photographs are measured too. They keep the learned transform; noisy drawings may change."""
    photo = photographs.camera()[150:300, 150:300]
    assert j2klearn.encode(photo, bpp=1, effort=1) == j2klearn.encode(photo, bpp=1)
    grain = np.random.default_rng(1).integers(-2, 3, (200, 260))
    noisy = (drawing() * 0.9 + 10 + grain).astype(np.uint8)
    assert flatness(noisy) < 0.15
    for rate in (1.0, 3.0):
        data, plain = (j2klearn.encode(noisy, bpp=rate, **o) for o in ({"effort": 1}, {"model": None}))
        assert psnr(noisy, j2klearn.decode(data)) >= psnr(noisy, j2klearn.decode(plain)) - 0.2
