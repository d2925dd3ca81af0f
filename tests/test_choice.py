"""The choice by measuring: drawings are never worse off than with the 9/7, and photographs are not measured."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data as photographs

import j2klearn
from j2klearn.choice import best, looks_drawn
from j2klearn.cli import main
from j2klearn.quality import psnr


def drawing(height: int = 200, width: int = 260) -> np.ndarray:
    """Text-like strokes and boxes on white."""
    rng = np.random.default_rng(3)
    out = np.full((height, width), 255, np.uint8)
    for _ in range(120):
        y, x = rng.integers(0, height - 12), rng.integers(0, width - 20)
        out[y : y + rng.integers(1, 12), x : x + rng.integers(1, 20)] = rng.choice([0, 40, 255, 200])
    return out


def test_what_looks_drawn():
    assert looks_drawn(drawing())
    assert looks_drawn(np.dstack([drawing()] * 3))
    assert looks_drawn(np.zeros((5, 5), np.uint8))
    assert not looks_drawn(photographs.camera())
    assert not looks_drawn(photographs.astronaut())
    assert not looks_drawn(np.zeros((1, 50), np.uint8))


def test_the_best():
    assert best({"learned": [31, 35], "9-7": [30, 34], "5-3": [29, 33]}) == "learned"
    assert best({"learned": [31, 33.8], "9-7": [30, 34], "5-3": [29, 33]}) == "9-7"
    assert best({"learned": [30, 34], "9-7": [30, 34], "5-3": [33, 33.95]}) == "5-3"
    assert best({"learned": [np.inf], "9-7": [np.inf], "5-3": [120]}) == "learned"


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

    monkeypatch.setattr("j2klearn.encoder._measured", never)
    assert j2klearn.info(j2klearn.encode(photographs.camera()[150:300, 150:300], bpp=1)).learned
