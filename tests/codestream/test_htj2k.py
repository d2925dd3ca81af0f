"""HTJ2K (T.814): areas equal the crop of the whole, and truncated files are decoded as far as they go."""

from __future__ import annotations

import io
import itertools
import struct
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.errors import LimitError, TruncatedWarning
from tests.support.judges import psnr
from tests.support.odd_files import plain_parts

imagecodecs = pytest.importorskip("imagecodecs")

KINDS: dict[str, dict[str, Any]] = {
    "reversible": {"reversible": True},
    "irreversible": {"level": 0.002, "reversible": False},
    "tiles": {"reversible": True, "tile": (64, 96)},
}


@pytest.fixture(scope="module")
def pictures(rgb: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    picture = np.ascontiguousarray(rgb[:150, :200])
    grey = picture[:, :, 1]
    return {"grey": grey, "rgb": picture, "16 bits": grey.astype(np.uint16) * 200}


def coded(picture: NDArray[Any], kind: str) -> bytes:
    data = imagecodecs.htj2k_encode(picture, **KINDS[kind])
    return bytes(data)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["grey", "rgb", "16 bits"])
def test_areas(pictures: dict[str, NDArray[Any]], mode: str, kind: str) -> None:
    data = coded(pictures[mode], kind)
    whole = j2klearn.decode(data)
    if kind != "irreversible":
        assert np.array_equal(whole, pictures[mode])
    file, glymur_like = j2klearn.open(io.BytesIO(data)), j2klearn.Jp2k(data)
    regions = [(20, 30, 90, 130), (0, 0, 1, 1), (149, 199, 150, 200), (63, 95, 65, 97), (0, 64, 150, 70)]
    for (y0, x0, y1, x1), reduce in itertools.product(regions, range(file.levels + 1)):
        scale = 1 << reduce
        crop = np.s_[-(-y0 // scale) : -(-y1 // scale), -(-x0 // scale) : -(-x1 // scale)]
        want = j2klearn.decode(data, reduce=reduce)[crop]
        if not want.size:
            continue
        assert np.array_equal(j2klearn.decode(data, region=(y0, x0, y1, x1), reduce=reduce), want)
        if y0 % scale == x0 % scale == 0:
            index = np.s_[y0:y1:scale, x0:x1:scale]
            assert np.array_equal(file[index], want)
            assert np.array_equal(glymur_like[index], want)
    copied = np.zeros(file.shape, file.dtype)
    file.copy_to(copied, block=(16, 16))
    assert np.array_equal(copied, whole)


@pytest.mark.parametrize("tile", [None, (64, 96)])
def test_layers_of_areas(pictures: dict[str, NDArray[Any]], tile: tuple[int, int] | None) -> None:
    """Two layers, the second of which is empty."""
    data = imagecodecs.htj2k_encode(pictures["grey"], reversible=True, tile=tile, tilepart=1)
    head, parts, tail = plain_parts(bytes(data))
    layers = head.index(b"\xff\x52") + 6
    head = head[:layers] + struct.pack(">H", 2) + head[layers + 2 :]
    # every resolution is a tile-part of one packet, which an empty packet follows
    two = head + b"".join(longer(part, bytes(1)) for part in parts) + tail
    file = j2klearn.open(two)
    assert file.layers == 2
    for layers, reduce in itertools.product(range(3), range(file.levels + 1)):
        whole = j2klearn.decode(bytes(data), reduce=reduce)
        assert np.array_equal(file.read(layers=layers, reduce=reduce), whole)
        part = file.read((32, 64, 128, 160), layers=layers, reduce=reduce)
        assert np.array_equal(part, whole[32 >> reduce : 128 >> reduce, 64 >> reduce : 160 >> reduce])


def longer(part: bytearray, end: bytes) -> bytes:
    """Return a tile-part with more bytes at its end."""
    return bytes(part[:6]) + struct.pack(">I", len(part) + len(end)) + bytes(part[10:]) + end


def test_components_of_areas(pictures: dict[str, NDArray[Any]]) -> None:
    data = coded(pictures["rgb"], "reversible")
    whole = j2klearn.decode(data, components=[1])
    assert np.array_equal(j2klearn.decode(data, components=[1], region=(5, 6, 70, 80)), whole[5:70, 6:80])


def test_the_limit_counts_whole_tiles(pictures: dict[str, NDArray[Any]]) -> None:
    data = coded(pictures["grey"], "reversible")
    with pytest.raises(LimitError):
        j2klearn.decode(data, region=(0, 0, 10, 10), max_pixels=1000)
    assert j2klearn.decode(data, region=(0, 0, 10, 10), max_pixels=150 * 200).shape == (10, 10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["grey", "rgb"])
def test_truncated(pictures: dict[str, NDArray[Any]], mode: str, kind: str) -> None:
    picture = pictures[mode]
    data = coded(picture, kind)
    start, best = data.index(b"\xff\x93") + 2, 0.0
    for end in np.linspace(start, len(data) - 2, 12).astype(int):
        with pytest.warns(TruncatedWarning, match="truncated|does not end"):
            part = j2klearn.decode(data[:end])
        assert part.shape == picture.shape
        value = psnr(picture, part)
        assert value > best - 0.05
        best = max(best, value)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TruncatedWarning)
            assert np.array_equal(j2klearn.decode(data[:end], region=(10, 20, 60, 100)), part[10:60, 20:100])
            assert j2klearn.decode(data[:end], reduce=1).shape[:2] == (75, 100)
    assert best > 35


def test_damaged(pictures: dict[str, NDArray[Any]]) -> None:
    """Any bytes end in an array or a typed error."""
    data = coded(pictures["grey"][:40, :60], "reversible")
    random = np.random.default_rng(3)
    for _ in range(150):
        wrong = bytearray(data)
        for at in random.integers(len(data) // 8, len(data), 3):
            wrong[at] ^= 1 << random.integers(8)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                j2klearn.decode(bytes(wrong), region=(3, 3, 30, 40), max_pixels=10**6)
            except j2klearn.errors.J2KError:
                continue
