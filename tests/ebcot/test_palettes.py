"""Palettes whose columns differ in depth and sign, and components that are mapped directly (T.800 I.5.3.4, I.5.3.5)."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.core.geometry import Rect
from j2klearn.core.sampling import common_dtype
from j2klearn.jp2.boxes import box
from tests.support.components import Plane, combined, in_jp2

SHAPE = (90, 130)

#: Bits per sample of each column of the palette, and whether it is signed.
COLUMNS = {
    "8 bits": [(8, False)] * 3,
    "8 and 12 bits": [(8, False), (12, False), (8, False)],
    "1 and 16 bits": [(1, False), (16, False)],
    "both signs": [(8, True), (8, False)],
    "signed and 12 bits": [(8, True), (12, False), (12, True)],
    "signed and 16 bits": [(4, True), (16, False)],
    "signed": [(7, True), (8, True)],
    "one": [(12, False)],
}


def palette(columns: list[tuple[int, bool]], entries: int) -> list[NDArray[np.int64]]:
    random = np.random.default_rng(3)
    out = []
    for depth, signed in columns:
        low = -(1 << depth - 1) if signed else 0
        column = random.integers(low, low + (1 << depth), entries)
        column[:2] = low, low + (1 << depth) - 1
        out.append(column)
    return out


def boxes(columns: list[tuple[int, bool]], values: list[NDArray[np.int64]], maps: bytes) -> bytes:
    """Return a palette box and a component mapping box."""
    body = struct.pack(">HB", len(values[0]), len(columns))
    body += bytes(depth - 1 | 0x80 * signed for depth, signed in columns)
    for entry in zip(*values, strict=True):
        for value, (depth, _) in zip(entry, columns, strict=True):
            body += (int(value) & (1 << depth) - 1).to_bytes(-(-depth // 8), "big")
    return box(b"pclr", body) + box(b"cmap", maps)


@pytest.fixture(scope="module")
def indices() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 200, SHAPE).astype(np.uint8)


@pytest.mark.parametrize("tiles", [None, 64])
@pytest.mark.parametrize("name", COLUMNS)
def test_columns(indices: NDArray[np.uint8], name: str, tiles: int | None) -> None:
    columns = COLUMNS[name]
    values = palette(columns, 200)
    maps = b"".join(struct.pack(">HBB", 0, 1, index) for index in range(len(columns)))
    codestream = j2klearn.encode(indices, lossless=True, model=None, jp2=False, levels=2, tile_size=tiles)
    data = in_jp2(codestream, boxes(columns, values, maps))
    expected = np.squeeze(np.stack([column[indices] for column in values], -1))
    dtype = common_dtype(*zip(*columns, strict=True))
    check(data, expected, dtype)
    if len(set(columns)) == 1 and not columns[0][1]:  # glymur reads no other palettes
        check_slices(j2klearn.Jp2k(data), expected)
    assert np.array_equal(j2klearn.decode(data, components=[0]), indices)
    pieces = j2klearn.decode(data, upsample=False)
    for (depth, signed), piece, column in zip(columns, pieces, values, strict=True):
        assert piece.dtype == common_dtype([depth], [signed])
        assert np.array_equal(piece, column[indices])


def test_a_component_beside_the_palette(indices: NDArray[np.uint8]) -> None:
    """The first component goes through the palette; the second, an alpha channel, is mapped directly."""
    columns = [(8, False), (12, False)]
    values = palette(columns, 200)
    alpha = np.random.default_rng(1).integers(0, 256, SHAPE).astype(np.uint8)
    maps = struct.pack(">HBBHBBHBB", 0, 1, 0, 0, 1, 1, 1, 0, 0)
    both = np.dstack([indices, alpha])
    codestream = j2klearn.encode(both, lossless=True, model=None, jp2=False, levels=2)
    data = in_jp2(codestream, boxes(columns, values, maps))
    check(data, np.dstack([values[0][indices], values[1][indices], alpha]), np.dtype(np.uint16))


MAPS = {
    "direct first": [(1, 0, 0), (0, 1, 0), (0, 1, 1)],
    "direct between": [(0, 1, 0), (1, 0, 0), (0, 1, 1)],
    "other order": [(0, 1, 1), (0, 1, 0)],
    "a column twice": [(0, 1, 1), (0, 1, 1), (0, 1, 0)],
    "both components": [(0, 1, 0), (1, 1, 1)],
    "one of two columns": [(0, 1, 1)],
    "only direct": [(1, 0, 0), (0, 0, 0)],
}


@pytest.mark.parametrize("name", MAPS)
def test_any_mapping(indices: NDArray[np.uint8], name: str) -> None:
    """Channels are those of the component mapping box, in its order."""
    columns = [(8, False), (12, True)]
    values = palette(columns, 200)
    planes = [indices, np.flip(indices).astype(np.uint16)]
    area = Rect(0, 0, *SHAPE)
    codestream = combined(area, [Plane(planes[0], 8), Plane(planes[1], 12)], (64, 64))
    maps = b"".join(struct.pack(">HBB", *each) for each in MAPS[name])
    expected = [
        values[column][planes[component]] if kind else planes[component]
        for component, kind, column in MAPS[name]
    ]
    kinds = [
        columns[column] if kind else [(8, False), (12, False)][component]
        for component, kind, column in MAPS[name]
    ]
    whole = np.squeeze(np.stack(expected, -1))
    check(in_jp2(codestream, boxes(columns, values, maps)), whole, common_dtype(*zip(*kinds, strict=True)))


@pytest.mark.parametrize("name", MAPS)
def test_jp2k_of_any_mapping(indices: NDArray[np.uint8], name: str, tmp_path: Path) -> None:
    """A file on disk is read like one in memory, although it is mapped into memory for OpenJPEG."""
    values = palette([(8, False), (8, False)], 200)
    planes = [indices, np.flip(indices)]
    codestream = j2klearn.encode(np.dstack(planes), lossless=True, model=None, jp2=False, levels=2)
    maps = b"".join(struct.pack(">HBB", *each) for each in MAPS[name])
    path = tmp_path / "a.jp2"
    path.write_bytes(in_jp2(codestream, boxes([(8, False), (8, False)], values, maps)))
    expected = [
        values[column][planes[component]] if kind else planes[component]
        for component, kind, column in MAPS[name]
    ]
    for file in (j2klearn.Jp2k(path), j2klearn.Jp2k(path.read_bytes())):
        check_slices(file, np.squeeze(np.stack(expected, -1)))
        file.ignore_pclr_cmap_cdef = True
        assert np.array_equal(file[5:9, 3:20], np.dstack(planes)[5:9, 3:20])


def check(data: bytes, expected: NDArray[Any], dtype: np.dtype[Any]) -> None:
    file = j2klearn.open(data)
    whole = j2klearn.decode(data)
    assert whole.dtype == file.dtype == dtype
    assert whole.shape == file.shape
    assert np.array_equal(whole, expected)
    assert np.array_equal(np.asarray(file), expected)
    reduced = j2klearn.decode(data, reduce=1)
    for y0, x0, y1, x1 in [(0, 0, 20, 30), (33, 7, 71, 102), (89, 129, 90, 130)]:
        assert np.array_equal(file[y0:y1, x0:x1], expected[y0:y1, x0:x1])
        assert np.array_equal(j2klearn.decode(data, region=(y0, x0, y1, x1)), expected[y0:y1, x0:x1])
    assert np.array_equal(file[4:60:2, 8:90:2], reduced[2:30, 4:45])
    copied = np.zeros(file.shape, file.dtype)
    file.copy_to(copied, block=(16, 32))
    assert np.array_equal(copied, expected)


def check_slices(file: j2klearn.Jp2k, expected: NDArray[Any]) -> None:
    assert file.shape == expected.shape
    for index in (np.s_[33:71, 7:102], np.s_[:], np.s_[-1]):
        assert np.array_equal(file[index], expected[index])
