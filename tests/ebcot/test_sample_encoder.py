"""The 5/3 is lossless for every picture, also for those whose coefficients exceed OpenJPEG's two guard bits."""

from __future__ import annotations

from pathlib import Path

import glymur
import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.codestream.guard_bits import with_guard_bits
from j2klearn.codestream.main_header import read_main_header
from j2klearn.errors import SegmentError
from j2klearn.jp2.boxes import find_codestream


def response(levels: int, size: int = 256) -> NDArray[np.float64]:
    """The weights of the samples of a row in the middle LL coefficient of the 5/3, by its definition (T.800 F.4.8)."""
    rows = np.eye(size)
    for _ in range(levels):
        even, odd = rows[:, 0::2], rows[:, 1::2]
        high = odd - (even + np.hstack([even[:, 1:], even[:, -1:]])) / 2
        rows = even + (np.hstack([high[:, :1], high[:, :-1]]) + high) / 4
    return rows[:, rows.shape[1] // 2]


def worst(levels: int) -> NDArray[np.bool_]:
    """The bilevel picture with the largest LL coefficient."""
    weights = response(levels)
    return np.asarray(np.outer(weights, weights) < 0)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12, 16])
def test_the_largest_coefficients(tmp_path: Path, bits: int) -> None:
    top = (1 << bits) - 1
    dtype = np.uint8 if bits <= 8 else np.uint16
    for levels in (1, 3, 5):
        on = worst(levels)
        for picture in (on, ~on):
            grey = (picture * top).astype(dtype)
            opposite = np.dstack([top - grey, grey, top - grey])
            for image in (grey, np.dstack([grey] * 3), opposite, np.dstack([opposite, grey])):
                data = j2klearn.encode(image, bit_depth=bits, lossless=True, model=None, levels=levels)
                assert np.array_equal(j2klearn.decode(data), image)
    path = tmp_path / "a.jp2"
    path.write_bytes(data)
    assert np.array_equal(glymur.Jp2k(path)[:], image)
    assert j2klearn.info(data).precision == bits


@pytest.mark.parametrize("tile_size", [None, 32])
def test_halftones(tile_size: int | None) -> None:
    rng = np.random.default_rng(5)
    for step in range(100):
        side = int(rng.integers(1, 5))
        bands = int(rng.integers(1, 5))
        image = np.kron(rng.integers(0, 2, (70 // side, 61 // side, bands)), np.ones((side, side, 1), int))
        image = image.astype(np.uint8)[:, :, 0] if bands == 1 else image.astype(np.uint8)
        data = j2klearn.encode(image, bit_depth=1, lossless=True, model=None, tile_size=tile_size)
        assert np.array_equal(j2klearn.decode(data), image), step


def test_signed_samples_of_large_files(tmp_path: Path) -> None:
    on = worst(5)
    image = np.where(np.dstack([on, ~on, on]), 127, -128).astype(np.int8)
    j2klearn.encode_file(image, tmp_path / "a.jp2", lossless=True, model=None, tile_size=256)
    assert np.array_equal(j2klearn.decode(tmp_path / "a.jp2"), image)


def test_other_codestreams_are_refused() -> None:
    grey = np.zeros((16, 16), np.uint8)
    lossy = find_codestream(j2klearn.encode(grey, model=None))
    with pytest.raises(SegmentError):
        with_guard_bits(lossy, 8, False)
    data = find_codestream(j2klearn.encode(grey, lossless=True, model=None))
    assert read_main_header(data).qcd.guard_bits == 2
    for guard_bits in range(3, 8):
        data = with_guard_bits(data, 8, False)
        assert read_main_header(data).qcd.guard_bits == guard_bits
    with pytest.raises(SegmentError):
        with_guard_bits(data, 8, False)
