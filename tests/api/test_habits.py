"""What users of numpy hand over: arrays of any layout and byte order, numbers of numpy, and buffers; and pickling."""

from __future__ import annotations

import array
import contextlib
import copy
import dataclasses
import io
import mmap
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn import Jp2k
from j2klearn.api.encode_file import encode_file
from j2klearn.api.options import EncodeOptions
from j2klearn.arrays import J2KLearn
from j2klearn.errors import CodestreamError, InputError, J2KError, OptionError
from j2klearn.layers import keep_layers
from tests.support.remote import Recorder

LOSSLESS: dict[str, Any] = {"lossless": True, "model": None}


class Sub(np.ndarray):
    """A subclass of array, as libraries of units and images have."""


class Exporter:
    """An array of another library."""

    def __init__(self, samples: NDArray[Any]) -> None:
        self.samples = samples

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self.samples, dtype)


def layouts(samples: NDArray[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the same samples in other orders of bytes and of elements."""
    swapped = samples.dtype.newbyteorder(">")
    yield "C order", samples
    yield "Fortran order", np.asfortranarray(samples)
    yield "big-endian", samples.astype(swapped)
    yield "big-endian in Fortran order", np.asfortranarray(samples.astype(swapped))
    yield "negative strides", np.ascontiguousarray(samples[::-1, ::-1])[::-1, ::-1]
    yield "big-endian with negative strides", np.ascontiguousarray(samples[::-1].astype(swapped))[::-1]
    wide = np.zeros((2 * samples.shape[0], 3 * samples.shape[1], *samples.shape[2:]), samples.dtype)
    wide[::2, ::3] = samples
    yield "strides", wide[::2, ::3]
    yield "transposed", np.ascontiguousarray(samples.swapaxes(0, 1)).swapaxes(0, 1)
    if samples.ndim == 3:
        yield "planes", np.ascontiguousarray(samples.transpose(2, 0, 1)).transpose(1, 2, 0)
    unaligned = np.zeros(samples.nbytes + 1, np.uint8)[1:].view(samples.dtype).reshape(samples.shape)
    unaligned[...] = samples
    yield "unaligned", unaligned
    read_only = samples.copy()
    read_only.flags.writeable = False
    yield "read-only", read_only
    yield "a subclass", samples.view(Sub)


def by_encode(image: Any, folder: Path) -> Any:
    return j2klearn.decode(j2klearn.encode(image, **LOSSLESS))


def by_tiles(image: Any, folder: Path) -> Any:
    return j2klearn.decode(j2klearn.encode(image, tile_size=20, **LOSSLESS))


def by_encode_file(image: Any, folder: Path) -> Any:
    encode_file(image, folder / "a.jp2", **LOSSLESS)
    return j2klearn.decode(folder / "a.jp2")


def by_neural(image: Any, folder: Path) -> Any:
    return j2klearn.decode(j2klearn.encode(image, profile="neural", lossless=True))


def by_jp2k(image: Any, folder: Path) -> Any:
    return Jp2k(io.BytesIO(), data=image)[:]


def by_jp2k_tiles(image: Any, folder: Path) -> Any:
    file = Jp2k(folder / "a.jp2", shape=image.shape, tilesize=(12, 15), transform="5-3")
    tiles = [image[y : y + 12, x : x + 15] for y in (0, 12) for x in (0, 15)]
    for writer, tile in zip(file.get_tilewriters(), tiles, strict=True):
        writer[:] = tile
    return j2klearn.decode(folder / "a.jp2")


def by_numcodecs(image: Any, folder: Path) -> Any:
    codec = J2KLearn(lossless=True)
    found = codec.decode(codec.encode(image))
    assert found.dtype == image.dtype
    return found


def by_zarr(image: Any, folder: Path) -> Any:
    zarr = pytest.importorskip("zarr")
    from j2klearn.arrays import J2KLearnCodec

    out = zarr.create_array(
        folder / "a.zarr",
        shape=image.shape,
        chunks=image.shape,
        dtype=image.dtype,
        serializer=J2KLearnCodec(lossless=True),
        compressors=None,
        overwrite=True,
    )
    out[...] = image
    return out[...]


WRITERS = [by_encode, by_tiles, by_encode_file, by_jp2k, by_jp2k_tiles, by_numcodecs, by_zarr, by_neural]


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_arrays_of_any_layout(write: Callable[[Any, Path], Any], tmp_path: Path) -> None:
    """Every dtype and number of axes with every other layout, in turn."""
    rng, tried, images = np.random.default_rng(0), 0, 0
    for kind in ("u1", "u2", "i1", "i2", "?"):
        for shape in ((24, 30), (24, 30, 3)):
            bounds = (0, 2) if kind == "?" else (np.iinfo(kind).min, np.iinfo(kind).max + 1)
            image = rng.integers(*bounds, shape).astype(kind)
            if write is by_neural and (shape != (24, 30) or kind in ("i1", "i2")):
                continue
            for at, (name, given) in enumerate(layouts(image)):
                if write is by_neural:
                    if name not in ("big-endian", "negative strides", "planes"):
                        continue
                elif (at + images) % 2:
                    continue
                found = write(given, tmp_path)
                assert np.array_equal(found, image), (kind, shape, name)
                tried += 1
            images += 1
    print(f"{write.__name__}: {tried} combinations")
    assert tried >= 6


def test_lossy_files_do_not_depend_on_the_layout(rgb: NDArray[np.uint8]) -> None:
    image = rgb[:90, :100].astype(np.uint16) << 4
    expected = j2klearn.encode(image, ratio=10, bit_depth=12)
    for name, given in layouts(image):
        assert j2klearn.encode(given, ratio=10, bit_depth=12) == expected, name


def test_bool_is_one_bit() -> None:
    image = np.indices((40, 50)).sum(0) % 3 == 0
    for data in (
        j2klearn.encode(image, **LOSSLESS),
        j2klearn.encode(image.tolist(), **LOSSLESS),
        J2KLearn(lossless=True).encode(image),
    ):
        assert np.array_equal(j2klearn.decode(data), image)
        assert "1 component(s) of 1 bits" in str(j2klearn.info(data))
    out = io.BytesIO()
    assert Jp2k(out, data=image).codestream.segment[1].bitdepth == (1,)
    deep = j2klearn.encode(image, bit_depth=8, **LOSSLESS)
    assert "1 component(s) of 8 bits" in str(j2klearn.info(deep))


def test_arrays_of_other_libraries() -> None:
    import torch

    image = np.arange(600, dtype=np.uint8).reshape(20, 30)
    for given in (image.tolist(), Exporter(image), torch.from_numpy(image), memoryview(image)):
        found = given if not isinstance(given, list) else np.array(given, np.uint8)
        assert np.array_equal(by_encode(found, Path()), image)


REFUSED: list[tuple[Any, str]] = [
    (np.ma.masked_array(np.zeros((9, 9), np.uint8), np.eye(9)), r"masked.*filled\(0\)"),
    (np.ma.masked_array(np.zeros((9, 9), np.uint8)), r"masked.*filled\(0\)"),
    (np.zeros((9, 9)), r"float64.*round"),
    (np.zeros((9, 9), np.float32), r"float32.*round"),
    (np.full((9, 9), np.nan), "NaN"),
    (np.zeros((9, 9), np.uint32), "uint32.*convert"),
    (np.zeros((9, 9), np.complex64), "complex64"),
    (np.zeros((9, 9), object), "object"),
    (np.zeros((9, 9), "M8[s]"), "datetime64"),
    (np.zeros((9, 9), "S3"), "S3"),
    ([[1, 2], [3]], "array"),
    ("text", "shape"),
    (None, "shape"),
    (7, "shape"),
    (np.zeros(5, np.uint8), "shape"),
    (np.zeros((2, 2, 2, 2), np.uint8), "shape"),
    (np.zeros((0, 3), np.uint8), "empty"),
    (np.zeros((3, 3, 0), np.uint8), "empty"),
]


@pytest.mark.parametrize(("image", "message"), REFUSED)
def test_what_is_no_picture_is_refused(image: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        j2klearn.encode(image)
    for write in (by_encode_file, by_jp2k, by_numcodecs):
        if write is by_numcodecs and getattr(image, "ndim", 0) == 4:
            continue  # arrays may have more axes
        with pytest.raises(J2KError) as caught:
            write(image, tmp_path)
        assert "\n" not in str(caught.value)
    with pytest.raises(J2KError):
        j2klearn.encode(image, profile="neural")


# Options

NUMBERS: dict[str, Any] = {
    "bpp": 1.5, "ratio": 12, "psnr": 35.0, "layers": 3, "effort": 1, "bit_depth": 8, "levels": 3, "tile_size": 32,
    "offset": (3, 5), "tile_offset": (1, 2), "codeblock_size": (32, 64), "precincts": [(128, 128), (64, 64)],
    "mode_switches": 1, "max_pixels": 10_000, "threads": 1, "quality": 40,
}  # fmt: skip
TRUTHS = (
    "lossless",
    "embed_model",
    "fallback",
    "sop",
    "eph",
    "jp2",
    "alpha",
    "component_transform",
    "plt",
    "tlm",
)


def of_numpy(value: Any) -> Iterator[Any]:
    """Yield a number, a pair or a list of pairs as objects of numpy."""
    if isinstance(value, (list, tuple)):
        yield np.array(value)
        yield np.array(value, np.uint16)
        yield type(value)(map(np.array, value)) if isinstance(value, list) else tuple(map(np.int32, value))
        return
    if isinstance(value, int):
        yield from (kind(value) for kind in (np.int64, np.uint16, np.int32) if value < 2**15)
        yield np.array(value)
    else:
        yield from (np.float64(value), np.float32(value), np.array(value), Fraction(value))


@pytest.mark.parametrize("name", [name for name in NUMBERS if name not in ("quality",)])
def test_numbers_of_numpy_are_options(name: str, rgb: NDArray[np.uint8]) -> None:
    image, value = rgb[:70, :80], NUMBERS[name]
    more: dict[str, Any] = {"tile_size": 64, "offset": (9, 9)} if name == "tile_offset" else {}
    expected = j2klearn.encode(image, model=None, **more, **{name: value})
    for given in of_numpy(value):
        assert j2klearn.encode(image, model=None, **more, **{name: given}) == expected, repr(given)


def test_truth_values_of_numpy_are_options(rgb: NDArray[np.uint8]) -> None:
    image = rgb[:40, :48]
    for name in TRUTHS:
        if name in ("alpha", "embed_model"):
            continue
        for value in (True, False):
            expected = j2klearn.encode(image, model=None, **{name: value})
            for given in (np.bool_(value), int(value), np.int64(value)):
                assert j2klearn.encode(image, model=None, **{name: given}) == expected, name
    others = {
        "profile",
        "model",
        "engine",
        "wavelet",
        "colorspace",
        "progression",
        "progress",
        "tile_parts",
        "preset",
        "tune",
    }
    assert {field.name for field in dataclasses.fields(EncodeOptions)} <= {*NUMBERS, *TRUTHS, *others}


def test_quality_of_numpy(rgb: NDArray[np.uint8]) -> None:
    image = rgb[:16, :16]
    expected = j2klearn.encode(image, profile="neural", quality=40)
    for given in (np.int64(40), np.float32(40), np.array(40)):
        assert j2klearn.encode(image, profile="neural", quality=given) == expected


def test_reading_takes_numbers_of_numpy(rgb: NDArray[np.uint8]) -> None:
    data = j2klearn.encode(rgb[:70, :80], model=None, layers=3, ratio=4, plt=True)
    for options, given in [
        ({"reduce": 1}, {"reduce": np.int64(1)}),
        ({"reduce": 2}, {"reduce": np.array(2)}),
        ({"layers": 2}, {"layers": np.uint8(2)}),
        ({"components": [2, 0]}, {"components": np.array([2, 0])}),
        ({"components": [0, 1]}, {"components": range(2)}),
        ({"region": (3, 4, 30, 40)}, {"region": np.array([3, 4, 30, 40])}),
        ({"region": (3, 4, 30, 40)}, {"region": [np.int16(value) for value in (3, 4, 30, 40)]}),
        ({"max_pixels": 9999}, {"max_pixels": np.float64(9999)}),
        ({"threads": 1}, {"threads": np.int8(1)}),
    ]:
        expected = j2klearn.decode(data, **options)
        assert np.array_equal(j2klearn.decode(data, **given), expected), given
        picture = j2klearn.open(data)
        if not {"max_pixels", "threads"} & set(given):
            assert np.array_equal(picture.read(**given), expected)
    with j2klearn.open(data, threads=np.int64(1), max_pixels=np.int64(9999)) as picture:
        assert np.array_equal(picture[np.int64(3), np.array([4, 5])[0] :], picture[3, 4:])
    assert keep_layers(data, np.int64(2)) == keep_layers(memoryview(data), 2)


WRONG = [1.5, "1", None, [], object(), np.array([1.5, 2.5]), np.float64("nan"), float("inf"), 1 + 2j, b"1"]


@pytest.mark.parametrize("name", [*NUMBERS, *TRUTHS])
def test_wrong_options_are_typed_errors(name: str, rgb: NDArray[np.uint8]) -> None:
    image = rgb[:16, :16]
    for value in [*WRONG, -1 if name not in TRUTHS else 2, np.ma.masked]:
        profile = {"profile": "neural"} if name == "quality" else {"model": None}
        with contextlib.suppress(J2KError):
            data = j2klearn.encode(image, **{**profile, name: value})
            assert j2klearn.decode(data).shape == (16, 16, 3)


@pytest.mark.parametrize("name", ["reduce", "layers", "components", "region", "threads", "max_pixels"])
def test_wrong_options_of_reading_are_typed_errors(name: str, rgb: NDArray[np.uint8]) -> None:
    data = j2klearn.encode(rgb[:32, :32], **LOSSLESS)
    for value in [*WRONG, -1, True]:
        with contextlib.suppress(J2KError):
            assert j2klearn.decode(data, **{name: value}).ndim == 3


# Buffers


@pytest.mark.parametrize(
    "kind",
    [
        bytearray,
        memoryview,
        lambda data: memoryview(b"".join(bytes([byte, 0]) for byte in data))[::2],
        lambda data: array.array("B", data),
        lambda data: array.array("b", data),
        lambda data: np.frombuffer(data, np.uint8),
        lambda data: np.frombuffer(data, np.int8),
        lambda data: np.repeat(np.frombuffer(data, np.uint8), 3)[::3],
        lambda data: np.frombuffer(data, np.uint8)[::-1].copy()[::-1],
        lambda data: np.frombuffer(data + bytes(-len(data) % 8), ">u8"),
    ],
)
def test_buffers(kind: Callable[[bytes], Any], rgb: NDArray[np.uint8], tmp_path: Path) -> None:
    image = rgb[:30, :40]
    data = j2klearn.encode(image, **LOSSLESS)
    given = kind(data)
    assert np.array_equal(j2klearn.decode(given), image)
    assert np.array_equal(j2klearn.open(given)[:], image)
    assert j2klearn.info(given).width == 40
    if memoryview(given).nbytes == len(data):  # glymur warns of bytes after the file
        assert np.array_equal(Jp2k(given)[:], image)


def test_memory_maps(rgb: NDArray[np.uint8], tmp_path: Path) -> None:
    image, path = rgb[:30, :40], tmp_path / "a.jp2"
    path.write_bytes(j2klearn.encode(image, **LOSSLESS))
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert np.array_equal(j2klearn.decode(mapped), image)
        assert np.array_equal(Jp2k(mapped)[:], image)
    assert np.array_equal(j2klearn.decode(np.memmap(path, np.uint8, "r")), image)


@pytest.mark.parametrize("given", [3, None, 1.5, object(), [1, 2], {}, True, "", "\0", b"", io.StringIO("a")])
def test_what_is_no_file_is_refused(given: Any) -> None:
    for read in (j2klearn.decode, j2klearn.open, j2klearn.info, lambda given: keep_layers(given, 1)):
        with pytest.raises(CodestreamError) as caught:
            read(given)
        assert "\0" not in str(caught.value)


# Objects travel


def samples_of(picture: Any) -> NDArray[Any]:
    return np.asarray(picture[:])


@pytest.mark.parametrize("profile", ["ordinary", "learned", "neural"])
@pytest.mark.parametrize("place", ["path", "bytes", "bytearray", "file object", "open file", "url", "stream"])
def test_open_pictures_are_pickled(place: str, profile: str, rgb: NDArray[np.uint8], tmp_path: Path) -> None:
    options: dict[str, dict[str, Any]] = {
        "ordinary": LOSSLESS,
        "learned": {"ratio": 8, "fallback": False},
        "neural": {"profile": "neural", "quality": 30},
    }
    path = tmp_path / "a.jp2"
    image = rgb[:16, :16] if profile == "neural" else rgb[:40, :48]
    path.write_bytes(j2klearn.encode(image, **options[profile]))
    sources: dict[str, Callable[[], Any]] = {
        "path": lambda: path,
        "bytes": path.read_bytes,
        "bytearray": lambda: bytearray(path.read_bytes()),
        "file object": lambda: Recorder(path.read_bytes()),
        "open file": lambda: path.open("rb"),
        "url": lambda: f"file://{path}",
        "stream": lambda: __import__("fsspec").open(f"file://{path}", "rb").open(),
    }
    source = sources[place]()
    with j2klearn.open(source, threads=1, max_pixels=5000) as picture:
        plain = picture[:]
        for protocol in (2, 3, 4, 5) if profile == "ordinary" else (5,):
            packed = pickle.dumps(picture, protocol)
            if place in ("path", "open file", "url", "stream"):
                assert len(packed) < 2000  # the place, not the contents
            again = pickle.loads(packed)
            assert np.array_equal(again[:], plain)
            assert (again.shape, again.dtype, again.learned) == (
                picture.shape,
                picture.dtype,
                picture.learned,
            )
        assert np.array_equal(copy.deepcopy(picture)[:], plain)
        assert np.array_equal(copy.copy(picture)[:], plain)
        with pytest.raises(J2KError):
            j2klearn.open(path, max_pixels=9)[:]
        with pytest.raises(J2KError):
            pickle.loads(pickle.dumps(j2klearn.open(path, max_pixels=9)))[:]
    if hasattr(source, "close"):
        source.close()


def test_components_of_unlike_sizes_are_pickled(tmp_path: Path, rgb: NDArray[np.uint8]) -> None:
    Jp2k(tmp_path / "a.jp2", data=rgb[:40, :48], subsam=(2, 2))
    for upsample in (True, False):
        picture = j2klearn.open(tmp_path / "a.jp2", upsample=upsample)
        again = pickle.loads(pickle.dumps(picture))
        assert isinstance(again.read(), list) is not upsample
        assert again.shape == picture.shape


def test_a_file_object_that_cannot_travel_says_so(rgb: NDArray[np.uint8]) -> None:
    stream = io.BytesIO(j2klearn.encode(rgb[:40, :48], **LOSSLESS))
    picture = j2klearn.open(stream)
    stream.close()
    with pytest.raises(CodestreamError, match="cannot be pickled"):
        pickle.dumps(picture)


def test_a_file_that_has_gone(rgb: NDArray[np.uint8], tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    path.write_bytes(j2klearn.encode(rgb[:40, :48], **LOSSLESS))
    with path.open("rb") as stream:
        packed = [pickle.dumps(j2klearn.open(path)), pickle.dumps(j2klearn.open(stream))]
        path.unlink()
        for bytes_ in packed:
            with pytest.raises(CodestreamError, match="No such file"):
                pickle.loads(bytes_)
        # an open file whose path is another file now travels with its contents
        path.write_bytes(b"something else")
        assert np.array_equal(pickle.loads(pickle.dumps(j2klearn.open(stream)))[:], rgb[:40, :48])


def test_spawned_processes_read_open_pictures(rgb: NDArray[np.uint8], tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    path.write_bytes(j2klearn.encode(rgb[:40, :48], **LOSSLESS))
    with path.open("rb") as stream:
        given = [j2klearn.open(source) for source in (path, path.read_bytes(), stream, f"file://{path}")]
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            assert all(np.array_equal(found, rgb[:40, :48]) for found in pool.map(samples_of, given))


def test_options_and_codecs_are_pickled() -> None:
    for given in (
        EncodeOptions(ratio=np.float32(4), tile_size=np.array([32, 64])),
        J2KLearn(ratio=10, channel_axis=np.int64(-1)),
    ):
        assert pickle.loads(pickle.dumps(given)) == given
    with pytest.raises(OptionError):
        EncodeOptions(lossless="yes")
