"""Pictures that fill any part of the range of their dtype are never behind the 9/7 at equal bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data as photographs

import j2klearn
from j2klearn.arrays import J2KLearn, J2KLearnCodec

SIDE = 80

#: The 9/7 may be better by this many dB.
TOLERANCE = 0.1

#: dtype, lowest and highest sample.
RANGES = {
    "uint8": ("u1", 0, 255),
    "uint8, 5 bits": ("u1", 0, 31),
    "uint8, offset": ("u1", 200, 230),
    "int8": ("i1", -128, 127),
    "int8, negative": ("i1", -100, -60),
    "int8, 4 bits": ("i1", -8, 7),
    "uint16": ("u2", 0, 65535),
    "uint16, 14 bits": ("u2", 0, 16383),
    "uint16, 12 bits": ("u2", 0, 4095),
    "uint16, 10 bits": ("u2", 0, 1023),
    "uint16, 8 bits": ("u2", 0, 255),
    "uint16, offset": ("u2", 1000, 1400),
    "uint16, high": ("u2", 61000, 65535),
    "uint16, 3 bits": ("u2", 500, 507),
    "int16": ("i2", -32768, 32767),
    "int16, CT": ("i2", -1024, 3071),
    "int16, 12 bits": ("i2", -2048, 2047),
    "int16, negative": ("i2", -3000, -1000),
    "int16, 7 bits": ("i2", -60, 60),
    "uint16, constant": ("u2", 1234, 1234),
    "int16, constant": ("i2", -5, -5),
}


def scene(components: int) -> NDArray[np.float64]:
    """Return a picture from 0 to 1: a photograph, and bands with noise."""
    y, x = np.mgrid[:SIDE, :SIDE]
    noise = np.random.default_rng(0).normal(0, 0.03, (SIDE, SIDE))
    bands = [photographs.astronaut()[60 : 60 + SIDE, 180 : 180 + SIDE, index] / 255 for index in range(3)]
    bands += [
        np.clip(0.5 + 0.25 * np.sin(x / at + y / 23) + 0.2 * np.cos(y / 7 - x / 40) + noise, 0, 1)
        for at in (9, 13)
    ]
    return np.stack(bands[:components], -1) if components > 1 else bands[4]


def picture(name: str, components: int) -> NDArray[Any]:
    dtype, low, high = RANGES[name]
    return np.rint(low + scene(components) * (high - low)).astype(dtype)


def unlike() -> NDArray[Any]:
    """Return five bands that fill different parts of their range."""
    bands = scene(5)
    spans = ((0, 4095), (300, 340), (0, 65535), (40000, 40000), (65000, 65535))
    return np.stack(
        [np.rint(low + bands[..., at] * (high - low)) for at, (low, high) in enumerate(spans)], -1
    ).astype(np.uint16)


def error(image: NDArray[Any], decoded: NDArray[Any]) -> float:
    assert decoded.dtype == image.dtype
    assert decoded.shape == image.shape
    return float(np.sqrt(np.mean((image.astype(np.float64) - decoded) ** 2)))


def assert_not_behind(image: NDArray[Any], ours: NDArray[Any], theirs: NDArray[Any]) -> None:
    first, second = error(image, ours), error(image, theirs)
    assert first == 0 or 20 * math.log10(first / max(second, 1e-9)) <= TOLERANCE, (first, second)


def alternated(each: Sequence[Any], *others: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return tuples with each value of the first list, and those of the others in turn."""
    return [(value, *(other[at % len(other)] for other in others)) for at, value in enumerate(each)]


#: Every range with one component at one ratio, and with three or five at the other.
CASES = [
    *alternated([*RANGES], [1], [4, 14]),
    *alternated([*RANGES], [3, 5, 5, 3], [14, 4]),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "components", "ratio"), CASES)
def test_every_range_is_as_good_as_with_the_9_7(name: str, components: int, ratio: float) -> None:
    image = picture(name, components)
    ours, theirs = (j2klearn.encode(image, ratio=ratio, model=model) for model in ("auto", None))
    assert len(ours) <= max(1024, image.nbytes / ratio + 1)
    assert_not_behind(image, j2klearn.decode(ours), j2klearn.decode(theirs))


Way = Callable[[NDArray[Any], float, "str | None", Path], NDArray[Any]]


def in_parts(image: NDArray[Any], ratio: float, model: str | None, folder: Path) -> NDArray[Any]:
    j2klearn.encode_file(image, folder / "a.jp2", ratio=ratio, model=model, tile_size=64)
    return j2klearn.decode(folder / "a.jp2")


def in_tiles(image: NDArray[Any], ratio: float, model: str | None, folder: Path) -> NDArray[Any]:
    return j2klearn.decode(j2klearn.encode(image, ratio=ratio, model=model, tile_size=48))


def in_layers(image: NDArray[Any], ratio: float, model: str | None, folder: Path) -> NDArray[Any]:
    return j2klearn.decode(j2klearn.encode(image, ratio=(8 * ratio, 2 * ratio, ratio), model=model))


def by_jp2k(image: NDArray[Any], ratio: float, model: str | None, folder: Path) -> NDArray[Any]:
    if model is None:
        return j2klearn.decode(j2klearn.encode(image, ratio=ratio, model=None))
    return j2klearn.Jp2k(folder / "a.jp2", data=image, cratios=[ratio])[:]


def by_numcodecs(image: NDArray[Any], ratio: float, model: str | None, folder: Path) -> NDArray[Any]:
    codec = J2KLearn(ratio=ratio, model=model, channel_axis=-1 if image.ndim == 3 else None)
    return codec.decode(codec.encode(image))


