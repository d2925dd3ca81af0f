"""Arguments and tiles that `Jp2k` cannot write: each is an error of ours, and no file is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from glymur.jp2box import InvalidJp2kError
from glymur.lib.openjp2 import OpenJPEGLibraryError
from numpy.typing import NDArray

from j2klearn import Jp2k
from j2klearn.errors import InputError, J2KError, LimitError, ModelNotFoundError, OptionError

ARGUMENTS: list[dict[str, Any]] = [
    {"capture_resolution": (0, 72)},  # glymur would look for its exponent for ever
    {"capture_resolution": 5},
    {"cbsize": 64},
    {"cbsize": (3, 3)},
    {"cinema2k": 99},
    {"colorspace": "cmyk"},
    {"colorspace": "rgb"},  # of grey data
    {"colorspace": "RGB", "shape": (40, 50, 2), "tilesize": (20, 25)},
    {"cratios": 5},
    {"cratios": ["a"]},
    {"cratios": [-1]},
    {"cratios": [float("nan")]},
    {"cratios": [1000 - i for i in range(101)]},
    {"display_resolution": (72, -72)},
    {"display_resolution": (float("nan"), 72)},
    {"grid_offset": (-1, 0)},
    {"grid_offset": (1 << 32, 0)},  # would become 0
    {"mct": True, "colorspace": "gray"},
    {"modesw": 64},
    {"modesw": -1},
    {"numres": 0},
    {"numres": 2.5},
    {"prog": "XXXX"},
    {"prog": 3},
    {"psizes": 5},
    {"psizes": [(0, 0)]},
    {"psizes": [(128, 128)] * 34},
    {"psnr": 30},
    {"shape": (40,)},
    {"shape": (0, 50)},
    {"shape": (40.5, 50)},
    {"subsam": (0, 0)},  # an assertion of OpenJPEG would end the process
    {"subsam": (256, 1)},
    {"tilesize": (0, 0)},
    {"tilesize": "ab"},
    {"tilesize": (41, 50)},
]


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
def test_arguments_out_of_range(tmp_path: Path, arguments: dict[str, Any]) -> None:
    given = arguments if "shape" in arguments else {"data": np.zeros((40, 50), np.uint8), **arguments}
    with pytest.raises(OptionError) as raised:
        Jp2k(tmp_path / "a.jp2", **given)
    assert isinstance(raised.value, InvalidJp2kError)
    assert not list(tmp_path.iterdir())


def test_failures_of_openjpeg_are_errors_of_ours(tmp_path: Path) -> None:
    with pytest.raises(J2KError, match="Tile X coordinates") as raised:
        Jp2k(tmp_path / "a.jp2", data=np.zeros((40, 50), np.uint8), grid_offset=(1 << 31, 1 << 31))
    assert isinstance(raised.value, OpenJPEGLibraryError)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shape", [(0, 5), (5, 0, 3), (5, 5, 0)])
def test_an_empty_picture(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=str(shape).replace("(", r"\(").replace(")", r"\)")):
        Jp2k(tmp_path / "a.jp2", data=np.zeros(shape, np.uint8))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("transform", [None, "5-3", "9-7"])
@pytest.mark.parametrize(("sample", "dtype"), [(16, np.uint8), (8, np.int8), (-9, np.int16)])
def test_samples_that_need_more_bits(tmp_path: Path, transform: str | None, sample: int, dtype: type) -> None:
    """OpenJPEG would keep the lowest bits, or run out of memory for the code-blocks."""
    image = np.zeros((40, 50), dtype)
    image[3, 4] = sample
    with pytest.raises(InputError, match=f"the sample {sample}, which needs more than 4 bits"):
        Jp2k(tmp_path / "a.jp2", data=image, bit_depth=4, transform=transform)
    with pytest.raises(InputError, match=f"the sample {sample}, which needs more than 4 bits"):
        write_tiles(tmp_path / "b.jp2", image, bit_depth=4, transform=transform)
    assert not list(tmp_path.iterdir())


def test_the_limit_of_pixels_holds_for_every_transform(tmp_path: Path) -> None:
    for transform in (None, "5-3", "9-7"):
        with pytest.raises(LimitError):
            Jp2k(tmp_path / "a.jp2", data=np.zeros((40, 50), np.uint8), transform=transform, max_pixels=1999)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("transform", [None, "5-3"])
@pytest.mark.parametrize("dtype", [np.uint16, np.int8])
def test_tiles_of_another_dtype(tmp_path: Path, transform: str | None, dtype: type) -> None:
    """A sample of -1 would become 255 without a word."""
    image = np.arange(2000, dtype=np.uint8).reshape(40, 50)
    with pytest.raises(J2KError, match="the tiles are uint8, and tile 2 is"):
        write_tiles(tmp_path / "a.jp2", image, last=dtype, transform=transform)
    assert not list(tmp_path.iterdir())


def test_tiles_larger_than_the_picture(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="larger than the picture") as raised:
        Jp2k(tmp_path / "a.jp2", shape=(40, 50), tilesize=(64, 32))
    assert isinstance(raised.value, RuntimeError)


def write_tiles(path: Path, image: NDArray[Any], last: type | None = None, **options: Any) -> None:
    """Write a picture by tiles of 32 x 32, the third one in another dtype."""
    file = Jp2k(path, shape=image.shape, tilesize=(32, 32), **options)
    for writer in file.get_tilewriters():
        (y0, x0), (height, width) = writer.tile_origin(), writer.tile_shape()
        tile = image[y0 : y0 + height, x0 : x0 + width]
        writer[:] = tile.astype(last) if last is not None and writer.tile_index == 2 else tile


@pytest.mark.parametrize(
    "arguments",
    [
        {"area": (1, 2)},
        {"area": "x"},
        {"area": (0, 0, 8.5, 8)},
        {"rlevel": "a"},
        {"rlevel": 0.5},
        {"tile": "a"},
    ],
    ids=str,
)
def test_arguments_of_read_bands(tmp_path: Path, arguments: dict[str, Any]) -> None:
    Jp2k(tmp_path / "a.jp2", data=np.zeros((40, 50), np.uint8))
    with pytest.raises(OptionError):
        Jp2k(tmp_path / "a.jp2").read_bands(**arguments)


def test_a_transform_that_does_not_exist_names_those_that_write(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError) as raised:
        Jp2k(tmp_path / "a.jp2", data=np.zeros((40, 50), np.uint8), transform="foo")
    assert "5-3, 9-7, " in str(raised.value)
    assert "hybrid97-16p7" in str(raised.value)
    assert "context97" not in str(raised.value)
