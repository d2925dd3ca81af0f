"""The codec for Zarr 3."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec
from zarr.storage import MemoryStore

from j2klearn.arrays import J2KLearnCodec
from j2klearn.errors import CodestreamError, InputError, J2KError, ModelNotFoundError, OptionError
from j2klearn.models.registry import DEFAULT_MODEL
from tests.support.judges import psnr


def create(store: Any, values: NDArray[Any], chunks: tuple[int, ...], **options: Any) -> zarr.Array:
    codec = {name: options.pop(name) for name in list(options) if name in CODEC}
    array = zarr.create_array(
        store,
        shape=values.shape,
        chunks=chunks,
        dtype=values.dtype,
        serializer=J2KLearnCodec(**codec),
        compressors=None,
        **options,
    )
    array[...] = values
    return array


CODEC = ("lossless", "ratio", "bpp", "psnr", "model", "axes", "channel_axis", "levels", "component_transform")


@pytest.fixture
def volume(grey: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Twelve similar slices of 16-bit samples."""
    slices = [np.roll(grey[:90, :110], shift, axis=0).astype(np.uint16) * 200 + shift for shift in range(12)]
    return np.stack(slices)


@pytest.mark.parametrize("where", ["disk", "memory"])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", ">u2"])
def test_volumes_come_back(where: str, dtype: str, volume: NDArray[np.uint16], tmp_path: Path) -> None:
    values = (volume.view(np.int16) if dtype == "int16" else volume).astype(dtype)
    store: Any = tmp_path / "a.zarr" if where == "disk" else MemoryStore()
    create(store, values, (5, 64, 64))
    again = zarr.open_array(store, mode="r")
    assert np.array_equal(again[:], values)
    assert np.array_equal(again[3:7, 10, ::3], values[3:7, 10, ::3])
    assert again.dtype == values.dtype.newbyteorder("=") or again.dtype == values.dtype


def test_pictures_come_back(rgb: NDArray[np.uint8], grey: NDArray[np.uint8]) -> None:
    assert np.array_equal(create({}, grey, (100, 100))[:], grey)
    assert np.array_equal(create({}, grey, grey.shape, levels=3)[:], grey)
    assert np.array_equal(create({}, rgb, (100, 100, 3), channel_axis=-1)[:], rgb)
    first = np.ascontiguousarray(rgb.transpose(2, 0, 1))
    assert np.array_equal(create({}, first, (3, 100, 100), channel_axis=0)[:], first)
    films = np.stack([rgb[:50, :60], rgb[50:100, :60]])
    assert np.array_equal(create({}, films, (2, 32, 32, 3), channel_axis=-1)[:], films)
    yzx = np.ascontiguousarray(first.transpose(1, 0, 2))
    assert np.array_equal(create({}, yzx, (64, 2, 64), axes=(0, 2))[:], yzx)


@pytest.mark.parametrize("chunks", [(1, 1, 1), (1, 2, 1), (2, 1, 3), (12, 5, 5)])
def test_tiny_chunks(chunks: tuple[int, int, int], volume: NDArray[np.uint16]) -> None:
    values = volume[:2, :5, :5]
    assert np.array_equal(create({}, values, chunks)[:], values)


def test_fill_values_and_parts(tmp_path: Path) -> None:
    array = zarr.create_array(
        tmp_path / "a.zarr",
        shape=(10, 70, 70),
        chunks=(4, 32, 32),
        dtype="int16",
        fill_value=-7,
        serializer={"name": "j2klearn"},
        compressors=None,
    )
    assert (array[:] == -7).all()
    assert not list((tmp_path / "a.zarr").glob("c/**/0"))
    expected = np.full((10, 70, 70), -7, np.int16)
    array[3:9, 60:, 5:40] = expected[3:9, 60:, 5:40] = 300
    array[0, 0, 0] = expected[0, 0, 0] = -32768
    again = zarr.open_array(tmp_path / "a.zarr", mode="r+")
    assert np.array_equal(again[:], expected)
    again.resize((11, 80, 70))
    assert (again[10] == -7).all()
    assert np.array_equal(again[:10, :70], expected)
    again[:] = -7
    assert (zarr.open_array(tmp_path / "a.zarr")[:] == -7).all()


def test_shards_checksums_and_memory_order(volume: NDArray[np.uint16], tmp_path: Path) -> None:
    sharded = create(tmp_path / "s.zarr", volume, (4, 32, 32), shards=(12, 64, 64))
    assert np.array_equal(sharded[:], volume)
    assert np.array_equal(zarr.open_array(tmp_path / "s.zarr")[7:9, 33:60, 2], volume[7:9, 33:60, 2])
    summed = zarr.create_array(
        {},
        shape=volume.shape,
        chunks=(5, 64, 64),
        dtype=volume.dtype,
        serializer=J2KLearnCodec(),
        compressors=[Crc32cCodec()],
        config={"order": "F"},
    )
    summed[:] = np.asfortranarray(volume)
    assert np.array_equal(summed[:], volume)
    backwards = create({}, volume[::-1, ::2, ::-3], (5, 20, 20))
    assert np.array_equal(backwards[:], volume[::-1, ::2, ::-3])


def test_learned_arrays(rgb: NDArray[np.uint8], tmp_path: Path) -> None:
    array = create(tmp_path / "l.zarr", rgb, (257, 256, 3), ratio=15, channel_axis=-1)
    found = json.loads((tmp_path / "l.zarr" / "zarr.json").read_text())["codecs"]
    assert found == [
        {
            "name": "j2klearn",
            "configuration": {"lossless": False, "model": DEFAULT_MODEL, "ratio": 15, "channel_axis": -1},
        }
    ]
    assert psnr(rgb, array[:]) > 28
    assert array.nbytes_stored() < rgb.nbytes / 10


