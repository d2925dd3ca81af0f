"""The codec for numcodecs, and the chunks that both codecs write."""

from __future__ import annotations

import io
import itertools
import json
import pickle
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import glymur
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp
from numcodecs import get_codec
from numpy.typing import NDArray
from PIL import Image

from j2klearn import arrays
from j2klearn.arrays import J2KLearn, chunk
from j2klearn.arrays.axes import Axes
from j2klearn.arrays.frame import unpack
from j2klearn.errors import (
    CodestreamError,
    InputError,
    J2KError,
    ModelNotFoundError,
    OptionError,
    UnsupportedError,
)
from j2klearn.models.registry import DEFAULT_MODEL
from tests.support.judges import psnr
from tests.support.paths import GOLDEN
from tests.support.small_models import small_model

DTYPES = ["u1", "<u2", ">u2", "i1", "<i2", ">i2"]


@st.composite
def stacks(draw):
    """An array of pictures, and the options that name its axes."""
    shape = draw(stnp.array_shapes(min_dims=2, max_dims=4, max_side=9))
    array = draw(stnp.arrays(draw(st.sampled_from(DTYPES)), shape))
    roles = draw(st.permutations(range(len(shape))))
    options = {}
    if draw(st.booleans()):
        options["axes"] = list(roles[:2])
    if len(shape) > 2 and draw(st.booleans()):
        options["channel_axis"] = roles[2] - draw(st.sampled_from([0, len(shape)]))
    return draw(st.sampled_from([array, np.asfortranarray(array), array[::-1], array[..., ::-1]])), options


