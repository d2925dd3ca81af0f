"""The comparison of the learned steps with the 5/3 in the middle of a picture."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data as photographs

from j2klearn.core.geometry import Rect
from j2klearn.core.picture import Picture
from j2klearn.core.run import Run
from j2klearn.ebcot import lossless_file
from j2klearn.ebcot.layout import Layout
from j2klearn.ebcot.reversible_coder import ReversibleCoder
from j2klearn.models.registry import DEFAULT_LOSSLESS_MODEL, resolve

MODEL = resolve(DEFAULT_LOSSLESS_MODEL)


@pytest.mark.parametrize("offset", [(0, 0), (5, 130)])
@pytest.mark.parametrize("levels", [0, 3, 5, 7])
def test_the_middle_has_the_subbands_of_a_picture(levels: int, offset: tuple[int, int]) -> None:
    picture = Picture(photographs.astronaut()[:400, :501])
    coder = ReversibleCoder(picture, Layout(levels=levels, offset=offset), MODEL)
    whole = coder.layout.area(*picture.samples.shape[:2])
    middle = lossless_file._middle(coder)
    assert middle is not None
    assert middle == middle.intersection(whole)
    assert not any(start % (1 << levels) for start in middle.origin)
    assert min(middle.shape) >= 128


def test_small_pictures_and_many_levels_have_no_middle() -> None:
    picture = Picture(photographs.astronaut()[:300, :500])
    assert lossless_file._middle(ReversibleCoder(picture, Layout(levels=5), MODEL)) is None
    picture = Picture(photographs.astronaut())
    assert lossless_file._middle(ReversibleCoder(picture, Layout(levels=8), MODEL)) is None


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