def test_a_group_opens_in_another_process(volume: NDArray[np.uint16], tmp_path: Path) -> None:
    """Only the entry point names the codec, and dask reads the array."""
    group = zarr.create_group(tmp_path / "g.zarr")
    for name, options in {"exact": {}, "learned": {"ratio": 8}}.items():
        array = group.create_array(
            name,
            shape=volume.shape,
            chunks=(6, 64, 64),
            dtype=volume.dtype,
            serializer={"name": "j2klearn", "configuration": options},
            compressors=None,
        )
        array[:] = volume
    script = "\n".join(
        [
            "import sys, zarr, dask.array as da",
            "assert 'j2klearn' not in sys.modules",
            "group = zarr.open_group('g.zarr', mode='r')",
            "print(int(group['exact'][:].sum()), float(da.from_zarr(group['learned']).mean().compute()))",
        ]
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    total, mean = run.stdout.split()
    assert int(total) == volume.sum()
    assert float(mean) == pytest.approx(volume.mean(), rel=1e-2)


@pytest.mark.parametrize("shards", [None, (8, 64, 64)])
@pytest.mark.parametrize("dtype", ["float32", "uint32", "int64", "complex64", "float16", "datetime64[s]"])
def test_other_dtypes_are_refused_at_once(dtype: str, shards: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the dtype of an array is uint8, uint16, int8 or int16"):
        zarr.create_array(
            tmp_path / "a.zarr",
            shape=(8, 64, 64),
            chunks=(8, 32, 32),
            shards=shards,
            dtype=dtype,
            serializer=J2KLearnCodec(),
        )
    assert not (tmp_path / "a.zarr" / "zarr.json").exists()


@pytest.mark.parametrize(
    ("shape", "chunks", "configuration", "error", "message"),
    [
        ((64,), (16,), {}, InputError, "1 axes"),
        ((64, 64), (16, 16), {"channel_axis": -1}, InputError, "rows, columns and channels"),
        ((64, 64, 300), (16, 16, 300), {"channel_axis": -1}, InputError, "at most 255 channels"),
        ((64, 64), (16, 16), {"levels": 5}, OptionError, "too small for 5 levels"),
        ((64, 64), (16, 16), {"axes": [0, 2]}, OptionError, "the axis 2"),
        ((64, 64), (16, 16), {"bit_depth": 12}, OptionError, "is more than the"),
        ((64, 64), (16, 16), {"rate": 2}, OptionError, "no option 'rate'"),
        ((64, 64), (16, 16), {"ratio": 2, "psnr": 30}, OptionError, "contradict"),
        ((64, 64), (16, 16), {"ratio": None, "lossless": "yes"}, OptionError, "true or false"),
        ((64, 64), (16, 16), {"ratio": 2, "model": "nothing"}, ModelNotFoundError, "nothing"),
        ((64, 64), (16, 16), [1, 2], OptionError, "is an object"),
    ],
)
def test_bad_configurations(
    shape: tuple[int, ...], chunks: tuple[int, ...], configuration: Any, error: type[J2KError], message: str
) -> None:
    with pytest.raises(error, match=message):
        zarr.create_array(
            {},
            shape=shape,
            chunks=chunks,
            dtype="uint8",
            serializer={"name": "j2klearn", "configuration": configuration},
        )


def test_bad_names_and_sizes() -> None:
    with pytest.raises(OptionError, match="named 'j2klearn'"):
        J2KLearnCodec.from_dict({"name": "jpeg2k"})
    with pytest.raises(NotImplementedError):
        J2KLearnCodec().compute_encoded_size(1, None)  # type: ignore[arg-type]
    codec = J2KLearnCodec(ratio=9, axes=(0, 1))
    assert J2KLearnCodec.from_dict(json.loads(json.dumps(codec.to_dict()))) == codec
    assert pickle.loads(pickle.dumps(codec)) == codec


def test_damaged_chunks(volume: NDArray[np.uint16], tmp_path: Path) -> None:
    create(tmp_path / "a.zarr", volume, volume.shape)
    path = tmp_path / "a.zarr" / "c" / "0" / "0" / "0"
    whole = path.read_bytes()
    for bytes_ in (
        whole[: len(whole) // 2],
        whole[:-1],
        b"",
        whole[:5000] + b"\x55" + whole[5001:],
        bytes(100),
    ):
        path.write_bytes(bytes_)
        with pytest.raises(CodestreamError, match="chunk"):
            zarr.open_array(tmp_path / "a.zarr")[:]
    path.write_bytes(whole)
    assert np.array_equal(zarr.open_array(tmp_path / "a.zarr")[:], volume)


def test_chunks_of_another_array(volume: NDArray[np.uint16], tmp_path: Path) -> None:
    """A valid chunk of another shape or dtype raises an error."""
    paths = []
    for name, values in {"a": volume, "b": volume[:, :, 1:], "c": volume.view(np.int16)}.items():
        create(tmp_path / name, np.ascontiguousarray(values), values.shape)
        paths.append(tmp_path / name / "c" / "0" / "0" / "0")
    for path in paths[1:]:
        paths[0].write_bytes(path.read_bytes())
        with pytest.raises(CodestreamError, match=r"the chunk holds .* where the array has uint16 samples"):
            zarr.open_array(tmp_path / "a")[:]