@settings(deadline=None, max_examples=150)
@given(stacks())
def test_every_array_comes_back(case):
    array, options = case
    codec = get_codec({"id": "j2klearn", **options})
    decoded = codec.decode(codec.encode(array))
    assert (decoded.shape, decoded.dtype.str) == (array.shape, array.dtype.str)
    assert np.array_equal(decoded, array)
    # code that flattens in memory order gets the elements in their original order
    in_fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    assert decoded.flags.f_contiguous if in_fortran else decoded.flags.c_contiguous


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (3, 1, 1), (256, 2, 3), (2, 300, 4, 5)])
def test_small_and_many_pictures(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(2).integers(0, 65536, shape).astype(np.uint16)
    codec = J2KLearn()
    assert np.array_equal(codec.decode(codec.encode(array)), array)


def test_more_planes_than_components_are_spread_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = J2KLearn()
    array = np.arange(300 * 12, dtype=np.uint16).reshape(300, 3, 4)
    _, codestreams = unpack(codec.encode(array))
    assert len(codestreams) == 2
    monkeypatch.setattr(chunk, "_MAX_SAMPLES", 100 * 12)
    _, codestreams = unpack(codec.encode(array))
    assert len(codestreams) == 3
    assert np.array_equal(codec.decode(codec.encode(array)), array)


def test_lossy_chunks_are_learned(rgb: NDArray[np.uint8], grey16: NDArray[np.uint16]) -> None:
    codec = J2KLearn(ratio=15, channel_axis=-1)
    assert codec.get_config() == {
        "id": "j2klearn",
        "lossless": False,
        "model": DEFAULT_MODEL,
        "ratio": 15,
        "channel_axis": -1,
    }
    stack = np.stack([rgb, rgb[::-1]])
    coded = codec.encode(stack)
    assert len(coded) < stack.nbytes / 15 + 200
    learned = psnr(stack, codec.decode(coded))
    ordinary = J2KLearn(ratio=15, channel_axis=-1, model=None)
    assert learned > psnr(stack, ordinary.decode(ordinary.encode(stack))) + 0.15
    planes = J2KLearn(psnr=40)
    assert psnr(grey16, planes.decode(planes.encode(grey16)), 65535) == pytest.approx(40, abs=0.15)


def test_bpp_is_that_of_each_plane(grey: NDArray[np.uint8]) -> None:
    codec = J2KLearn(bpp=0.5)
    one, four = codec.encode(grey), codec.encode(np.stack([grey] * 4))
    assert len(four) == pytest.approx(4 * len(one), rel=0.1)


def test_options_reach_the_coder(grey: NDArray[np.uint8], rgb: NDArray[np.uint8]) -> None:
    def header(array, **options):
        codestream = unpack(J2KLearn(**options).encode(array))[1][0]
        return chunk.read_main_header(codestream)

    assert header(grey, levels=2).levels == 2
    assert header(grey.astype(np.uint16), bit_depth=10).precisions == (10,)
    assert header(rgb, channel_axis=2).component_transform
    assert not header(rgb, channel_axis=2, component_transform=False).component_transform
    assert not header(rgb, axes=(0, 1)).component_transform
    assert header(rgb[..., [0, 1, 2, 0, 1]], channel_axis=2).component_transform is False
    deep = J2KLearn(bit_depth=10)
    twelve = grey.astype(np.uint16) * 4
    assert np.array_equal(deep.decode(deep.encode(twelve)), twelve)


def test_other_readers_show_the_first_picture(grey: NDArray[np.uint8], tmp_path: Path) -> None:
    coded = J2KLearn().encode(grey)
    with Image.open(io.BytesIO(coded)) as shown:
        assert np.array_equal(np.asarray(shown), grey)
    (tmp_path / "chunk.j2k").write_bytes(coded)
    assert np.array_equal(glymur.Jp2k(tmp_path / "chunk.j2k")[:], grey)


def test_out(grey: NDArray[np.uint8]) -> None:
    codec = J2KLearn()
    coded = codec.encode(grey)
    out = np.zeros_like(grey)
    assert codec.decode(memoryview(coded), out=out) is out
    assert np.array_equal(out, grey)
    flat = bytearray(grey.nbytes)
    codec.decode(coded, out=flat)
    assert bytes(flat) == grey.tobytes()
    locked = np.zeros_like(grey)
    locked.flags.writeable = False
    for bad in (np.zeros(3, np.uint8), locked):
        with pytest.raises(InputError, match="out has to be a buffer"):
            codec.decode(coded, out=bad)


def test_arrays_stay_as_they_are(grey: NDArray[np.uint8]) -> None:
    locked = grey.copy()
    locked.flags.writeable = False
    before = locked.tobytes()
    codec = J2KLearn()
    assert np.array_equal(codec.decode(codec.encode(locked)), grey)
    assert locked.tobytes() == before
    assert codec.decode(codec.encode(locked)).flags.writeable


def test_configurations_round_trip() -> None:
    for options in (
        {},
        {"ratio": 8.5},
        {"bpp": 1, "model": None},
        {"psnr": 40, "model": DEFAULT_MODEL, "embed_model": True},
        {"lossless": False},
        {"axes": (0, -1), "channel_axis": 1, "component_transform": False, "levels": 2, "bit_depth": 12},
    ):
        codec = J2KLearn(**options)
        config = json.loads(json.dumps(codec.get_config()))
        assert get_codec(config) == codec
        assert hash(get_codec(config)) == hash(codec)
        assert pickle.loads(pickle.dumps(codec)) == codec
        assert repr(codec).startswith("J2KLearn(lossless=")
    assert J2KLearn(lossless=False).ratio == 20
    assert J2KLearn(bpp=np.float32(0.5)).get_config()["bpp"] == 0.5


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"ratios": 20}, OptionError, "no option 'ratios'"),
        ({"ratio": 20, "bpp": 1}, OptionError, "contradict"),
        ({"ratio": 20, "lossless": True}, OptionError, "contradict"),
        ({"ratio": "20"}, OptionError, "ratio is a number"),
        ({"psnr": [30, 40]}, OptionError, "psnr is a number"),
        ({"bpp": -1}, OptionError, "positive"),
        ({"bpp": True}, OptionError, "bpp is a number"),
        ({"lossless": 1}, OptionError, "lossless is true or false"),
        ({"lossless": True, "model": "9-7"}, J2KError, "model"),
        ({"ratio": 20, "model": "no such model"}, ModelNotFoundError, "no such model"),
        ({"ratio": 20, "model": 3}, OptionError, "a name or a path"),
        ({"embed_model": True}, OptionError, "embed_model needs a model"),
        ({"levels": 40}, OptionError, "levels is an integer from 0 to 14"),
        ({"levels": True}, OptionError, "levels is an integer"),
        ({"bit_depth": 17}, OptionError, "bit_depth is an integer from 1 to 16"),
        ({"axes": [1]}, OptionError, "axes are two integers"),
        ({"axes": "yx"}, OptionError, "axes are two integers"),
        ({"axes": [0, 1.5]}, OptionError, "axes are two integers"),
        ({"channel_axis": "c"}, OptionError, "channel_axis is an integer"),
        ({"component_transform": True}, OptionError, "needs channel_axis"),
    ],
)
def test_bad_options(options: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        get_codec({"id": "j2klearn", **options})


@pytest.mark.parametrize(
    ("array", "options", "error", "message"),
    [
        (np.zeros((4, 4), np.float32), {}, InputError, "not float32"),
        (np.zeros((4, 4), np.uint32), {}, InputError, "not uint32"),
        (np.zeros(16, np.uint8), {}, InputError, "1 axes"),
        (b"raw bytes", {}, InputError, "1 axes"),
        (np.zeros((4, 4), np.uint8), {"channel_axis": -1}, InputError, "rows, columns and channels"),
        (np.zeros((4, 4, 256), np.uint8), {"channel_axis": -1}, InputError, "at most 255 channels"),
        (np.zeros((4, 4, 2), np.uint8), {"axes": (0, 3)}, OptionError, "the axis 3"),
        (np.zeros((4, 4, 2), np.uint8), {"axes": (1, -2)}, OptionError, "two roles"),
        (np.zeros((4, 4, 2), np.uint8), {"axes": (1, 2), "channel_axis": -1}, OptionError, "two roles"),
        (
            np.zeros((4, 4, 2), np.uint8),
            {"channel_axis": -1, "component_transform": True},
            OptionError,
            "three",
        ),
        (np.zeros((4, 4), np.uint8), {"levels": 3}, OptionError, "too small for 3 levels"),
        (np.zeros((4, 4), np.uint8), {"bit_depth": 9}, OptionError, "is more than the"),
        (np.full((4, 4), 16, np.uint8), {"bit_depth": 4}, InputError, "more than 4 bits"),
        (np.zeros((0, 4), np.uint8), {}, InputError, "empty"),
        (np.zeros((0, 4, 4), np.uint8), {}, InputError, "empty"),
    ],
)
def test_bad_arrays(array: object, options: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        J2KLearn(**options).encode(array)


def test_damage_is_seen(grey: NDArray[np.uint8]) -> None:
    codec = J2KLearn()
    coded = codec.encode(grey[:64, :64])
    for length in [0, 1, 10, len(coded) // 2, *range(len(coded) - 80, len(coded))]:
        with pytest.raises(CodestreamError, match="cut off"):
            codec.decode(coded[:length])
    for at in [*range(0, len(coded), 37), *range(len(coded) - 80, len(coded))]:
        damaged = bytearray(coded)
        damaged[at] ^= 0x10
        with pytest.raises(CodestreamError):
            codec.decode(damaged)
    with pytest.raises(CodestreamError, match="not written by this codec"):
        codec.decode(b"\xff\x4f\xff\x51" + bytes(100))


def _forged(coded: bytes, at: int, value: bytes) -> bytes:
    """Return a chunk with bytes of its footer replaced, and a valid checksum."""
    body = bytearray(coded[:-12])
    body[at : at + len(value)] = value
    return bytes(body) + struct.pack(">I", zlib.crc32(body)) + coded[-8:]


def test_footers_that_lie(grey: NDArray[np.uint8]) -> None:
    codec = J2KLearn()
    coded = codec.encode(grey[:64, :48])
    footer = len(coded) - 12 - (9 + 8 + 4 + 8)  # head, shape, count, lengths
    for at, value in [
        (2, b"|i1"),
        (2, b"<f2"),
        (2, b"\xff\xff\xff"),
        (2, b"|V1"),
        (5, b"\x03"),
        (6, b"\x01"),
        (8, b"\x01"),
        (9, bytes(4)),
        (9, b"\x00\x00\x00\x41"),
        (9, b"\xff\xff\xff\xff"),
        (9, b"\x00\x00\x00\x30\x00\x00\x00\x40"),  # 48 x 64
        (17, b"\x00\x00\x00\x02"),
        (17, b"\xff\xff\xff\xff"),
        (21, b"\xff" * 8),
    ]:
        with pytest.raises(CodestreamError):
            codec.decode(_forged(coded, footer + at, value))
    with pytest.raises(UnsupportedError, match="version 2"):
        codec.decode(_forged(coded, footer, b"\x02"))
    with pytest.raises(CodestreamError):
        codec.decode(_forged(coded, 0, b"\x00\x00"))
    with pytest.raises(CodestreamError):  # a footer longer than the chunk
        codec.decode(coded[:-8] + b"\x7f\xff\xff\xff" + coded[-4:])


def test_reading_needs_none_of_the_options(rgb: NDArray[np.uint8]) -> None:
    """The chunk stores the roles of its axes."""
    odd = rgb.transpose(2, 1, 0)[:, :40, :30]
    coded = J2KLearn(axes=(2, 1), channel_axis=0).encode(odd)
    assert np.array_equal(J2KLearn(ratio=3).decode(coded), odd)


def test_private_models(tmp_path: Path, grey: NDArray[np.uint8]) -> None:
    path = tmp_path / "private.safetensors"
    path.write_bytes(small_model("hybrid97").to_bytes())
    codec = J2KLearn(ratio=10, model=path)
    config = codec.get_config()
    assert config["model"] == str(path)
    carried = json.loads(json.dumps(J2KLearn(ratio=10, model=path, embed_model=True).get_config()))
    coded = codec.encode(grey)
    decoded = get_codec(config).decode(coded)
    path.unlink()
    for without in (J2KLearn(), codec):
        with pytest.raises(ModelNotFoundError):
            without.decode(coded)
    with pytest.raises(ModelNotFoundError):
        get_codec(config)
    codec = get_codec(carried)
    assert codec.get_config() == carried
    assert len(repr(codec)) < 400
    assert np.array_equal(codec.decode(coded), decoded)
    assert codec.encode(grey) == coded
    for weights in ("?", "AAAA", 3, carried["weights"][:-40]):
        with pytest.raises(J2KError):
            get_codec({**carried, "weights": weights})
    with pytest.raises(OptionError, match="go with embed_model"):
        get_codec({**carried, "embed_model": False})


def test_threads_share_a_codec(grey: NDArray[np.uint8]) -> None:
    exact, learned = J2KLearn(), J2KLearn(ratio=8)
    pictures = [np.roll(grey[:96, :96], shift, axis=1) for shift in range(8)]
    alone = [learned.encode(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        coded = list(pool.map(exact.encode, pictures))
        assert list(pool.map(learned.encode, pictures)) == alone
        for decoded, picture in zip(pool.map(exact.decode, coded), pictures, strict=True):
            assert np.array_equal(decoded, picture)


@pytest.mark.parametrize(("order", "dtype"), list(itertools.product("CF", ["|u1", "<u2", ">u2", "<i2"])))
def test_zarr_2_arrays(order: str, dtype: str, tmp_path: Path) -> None:
    info = np.iinfo(np.dtype(dtype))
    values = np.random.default_rng(3).integers(info.min, info.max, (7, 33, 20), endpoint=True).astype(dtype)
    array = zarr.create_array(
        tmp_path / "a.zarr",
        shape=values.shape,
        chunks=(3, 16, 16),
        dtype=dtype,
        order=order,
        compressors=J2KLearn(),
        fill_value=5,
        zarr_format=2,
    )
    array[:5] = values[:5]
    again = zarr.open_array(tmp_path / "a.zarr", mode="r+")
    assert np.array_equal(again[:5], values[:5])
    assert (again[6] == 5).all()
    again[:] = values
    assert np.array_equal(zarr.open_array(tmp_path / "a.zarr")[:], values)


def test_the_entry_point_is_enough() -> None:
    script = (
        "import sys, numpy as np, numcodecs;"
        "codec = numcodecs.get_codec({'id': 'j2klearn'});"
        "assert codec.decode(codec.encode(np.eye(9, dtype='u1'))).trace() == 9;"
        "assert 'zarr' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)


def test_the_package_alone_imports_none_of_them() -> None:
    script = (
        "import sys, j2klearn, j2klearn.arrays; dir(j2klearn.arrays); j2klearn.encode;"
        "print([name for name in ('zarr', 'numcodecs', 'dask') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "[]"


def test_axes() -> None:
    assert Axes.of(2) == Axes(2, 0, 1, None)
    assert Axes.of(4) == Axes(4, 2, 3, None)
    assert Axes.of(4, channel_axis=-1) == Axes(4, 1, 2, 3)
    assert Axes.of(3, channel_axis=0) == Axes(3, 1, 2, 0)
    assert Axes.of(4, (0, -1), 1) == Axes(4, 0, 3, 1)
    array = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    stack = Axes.of(4, (1, 3)).stack(array)
    assert np.array_equal(stack[1 * 4 + 2], array[1, :, 2, :])
    with pytest.raises(AttributeError):
        arrays.nothing  # noqa: B018


def test_golden_chunk_of_bool() -> None:
    chunk = (GOLDEN / "arrays" / "v1-bool.chunk").read_bytes()
    expected = np.load(GOLDEN / "arrays" / "v1-bool.npy")
    found = J2KLearn().decode(chunk)
    assert found.dtype == np.bool_
    assert found.flags.f_contiguous
    assert np.array_equal(found, expected)
    out = np.empty(expected.shape, np.bool_, order="F")
    assert J2KLearn().decode(J2KLearn(lossless=True).encode(expected), out=out) is out
    assert np.array_equal(out, expected)


@pytest.mark.parametrize("wrong", [None, 3, "text", [[1, 2]], object()])
def test_what_is_no_buffer(wrong: object) -> None:
    with pytest.raises(InputError):
        J2KLearn().encode(wrong)
    with pytest.raises(CodestreamError):
        J2KLearn().decode(wrong)
    with pytest.raises(InputError):
        J2KLearn().decode(J2KLearn().encode(np.zeros((9, 9), np.uint8)), out=object())


@pytest.mark.parametrize("dtype", ["|u1", "<u2", ">u2"])
@pytest.mark.parametrize("encoded", "CF")
@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("swapped", [False, True])
def test_out_of_another_memory_order(dtype: str, encoded: str, order: str, swapped: bool) -> None:
    values = np.arange(12 * 20).reshape(12, 20) * 273 % 65536
    array = np.asarray(values.astype(dtype), order=encoded)
    kind = array.dtype.newbyteorder() if swapped else array.dtype
    out = np.zeros(array.shape, kind, order=order)
    codec = J2KLearn()
    assert codec.decode(codec.encode(array), out=out) is out
    assert np.array_equal(out, array)
    strided = np.zeros((24, 40), kind)[::2, ::-2]
    codec.decode(codec.encode(array), out=strided)
    assert np.array_equal(strided, array)


def test_out_that_holds_objects(grey: NDArray[np.uint8]) -> None:
    codec = J2KLearn()
    out = np.zeros(8, object)
    with pytest.raises(InputError, match="out has to be a buffer"):
        codec.decode(codec.encode(grey[:8, :8]), out=out)


@pytest.mark.parametrize("config", [None, "j2klearn", [1]])
def test_configurations_that_are_no_objects(config: object) -> None:
    with pytest.raises(OptionError, match="is an object"):
        J2KLearn.from_config(config)