def in_planes(image: NDArray[Any], ratio: float, model: str | None, folder: Path) -> NDArray[Any]:
    codec = J2KLearn(ratio=ratio, model=model)
    stack = np.ascontiguousarray(np.moveaxis(image, -1, 0)) if image.ndim == 3 else image
    decoded = codec.decode(codec.encode(stack))
    return np.moveaxis(decoded, 0, -1) if image.ndim == 3 else decoded


def by_zarr(image: NDArray[Any], ratio: float, model: str | None, folder: Path) -> NDArray[Any]:
    import zarr

    codec = J2KLearnCodec(ratio=ratio, model=model, channel_axis=-1 if image.ndim == 3 else None)
    array = zarr.create_array(
        store={}, shape=image.shape, chunks=image.shape, dtype=image.dtype, serializer=codec, compressors=None
    )
    array[...] = image
    return np.asarray(array[...])


WAYS: dict[str, Way] = {
    "encode_file": in_parts,
    "tiles": in_tiles,
    "layers": in_layers,
    "Jp2k": by_jp2k,
    "numcodecs": by_numcodecs,
    "planes": in_planes,
    "zarr": by_zarr,
}


#: Ranges of which an entry point may lose the sign, the offset or the depth, with components and ratios in turn.
TRAVELLERS = ["uint8, offset", "uint16, 12 bits", "uint16, offset", "int16, CT", "int16, negative"]
SHAPES = [(1, 14), (3, 5), (3, 14), (5, 5)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "name", "shape"),
    [
        (way, name, SHAPES[(first + at) % len(SHAPES)])
        for first, way in enumerate(WAYS)
        for at, name in enumerate(TRAVELLERS)
    ],
)
def test_every_entry_point_is_as_good_as_with_the_9_7(
    way: str, name: str, shape: tuple[int, float], tmp_path: Path
) -> None:
    components, ratio = shape
    image = picture(name, components)
    ours, theirs = (WAYS[way](image, ratio, model, tmp_path) for model in ("auto", None))
    assert_not_behind(image, ours, theirs)


@pytest.mark.parametrize("way", [way for way in WAYS if way != "Jp2k"])
def test_bands_with_different_ranges(way: str, tmp_path: Path) -> None:
    image = unlike()
    for ratio in (4, 14):
        ours, theirs = (WAYS[way](image, ratio, model, tmp_path) for model in ("auto", None))
        assert_not_behind(image, ours, theirs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "components"),
    [
        ("uint16, offset", 3),
        ("int16, negative", 1),
        ("uint8, offset", 1),
        ("int16, CT", 3),
        ("int16, constant", 1),
    ],
)
def test_the_neural_profile_is_not_behind(name: str, components: int) -> None:
    image = picture(name, components)[:64, :64]
    ours = j2klearn.encode(image, quality=50, profile="neural")
    theirs = j2klearn.encode(image, ratio=image.nbytes / len(ours), model=None)
    assert_not_behind(image, j2klearn.decode(ours), j2klearn.decode(theirs))


@pytest.mark.parametrize("name", ["uint16, 12 bits", "uint16, offset", "int16, CT", "int8, negative"])
def test_the_learned_transform_itself_gains(name: str) -> None:
    """Also without a choice of the transform, and at half the resolution and in regions."""
    image = picture(name, 3)
    data = j2klearn.encode(image, ratio=14, fallback=False)
    assert j2klearn.info(data).learned
    whole = j2klearn.decode(data)
    assert error(image, whole) < error(image, j2klearn.decode(j2klearn.encode(image, ratio=14, model=None)))
    assert np.array_equal(j2klearn.decode(data, region=(10, 20, 50, 70)), whole[10:50, 20:70])
    half = j2klearn.decode(data, reduce=1)
    pairs = image.reshape(SIDE // 2, 2, SIDE // 2, 2, 3).mean((1, 3))
    assert np.abs(half - pairs).mean() < 0.06 * (RANGES[name][2] - RANGES[name][1])
    if name == "int16, CT":
        neural = j2klearn.encode(image, quality=30, profile="neural")
        half = j2klearn.decode(neural, reduce=1)
        assert np.abs(half - pairs).mean() < 0.06 * (RANGES[name][2] - RANGES[name][1])


@pytest.mark.parametrize("depth", [12, 14, 16])
@pytest.mark.parametrize(
    "options",
    [{"ratio": 5}, {"ratio": 14, "tile_size": 128}, {"bpp": 8, "tile_size": 64}, {"bpp": 24}],
    ids=["ratio 5", "ratio 14", "8 bpp", "24 bpp"],
)
def test_regions_of_deep_pictures_equal_the_whole(
    rgb: NDArray[np.uint8], depth: int, options: dict[str, float]
) -> None:
    """Also where quantiser steps are finer than a carrier of 24 bits could tell."""
    rng, bits = np.random.default_rng(depth), depth - 8
    image = (rgb[:150, :170].astype(np.uint16) << bits) + rng.integers(0, 1 << bits, (150, 170, 3), np.uint16)
    data = j2klearn.encode(image, bit_depth=depth, fallback=False, **options)
    whole, half = j2klearn.decode(data), j2klearn.decode(data, reduce=1)
    for y0, x0, y1, x1 in ((0, 0, 40, 60), (31, 77, 113, 170), (100, 3, 150, 129), (64, 64, 65, 65)):
        region = (y0, x0, y1, x1)
        assert np.array_equal(j2klearn.decode(data, region=region), whole[y0:y1, x0:x1])
        part = half[(y0 + 1) // 2 : (y1 + 1) // 2, (x0 + 1) // 2 : (x1 + 1) // 2]
        assert np.array_equal(j2klearn.decode(data, region=region, reduce=1), part)
