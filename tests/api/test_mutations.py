"""Damaged files give typed errors by every entry point, and take no longer than their size allows."""

from __future__ import annotations

import struct
import time

import numpy as np
import pytest

import j2klearn
from j2klearn.errors import LimitError
from tests.support.mutations import run


def test_damaged_files_are_read_or_refused() -> None:
    assert [finding[:2] for finding in run(seed=20, count=150)] == []


@pytest.mark.parametrize("side", [4, 8])
def test_a_short_file_that_declares_many_tiles(side: int) -> None:
    """OpenJPEG would take seconds for tiles that are not there."""
    data = bytearray(
        j2klearn.encode(np.zeros((64, 64), np.uint8), model=None, lossless=True, jp2=False, levels=2)
    )
    at = data.index(b"\xff\x51")
    struct.pack_into(">II", data, at + 6, 1020, 1024)
    struct.pack_into(">II", data, at + 22, side, side)
    for options in ({}, {"reduce": 1}, {"region": (0, 0, 1024, 1000)}):
        start = time.process_time()
        with pytest.raises(LimitError, match="too many tiles"):
            j2klearn.decode(bytes(data), **options)
        assert time.process_time() - start < 0.5


def test_a_file_with_many_tiles_is_read(grey: np.ndarray) -> None:
    image = np.tile(grey, (2, 2))[:320, :320]
    data = j2klearn.encode(image, model=None, lossless=True, tile_size=4, levels=1)
    assert j2klearn.info(data).tiles == 6400
    assert np.array_equal(j2klearn.decode(data, region=(100, 100, 140, 180)), image[100:140, 100:180])
    with pytest.warns(j2klearn.errors.TruncatedWarning, match="tiles is missing"):
        part = j2klearn.decode(data[: len(data) // 2])
    assert part.shape == image.shape
