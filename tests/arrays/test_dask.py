"""dask arrays of files."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.arrays import dask_array
from j2klearn.errors import InputError


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, grey: NDArray[np.uint8], rgb: NDArray[np.uint8]) -> Path:
    """Tiled files: lossless grey, learned RGB, and learned signed 16 bits."""
    folder = tmp_path_factory.mktemp("dask")
    signed = (grey.astype(np.int16) - 128) * 250
    for name, data in {
        "grey": j2klearn.encode(grey, lossless=True, model=None, tile_size=64),
        "rgb": j2klearn.encode(rgb, ratio=10, tile_size=128),
        "signed": j2klearn.encode(signed, ratio=10, tile_size=128),
    }.items():
        (folder / f"{name}.jp2").write_bytes(data)
    return folder


@pytest.fixture(autouse=True)
def _threads() -> Any:
    with dask.config.set(scheduler="threads", num_workers=4):
        yield


def test_a_mean_is_numpys(files: Path, grey: NDArray[np.uint8]) -> None:
    jp2 = j2klearn.Jp2k(files / "grey.jp2")
    array = da.from_array(jp2, chunks=jp2.tilesize)
    assert (array.shape, array.dtype, array.chunksize) == (grey.shape, np.uint8, (64, 64))
    assert array.mean().compute() == grey.mean()
    assert np.array_equal(array.compute(), grey)
    assert np.array_equal(da.from_array(jp2, chunks=(50, 77)).compute(), grey)


@pytest.mark.parametrize("reader", [j2klearn.Jp2k, j2klearn.Jp2kr, j2klearn.open])
@pytest.mark.parametrize("name", ["rgb", "signed"])
def test_learned_files(reader: Callable[[Any], Any], name: str, files: Path) -> None:
    whole = j2klearn.decode(files / f"{name}.jp2")
    picture = reader(files / f"{name}.jp2")
    chunks = (128, 128, *whole.shape[2:])
    for array in (da.from_array(picture, chunks=chunks), dask_array(picture)):
        assert (array.shape, array.dtype, array.chunksize) == (whole.shape, whole.dtype, chunks)
        assert array.mean().compute() == whole.mean()
        assert np.array_equal(array.compute(), whole)


SLICES: list[Callable[[Any], Any]] = [
    lambda x: x[100:200, 7:9],
    lambda x: x[5],
    lambda x: x[-3:, -1],
    lambda x: x[[3, 200, 64]],
    lambda x: x[:, [300, 2]],
    lambda x: x[50:150][[1, 2, 80]],
    lambda x: x[::-1, 5:70],
    lambda x: x[10:10],
    lambda x: x[10:5],
    lambda x: x[None, 3:70, 4:9],
    lambda x: x[3:200][20:90][:, 5],
    lambda x: x.T[3:8],
]


@pytest.mark.parametrize("at", range(len(SLICES)))
def test_slices_are_numpys(at: int, files: Path, grey: NDArray[np.uint8]) -> None:
    jp2 = j2klearn.Jp2k(files / "grey.jp2")
    for array in (da.from_array(jp2, chunks=jp2.tilesize), dask_array(jp2)):
        found = SLICES[at](array).compute()
        assert np.array_equal(found, SLICES[at](grey))
        assert found.shape == SLICES[at](grey).shape


@pytest.mark.parametrize(
    "index", [np.s_[::2, ::2], np.s_[::3], np.s_[::-1, 5:70:4], np.s_[100:200:7], np.s_[1::2, ::5]]
)
def test_strides_are_numpys(index: Any, files: Path, grey: NDArray[np.uint8]) -> None:
    """glymur's interface takes strides for resolutions, so dask must not pass them on."""
    for picture in (j2klearn.Jp2k(files / "grey.jp2"), j2klearn.open(files / "grey.jp2")):
        assert np.array_equal(dask_array(picture)[index].compute(), grey[index])


def test_what_is_no_picture_is_refused(files: Path) -> None:
    for wrong in (3, files / "grey.jp2", np.zeros((4, 4), np.uint8)):
        with pytest.raises(InputError, match=r"not (int|PosixPath|ndarray)$"):
            dask_array(wrong)  # type: ignore[arg-type]


def test_chunks_can_be_chosen(files: Path, rgb: NDArray[np.uint8]) -> None:
    jp2 = j2klearn.Jp2k(files / "rgb.jp2")
    assert dask_array(jp2).chunksize == (128, 128, 3)
    array = dask_array(jp2, chunks=(100, -1, 1))
    assert array.chunksize == (100, rgb.shape[1], 1)
    assert np.array_equal(array.compute(), jp2[:])


def test_files_in_memory_and_other_processes(files: Path, grey: NDArray[np.uint8]) -> None:
    jp2 = j2klearn.Jp2kr((files / "grey.jp2").read_bytes())
    assert np.array_equal(dask_array(jp2).compute(), grey)
    learned = j2klearn.Jp2k(files / "rgb.jp2")
    part = learned[:9, :9]
    assert np.array_equal(pickle.loads(pickle.dumps(learned))[:9, :9], part)
