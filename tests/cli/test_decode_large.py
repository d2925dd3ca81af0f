"""`j2klearn decode`: pictures that are decoded in parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

import j2klearn
from j2klearn.jp2.metadata import Metadata, add_metadata
from tests.support.decoding import SIZE, decoded, ramp, read_png
from tests.support.jp2_files import (
    definitions,
    enumerated,
    jp2_file,
    palette,
)


@pytest.mark.parametrize("depth", [1, 8, 12])
@pytest.mark.parametrize("suffix", [".tif", ".png", ".ppm", ".npy"])
def test_large_pictures_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, depth: int, suffix: str
) -> None:
    samples = ramp(depth, 3)
    file = add_metadata(
        jp2_file(samples, depth, enumerated(18), definitions((0, 0, 3), (1, 0, 2), (2, 0, 1))),
        Metadata() if suffix == ".ppm" else Metadata(xmp=b"<a/>", dpi=(300.0, 300.0)),
    )
    options: list[tuple[str, ...]] = [(), ("--reduce", "1")]
    small = [decoded(tmp_path, file, f"small{suffix}", *words).read_bytes() for words in options]
    monkeypatch.setattr("j2klearn.io.memory_map.LARGE", 1)
    monkeypatch.setattr("j2klearn.api.picture_file._BLOCK", (5, 40))
    large = [decoded(tmp_path, file, f"large{suffix}", *words).read_bytes() for words in options]
    assert large == small


def test_bands_are_rows_of_the_picture() -> None:
    samples = ramp(8, 2)
    for options in (
        {},
        {"tile_size": (8, 16)},
        {"tile_size": (7, 9), "offset": (3, 5), "tile_offset": (1, 2)},
    ):
        file = j2klearn.encode(samples, lossless=True, model=None, **options)
        with j2klearn.open(file) as picture:
            for reduce in range(picture.levels + 1):
                for rows in (1, 3, 11, 100):
                    bands = list(picture.bands(reduce=reduce, rows=rows))
                    assert len(bands) > 1 or rows > 3 or reduce
                    assert np.array_equal(np.concatenate(bands), picture.read(reduce=reduce))


@pytest.mark.parametrize("columns", [1, 3])
def test_large_pictures_with_a_palette(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    entries = np.random.default_rng(1).integers(0, 256, (16, columns))
    file = jp2_file(ramp(4, 1), 4, enumerated(17 if columns == 1 else 16), palette(entries))
    monkeypatch.setattr("j2klearn.io.memory_map.LARGE", 1)
    monkeypatch.setattr("j2klearn.api.picture_file._BLOCK", (5, 40))
    expected = entries[ramp(4, 1)].reshape(*SIZE, columns).squeeze()
    assert np.array_equal(np.load(decoded(tmp_path, file, "a.npy")), expected)
    assert np.array_equal(read_png(decoded(tmp_path, file, "a.png")), expected)
    assert np.array_equal(tifffile.imread(decoded(tmp_path, file, "a.tif")), expected)
