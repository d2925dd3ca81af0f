"""Components that differ in size, sign or depth: one array for display, or each as it is; parts equal the whole."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.core.geometry import Rect
from j2klearn.core.sampling import common_dtype
from j2klearn.errors import LimitError, OptionError, SliceError, UnsupportedError
from tests.support.components import Plane, combined, in_jp2, plane_area, upsampled

#: YRsiz and XRsiz of three components, and how many pixels apart the samples of the finest lie.
SAMPLINGS = {
    "4:4:4": ([(1, 1), (1, 1), (1, 1)], (1, 1)),
    "4:2:0": ([(1, 1), (2, 2), (2, 2)], (1, 1)),
    "4:2:2": ([(1, 1), (1, 2), (1, 2)], (1, 1)),
    "4:1:1": ([(1, 1), (1, 4), (1, 4)], (1, 1)),
    "4:4:0": ([(1, 1), (2, 1), (2, 1)], (1, 1)),
    "coarse first": ([(4, 4), (2, 2), (1, 1)], (1, 1)),
    "all halved": ([(2, 2), (2, 2), (2, 2)], (2, 2)),
    "all coarse": ([(2, 4), (4, 4), (4, 8)], (2, 4)),
    "no finest": ([(2, 1), (1, 2), (2, 2)], (1, 1)),
    "two and three": ([(2, 2), (3, 3), (2, 2)], (1, 1)),
}

#: Area of the picture on the reference grid, and size of a tile.
GRIDS = {
    "plain": (Rect(0, 0, 50, 72), None),
    "odd": (Rect(0, 0, 49, 71), None),
    "offset": (Rect(3, 5, 52, 74), None),
    "tiles": (Rect(0, 0, 60, 100), (48, 48)),
    "offset and tiles": (Rect(7, 9, 60, 117), (48, 48)),
}


def planes_for(area: Rect, steps: list[tuple[int, int]], seed: int = 0) -> list[Plane]:
    random = np.random.default_rng(seed)
    return [
        Plane(random.integers(0, 256, plane_area(area, step).shape).astype(np.uint8), 8, step)
        for step in steps
    ]


#: Every sampling with the grid that has everything, and with two of the others in turn.
OTHERS = [("plain", False), ("odd", True), ("offset", False), ("tiles", True)]
SIZES = [
    *((sampling, "offset and tiles", at % 2 == 0) for at, sampling in enumerate(SAMPLINGS)),
    *((sampling, *OTHERS[at % 4]) for at, sampling in enumerate(SAMPLINGS)),
    *((sampling, *OTHERS[(at + 1 + at // 4) % 4]) for at, sampling in enumerate(SAMPLINGS)),
]


@pytest.mark.parametrize(("sampling", "grid", "jp2"), SIZES)
def test_sizes(sampling: str, grid: str, jp2: bool) -> None:
    (steps, unit), (area, tile) = SAMPLINGS[sampling], GRIDS[grid]
    planes = planes_for(area, steps)
    data = combined(area, planes, tile)
    if jp2:
        data = in_jp2(data)
    pixels = plane_area(area, unit)
    ratios = [(step[0] // unit[0], step[1] // unit[1]) for step in steps]
    file = j2klearn.open(data)
    facts = j2klearn.info(data)
    assert file.shape == (*pixels.shape, 3)
    assert (facts.height, facts.width) == pixels.shape
    assert facts.subsampling == tuple(ratios)
    for reduce in range(3):
        raw = j2klearn.decode(data, reduce=reduce, upsample=False)
        for plane, part in zip(planes, raw, strict=True):
            assert part.shape == plane_area(area, plane.step).resolution(reduce).shape
            assert part.dtype == np.uint8
            assert reduce or np.array_equal(part, plane.samples)
        at = pixels.resolution(reduce)
        whole = j2klearn.decode(data, reduce=reduce)
        for index, (step, part) in enumerate(zip(steps, raw, strict=True)):
            own = plane_area(area, step).resolution(reduce)
            assert np.array_equal(whole[:, :, index], upsampled(part, own, ratios[index], at))
        out = np.zeros_like(whole)
        file.copy_to(out, reduce=reduce, block=(8, 16))
        assert np.array_equal(out, whole)
        check_regions(file, pixels, planes, area, unit, reduce, whole, raw)
    assert np.array_equal(np.asarray(file), j2klearn.decode(data))
    assert np.array_equal(file[::4, ::4], file.read(reduce=2))
    assert np.array_equal(file[::-1, ::-1], file.read(reduce=2))
    assert np.array_equal(file[3], file.read()[3])


def check_regions(
    file: j2klearn.api.picture_file.PictureFile,
    pixels: Rect,
    planes: list[Plane],
    area: Rect,
    unit: tuple[int, int],
    reduce: int,
    whole: NDArray[Any],
    raw: list[NDArray[Any]],
) -> None:
    random = np.random.default_rng(reduce)
    at = pixels.resolution(reduce)
    for number in range(5):
        y0, x0 = int(random.integers(pixels.height)), int(random.integers(pixels.width))
        size = (1, 1) if number == 0 else random.integers(1, 20, 2)
        region = (y0, x0, y0 + int(size[0]), x0 + int(size[1]))
        here = Rect(
            pixels.y0 + y0, pixels.x0 + x0, pixels.y0 + region[2], pixels.x0 + region[3]
        ).intersection(pixels)
        part = here.resolution(reduce)
        if not part.size:
            with pytest.raises(OptionError, match="nothing of the picture"):
                file.read(region, reduce=reduce)
            continue
        assert np.array_equal(file.read(region, reduce=reduce), whole[part.slices_in(at)])
        on_grid = Rect(
            max(area.y0, here.y0 * unit[0]),
            max(area.x0, here.x0 * unit[1]),
            min(area.y1, here.y1 * unit[0]),
            min(area.x1, here.x1 * unit[1]),
        )
        pieces = file.read(region, reduce=reduce, upsample=False)
        for plane, piece, wide in zip(planes, pieces, raw, strict=True):
            own = plane_area(area, plane.step).resolution(reduce)
            inner = plane_area(on_grid, plane.step).resolution(reduce)
            assert np.array_equal(piece, wide[inner.slices_in(own)])


def test_some_components() -> None:
    """Those that are subsampled alike are returned as they are."""
    area, steps = Rect(0, 0, 40, 60), [(1, 1), (2, 2), (2, 2)]
    planes = planes_for(area, steps)
    data = combined(area, planes)
    assert np.array_equal(j2klearn.decode(data, components=[1]), planes[1].samples)
    both = j2klearn.decode(data, components=[2, 1])
    assert both.shape == (20, 30, 2)
    mixed = j2klearn.decode(data, components=[0, 2])
    assert mixed.shape == (40, 60, 2)
    assert np.array_equal(mixed, j2klearn.decode(data)[:, :, [0, 2]])
    part = j2klearn.decode(data, components=[1], region=(10, 20, 20, 40))
    assert np.array_equal(part, planes[1].samples[5:10, 10:20])
    with pytest.raises(OptionError, match="no samples in this region"):
        j2klearn.decode(data, components=[1], region=(1, 1, 2, 2))
    pieces = j2klearn.decode(data, components=[0, 1], upsample=False)
    assert [piece.shape for piece in pieces] == [(40, 60), (20, 30)]


def test_open_without_upsampling() -> None:
    area, steps = Rect(0, 0, 40, 60), [(1, 1), (2, 2), (2, 2)]
    planes = planes_for(area, steps)
    file = j2klearn.open(combined(area, planes), upsample=False)
    for piece, plane in zip(file[:], planes, strict=True):
        assert np.array_equal(piece, plane.samples)
    luma, chroma, _ = file[4:10, 8:20]
    assert np.array_equal(luma, planes[0].samples[4:10, 8:20])
    assert np.array_equal(chroma, planes[1].samples[2:5, 4:10])
    assert [piece.shape for piece in file[::2, ::2]] == [(20, 30), (10, 15), (10, 15)]
    assert file.read(upsample=True).shape == file.shape == np.asarray(file).shape == (40, 60, 3)
    for index in (np.s_[3], np.s_[:, :, 0], np.s_[3:3]):
        with pytest.raises(SliceError, match="differ in size"):
            file[index]


@pytest.mark.parametrize("model", ["auto", None])
def test_one_array_for_each_component_of_any_file(rgb: NDArray[np.uint8], model: str | None) -> None:
    data = j2klearn.encode(rgb[:40, :60], bpp=2, model=model)
    whole, pieces = j2klearn.decode(data), j2klearn.decode(data, upsample=False)
    assert np.array_equal(np.dstack(pieces), whole)
    (grey,) = j2klearn.decode(j2klearn.encode(rgb[:40, :60, 0], bpp=2, model=model), upsample=False)
    assert grey.shape == (40, 60)


KINDS = [
    (8, False),
    (8, True),
    (3, False),
    (7, False),
    (1, False),
    (12, False),
    (12, True),
    (16, False),
    (16, True),
]


@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
def test_signs_and_depths(first: tuple[int, bool], second: tuple[int, bool], tile: Any) -> None:
    area, random = Rect(0, 0, 20, 34), np.random.default_rng(1)
    planes = []
    for depth, signed in (first, second):
        low = -(1 << (depth - 1)) if signed else 0
        dtype = common_dtype([depth], [signed])
        samples = random.integers(low, low + (1 << depth), area.shape).astype(dtype)
        samples[0, :2] = low, low + (1 << depth) - 1
        planes.append(Plane(samples, depth))
    data = in_jp2(combined(area, planes, tile))
    whole = np.dstack([plane.samples.astype(np.int32) for plane in planes])
    file = j2klearn.open(io.BytesIO(data))
    out = j2klearn.decode(data)
    assert out.dtype == file.dtype == file[:3, :3].dtype
    assert np.array_equal(out, whole)
    assert np.array_equal(file[5:17, 3:30], whole[5:17, 3:30])
    assert np.array_equal(file[::2, ::2], j2klearn.decode(data, reduce=1))
    copied = np.zeros(file.shape, file.dtype)
    file.copy_to(copied)
    assert np.array_equal(copied, whole)
    for index, plane in enumerate(planes):
        alone = j2klearn.decode(data, components=[index])
        assert alone.dtype == plane.samples.dtype
        assert np.array_equal(alone, plane.samples)
    facts = j2klearn.info(data)
    assert facts.precisions == (first[0], second[0])
    assert facts.signed == (first[1], second[1])


def test_the_smallest_dtype_that_holds_all() -> None:
    assert common_dtype([8, 8], [False, False]) == np.uint8
    assert common_dtype([8, 9], [False, False]) == np.uint16
    assert common_dtype([8, 7], [True, False]) == np.int8
    assert common_dtype([8, 8], [True, False]) == np.int16
    assert common_dtype([1, 15], [True, False]) == np.int16
    assert common_dtype([1, 16], [True, False]) == np.int32


@pytest.mark.parametrize("levels", [(3, 1), (1, 3), (2, 0)])
def test_different_levels(levels: tuple[int, int]) -> None:
    area = Rect(0, 0, 40, 56)
    one, two = (plane.samples for plane in planes_for(area, [(1, 1), (2, 2)]))
    data = combined(area, [Plane(one, 8, (1, 1), levels[0]), Plane(two, 8, (2, 2), levels[1])])
    file = j2klearn.open(data)
    assert file.levels == j2klearn.info(data).levels == min(levels)
    assert file[::-1, ::-1].shape[:2] == area.resolution(min(levels)).shape
    assert np.array_equal(file[10:20, 11:23], j2klearn.decode(data)[10:20, 11:23])
    with pytest.raises(OptionError):
        j2klearn.decode(data, reduce=min(levels) + 1)


def test_limits() -> None:
    area = Rect(0, 0, 40, 60)
    data = combined(area, planes_for(area, [(1, 1), (2, 2), (2, 2)]))
    assert j2klearn.decode(data, max_pixels=2400).shape == (40, 60, 3)
    assert j2klearn.decode(data, max_pixels=1, region=(1, 1, 2, 2)).shape == (1, 1, 3)
    with pytest.raises(LimitError):
        j2klearn.decode(data, max_pixels=2399)
    deep = bytearray(data)
    deep[data.index(b"\xff\x51") + 40] = 16  # 17 bits
    for read in (j2klearn.decode, j2klearn.open):
        with pytest.raises(UnsupportedError, match="17 bits"):
            read(bytes(deep))


@pytest.mark.parametrize("signed", [False, True])
def test_a_component_without_samples(signed: bool) -> None:
    """A picture of one column at an odd offset has no samples of halved chroma: they are neutral."""
    grey = np.arange(8, dtype=np.uint8)[:, None]
    data = bytearray(combined(Rect(1, 1, 9, 2), [Plane(grey, 8, levels=0)]))
    at = data.index(b"\xff\x51")
    data[at + 2 : at + 4] = struct.pack(">H", 41 + 3)
    data[at + 38 : at + 40] = struct.pack(">H", 2)
    data[at + 43 : at + 43] = bytes([7 | 0x80 * signed, 2, 2])
    whole = j2klearn.decode(bytes(data))
    assert whole.shape == j2klearn.open(bytes(data)).shape == (8, 1, 2)
    assert np.array_equal(whole[:, :, 0], grey)
    assert (whole[:, :, 1] == (0 if signed else 128)).all()
    luma, chroma = j2klearn.decode(bytes(data), upsample=False)
    assert np.array_equal(luma, grey)
    assert chroma.shape == (4, 0)
    with pytest.raises(OptionError, match="no samples"):
        j2klearn.decode(bytes(data), components=[1])


@pytest.mark.parametrize("jp2", [False, True], ids=["codestream", "jp2"])
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("step", [(2, 2), (1, 2), (4, 1), (3, 3)])
def test_jp2k_counts_samples(step: tuple[int, int], grid: str, jp2: bool) -> None:
    """Shape, slices and areas of `Jp2k` are those of `open`, if all components are subsampled alike."""
    area, tile = GRIDS[grid]
    data = combined(area, planes_for(area, [step] * 3), tile)
    if jp2:
        data = in_jp2(data)
    file, glymur_like = j2klearn.open(data), j2klearn.Jp2k(data)
    whole = file[:]
    assert glymur_like.shape == file.shape == whole.shape
    height, width = file.shape[:2]
    assert np.array_equal(glymur_like[:], whole)
    for index in (np.s_[3:20, 5:11], np.s_[height - 1 :, width - 1 :], np.s_[-5:, 0], np.s_[1, 2, 1]):
        assert np.array_equal(glymur_like[index], whole[index])
        assert np.array_equal(file[index], whole[index])
    assert np.array_equal(glymur_like[::2, ::2], file[::2, ::2])
    assert np.array_equal(glymur_like[4:12:2, 4:8:2], file[4:12:2, 4:8:2])
    assert glymur_like[3:3].shape == file[3:3].shape


def test_jp2k_joins_components_of_different_dtypes() -> None:
    area = Rect(0, 0, 20, 34)
    random = np.random.default_rng(0)
    first = random.integers(0, 256, area.shape).astype(np.uint8)
    second = random.integers(-128, 128, area.shape).astype(np.int8)
    glymur_like = j2klearn.Jp2k(combined(area, [Plane(first, 8), Plane(second, 8)]))
    assert [band.dtype for band in glymur_like[:]] == [np.uint8, np.int8]  # as in glymur
    assert np.array_equal(glymur_like[4:9, 3:8, 0], first[4:9, 3:8])
    assert np.array_equal(glymur_like[4:9, 3:8, 1], second[4:9, 3:8])
    assert np.array_equal(glymur_like[7], np.stack([first[7], second[7]], -1).astype(np.int16))
