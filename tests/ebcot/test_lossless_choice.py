"""What is coded in both ways, and what is not: the comparison of the learned steps with the 5/3 in windows."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data as photographs

import j2klearn
from j2klearn.core.geometry import Rect
from j2klearn.core.picture import Picture
from j2klearn.core.run import Run
from j2klearn.ebcot import lossless_choice, lossless_file
from j2klearn.ebcot.coders import OrdinaryCoder
from j2klearn.ebcot.layout import Layout
from j2klearn.ebcot.reversible_coder import ReversibleCoder
from j2klearn.models.registry import DEFAULT_LOSSLESS_MODEL, resolve

MODEL = resolve(DEFAULT_LOSSLESS_MODEL)


@pytest.mark.parametrize("origin", [(0, 0), (5, 130)])
@pytest.mark.parametrize("levels", [0, 3, 5, 6])
@pytest.mark.parametrize("shape", [(256, 259), (400, 501), (3000, 270)])
def test_windows_have_the_subbands_of_pictures(
    shape: tuple[int, int], levels: int, origin: tuple[int, int]
) -> None:
    whole = Rect(*origin, origin[0] + shape[0], origin[1] + shape[1])
    windows = list(lossless_choice._windows(whole, levels))
    assert len(windows) == (3 if levels < 6 or min(shape) > 320 else 0)
    for window in windows:
        assert window == window.intersection(whole)
        assert not any(start % (1 << levels) for start in window.origin)
        assert min(window.shape) >= 96


def test_small_pictures_have_no_windows() -> None:
    assert not list(lossless_choice._windows(Rect(0, 0, 200, 900), 5))


@pytest.mark.parametrize("offset", [(0, 0), (7, 9)])
def test_a_part_is_coded_as_if_it_were_a_picture(offset: tuple[int, int]) -> None:
    samples = photographs.astronaut()
    layout = Layout(offset=offset)
    coder = ReversibleCoder(Picture(samples), layout, MODEL)
    area = Rect(128, 96, 384, 416)
    crop = Picture(np.ascontiguousarray(samples[area.slices_in(layout.area(*samples.shape[:2]))]))
    part = coder.part(crop, Layout(), area, Run())
    alone = ReversibleCoder(crop, Layout(), MODEL, steps=coder.steps)
    size, expected = len(part.code([0.0])), len(alone.code([0.0]))
    assert abs(size / expected - 1) < 0.003  # they differ at the borders only


def test_a_uniform_surround_makes_no_drawing() -> None:
    photograph = photographs.astronaut()[:320, :320]
    page = np.full((700, 700, 3), 255, np.uint8)
    page[100:420, 200:520] = photograph
    assert lossless_choice.busy_flatness(page) < lossless_choice.busy_flatness(photograph) + 0.1
    assert not lossless_choice.is_drawn(Picture(page))
    learned = j2klearn.encode(page, lossless=True, fallback=False)
    assert len(j2klearn.encode(page, lossless=True)) <= len(learned)


def test_drawings_and_constant_pictures_are_drawn() -> None:
    y, x = np.indices((300, 300))
    boxes = ((x // 40 + y // 30) % 5 * 50).astype(np.uint8)
    assert lossless_choice.is_drawn(Picture(boxes))
    assert lossless_choice.is_drawn(Picture(np.zeros((300, 300), np.uint8)))
    assert lossless_choice.is_drawn(Picture(np.zeros((5, 5), np.uint8)))
    assert lossless_choice.busy_flatness(np.zeros((1, 50), np.uint8)) == 0


@pytest.fixture(scope="module")
def framed(photograph: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A photograph in a pattern that fools the estimate of the bits."""
    y, x = np.indices((512, 768))
    picture = ((x ^ y) % 256).astype(np.uint8)
    picture[148:364, 229:553] = photograph[200:632:2, 400:1048:2, 1]
    return picture


def test_a_frame_around_a_photograph_does_not_fool_the_windows(framed: NDArray[np.uint8]) -> None:
    ordinary = j2klearn.encode(framed, lossless=True, model=None)
    assert len(j2klearn.encode(framed, lossless=True)) <= len(ordinary)


def test_more_effort_codes_every_picture_in_both_ways() -> None:
    image = photographs.astronaut()[:256, :256] // 64 * 64
    y, x = np.indices((300, 300))
    boxes = ((x // 40 + y // 30) % 5 * 50).astype(np.uint8)
    for picture in (image, boxes):
        ways = [{"fallback": False}, {"model": None}]
        sizes = [len(j2klearn.encode(picture, lossless=True, **way)) for way in ways]
        assert len(j2klearn.encode(picture, lossless=True, effort=1)) == min(sizes)
    picture = photographs.astronaut()
    with patch.object(lossless_file, "OrdinaryCoder", wraps=OrdinaryCoder) as coder:
        j2klearn.encode(picture, lossless=True)
        assert not coder.called  # it is coded once
        j2klearn.encode(picture, lossless=True, effort=1)
        assert coder.called


def test_any_number_of_threads() -> None:
    picture = photographs.astronaut()
    files = {j2klearn.encode(picture, lossless=True, threads=threads) for threads in (0, 1, 3)}
    assert len(files) == 1
