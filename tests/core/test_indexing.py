"""Indices into pictures: they select the same pixels as in numpy, unless glymur differs."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from glymur.lib.openjp2 import OpenJPEGLibraryError
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from j2klearn import Jp2k
from j2klearn.core.indexing import LOWEST, select
from j2klearn.errors import OptionError, SliceError

IMAGE = np.random.default_rng(2).integers(0, 256, (19, 23, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def coded() -> Jp2k:
    return Jp2k(io.BytesIO(), data=IMAGE)


@pytest.mark.parametrize(
    "index",
    [
        np.s_[:],
        np.s_[...],
        np.s_[5],
        np.s_[-1],
        np.s_[np.int64(3)],
        np.s_[np.uint8(3), np.int16(-2)],
        np.s_[-5:],
        np.s_[:-5],
        np.s_[-5:-2, 4:-3],
        np.s_[3:100, 20:400],
        np.s_[100:200],
        np.s_[2:2],
        np.s_[2:2, 2:2],
        np.s_[5:9, 3:3, 1],
        np.s_[:, 5],
        np.s_[:, -23],
        np.s_[..., 0],
        np.s_[..., -1],
        np.s_[:, :, 1:],
        np.s_[:, :, ::-1],
        np.s_[:, :, [2, 0]],
        np.s_[4, 5, 1],
        np.s_[4, ..., 1],
        np.s_[4, 5],
        np.s_[1:7, ..., np.int32(2)],
        np.s_[0:0],
    ],
)
def test_as_numpy(coded: Jp2k, index: Any) -> None:
    expected = IMAGE[index]
    actual = coded[index]
    assert actual.shape == expected.shape
    assert np.array_equal(actual, expected)
    assert actual.dtype == expected.dtype


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.one_of(st.integers(-23, 22), st.slices(19)) for _ in range(2)]))
def test_any_pixels(index: tuple[Any, Any]) -> None:
    index = tuple(slice(i.start, i.stop) if isinstance(i, slice) else i for i in index)
    try:
        selection = select(index, (19, 23))
    except SliceError:
        try:
            part: NDArray[Any] | None = IMAGE[:, :, 0][index]
        except IndexError:
            part = None
        assert part is None or part.size == 0  # out of range, or ending before it begins
        return
    y0, x0, y1, x1 = selection.area
    expected = IMAGE[:, :, 0][index]
    part = IMAGE[y0:y1, x0:x1, 0]
    drop = tuple(axis for axis, dropped in enumerate(selection.drop) if dropped)
    assert np.array_equal(np.squeeze(part, axis=drop), expected)


@pytest.mark.parametrize(
    "index",
    [
        np.s_[19],
        np.s_[-20],
        np.s_[:, 23],
        np.s_[0, 0, 0, 0],
        np.s_[::2],
        np.s_[::3, ::3],
        np.s_[::2, ::4],
        np.s_[::-2, ::-2],
        np.s_[::0, ::0],
        np.s_[10:5],
        np.s_[-1:1],
        np.s_[1.5],
        np.s_["a"],
        np.s_[True],
        np.s_[1.0:2],
        np.s_[[1, 2]],
        np.s_[None],
    ],
)
def test_refused(coded: Jp2k, index: Any) -> None:
    with pytest.raises(SliceError) as caught:
        coded[index]
    assert isinstance(caught.value, (ValueError, OpenJPEGLibraryError))
    assert "\n" not in str(caught.value)


def test_strides_are_resolutions(coded: Jp2k) -> None:
    assert coded[::2, ::2].shape == (10, 12, 3)
    assert coded[1:9:4, 3:22:4].shape == (2, 5, 3)
    levels = coded.codestream.segment[2].num_res
    assert coded[::-1, ::-1].shape == coded[:: 1 << levels, :: 1 << levels].shape
    assert select(np.s_[::-1, ::-1], (19, 23)).stride == LOWEST
    assert coded[4:4:2, ::2].shape == (0, 12, 3)
    with pytest.raises(OptionError):
        coded[::64, ::64]


def test_one_component_has_two_axes() -> None:
    j = Jp2k(io.BytesIO(), data=IMAGE[:, :, 0])
    assert j.shape == (19, 23)
    assert np.array_equal(j[..., 4], IMAGE[:, 4, 0])
    with pytest.raises(SliceError):
        j[0, 0, 0]
