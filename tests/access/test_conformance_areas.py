"""Areas of the conformance streams (T.803) equal the crop of the whole, at every resolution and number of layers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.core.geometry import Rect
from j2klearn.errors import CodestreamWarning, DecodingError, TruncatedWarning
from j2klearn.interop.glymur.errors import LibraryError, SubsamplingError
from tests.support.paths import CONFORMANCE

STREAMS = sorted(path for path in CONFORMANCE.glob("*") if path.suffix in (".j2k", ".j2c", ".jp2"))

#: Values of `reduce` at which tiles are empty; OpenJPEG (2.5.0) decodes these only if no subbands are left to join.
EMPTY_TILES = {"p1_05": (5, 6), "p1_06": (2, 3)}

pytestmark = [
    pytest.mark.skipif(not STREAMS, reason="the conformance streams are not beside the project"),
    pytest.mark.filterwarnings("ignore::j2klearn.errors.CodestreamWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:glymur"),
]


def areas(path: Path, pixels: Rect, reduce: int) -> Iterator[tuple[tuple[int, int, int, int], Any]]:
    """Yield regions of a picture, each with the slices that cut it out of a resolution of the whole."""
    random, whole = np.random.default_rng([reduce, *path.name.encode()]), pixels.resolution(reduce)
    for largest in (2, 8, 2 << reduce, 10**9):
        y0, x0 = random.integers(pixels.height), random.integers(pixels.width)
        y1 = min(pixels.height, y0 + random.integers(1, min(largest, pixels.height) + 1))
        x1 = min(pixels.width, x0 + random.integers(1, min(largest, pixels.width) + 1))
        here = Rect(pixels.y0 + y0, pixels.x0 + x0, pixels.y0 + y1, pixels.x0 + x1).resolution(reduce)
        if here.size:
            yield (int(y0), int(x0), int(y1), int(x1)), here.slices_in(whole)


def picture_area(data: bytes) -> Rect:
    """Return the pixels of a picture in absolute coordinates: the samples of its finest component (T.800 B.2)."""
    at = data.index(b"\xff\x51")
    x1, y1, x0, y0 = (int.from_bytes(data[at + 6 + 4 * i : at + 10 + 4 * i], "big") for i in range(4))
    count = int.from_bytes(data[at + 38 : at + 40], "big")
    steps = np.frombuffer(data[at + 40 : at + 40 + 3 * count], np.uint8).reshape(-1, 3)
    across, down = (int(np.gcd.reduce(steps[:, column])) for column in (1, 2))
    return Rect(-(-y0 // down), -(-x0 // across), -(-y1 // down), -(-x1 // across))


def failing_as_known(path: Path, reduce: int, read: Callable[[], Any], error: type[Exception]) -> bool:
    """Return whether a resolution is one of those that cannot be decoded; check that this is so."""
    known = reduce in EMPTY_TILES.get(path.stem, ())
    if known:
        with pytest.raises(error):
            read()
    return known


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_regions(path: Path) -> None:
    file, pixels = j2klearn.open(path), picture_area(path.read_bytes())
    facts = j2klearn.info(path)
    assert file.shape[:2] == (facts.height, facts.width) == pixels.shape
    checked = 0
    for reduce in range(file.levels + 1):
        if failing_as_known(path, reduce, lambda reduce=reduce: file.read(reduce=reduce), DecodingError):
            continue
        for layers in sorted({1, file.layers // 2, file.layers} - {0}):
            whole = file.read(reduce=reduce, layers=layers)
            assert whole.dtype == file.dtype
            assert whole.shape == (*pixels.resolution(reduce).shape, *file.shape[2:])
            for region, place in areas(path, pixels, reduce):
                part = file.read(region, reduce=reduce, layers=layers)
                assert np.array_equal(part, whole[place]), (region, reduce, layers)
                checked += 1
    assert checked


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_slices(path: Path) -> None:
    """Those of `open` and of `Jp2k` are the same, and equal the crop of the whole."""
    file, glymur_like = j2klearn.open(path), j2klearn.Jp2k(path)
    pixels = picture_area(path.read_bytes())
    assert glymur_like.shape == file.shape
    for reduce in range(file.levels + 1):
        step = 1 << reduce
        if failing_as_known(path, reduce, lambda step=step: glymur_like[::step, ::step], LibraryError):
            continue
        whole = file[::step, ::step]
        readers: list[Any] = [file]
        try:
            assert np.array_equal(glymur_like[::step, ::step], whole)
            readers.append(glymur_like)
        except SubsamplingError:
            assert len(set(j2klearn.info(path).subsampling)) > 1  # as in glymur
            check_bands(glymur_like, file, reduce)
        for region, place in areas(path, pixels, reduce):
            y0, x0, y1, x1 = region
            for reader in readers:
                if not (y1 - y0) // step or not (x1 - x0) // step:
                    continue
                assert np.array_equal(reader[y0:y1:step, x0:x1:step], whole[place]), (region, reduce)


def check_bands(glymur_like: Any, file: Any, reduce: int) -> None:
    bands = glymur_like.read_bands(rlevel=reduce)
    assert all(map(np.array_equal, bands, file.read(reduce=reduce, upsample=False)))


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_copying_by_blocks(path: Path) -> None:
    file = j2klearn.open(path)
    whole: NDArray[Any] = file.read()
    copied = np.zeros_like(whole)
    # at most nine blocks: without tiles a block takes as long as the whole
    height, width = whole.shape[:2]
    file.copy_to(copied, block=(max(100, height * 2 // 5), max(150, width * 2 // 5)))
    assert np.array_equal(copied, whole)


def test_remarks() -> None:
    """All streams are complete; the remarks are those on an unknown marker and on the termination of passes."""
    said = set()
    for path in STREAMS:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            j2klearn.decode(path)
        assert not any(issubclass(each.category, TruncatedWarning) for each in caught), path
        assert all(each.category is CodestreamWarning for each in caught), path
        said |= {path.stem for each in caught}
    assert said == {"p0_02", "p1_05"}
