"""`encode` and `decode` end to end: one learned file serves every resolution, quality and region."""

from __future__ import annotations

import io
import itertools
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

import j2klearn
from j2klearn.codestream.learned_segment import Descriptor
from j2klearn.codestream.main_header import insert_comments, read_main_header
from j2klearn.core.geometry import ceil_div
from j2klearn.errors import (
    CodestreamError,
    InputError,
    LimitError,
    ModelNotFoundError,
    OptionError,
    SegmentError,
    TruncatedWarning,
)
from j2klearn.models.model import Model
from j2klearn.models.registry import DEFAULT_LOSSLESS_MODEL, resolve
from tests.support.judges import psnr
from tests.support.remote import Recorder

KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "tiled": {"tile_size": 100},
    "offset": {"offset": (3, 5), "tile_size": (96, 130), "tile_offset": (1, 2)},
    "precincts": {"precincts": [(128, 128), (64, 64)], "progression": "RPCL", "sop": True, "eph": True},
    "markers": {"plt": True, "tlm": True, "progression": "CPRL", "codeblock_size": (32, 32)},
    "levels 2": {"levels": 2},
    "levels 0": {"levels": 0},
}


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def crop(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return rgb[:161, :241]


@pytest.fixture(scope="module")
def file(kind: str, crop: NDArray[np.uint8]) -> bytes:
    return j2klearn.encode(crop, bpp=[0.5, 1.0, 2.0], **KINDS[kind])


def test_sizes_at_reduced_resolutions(kind: str, file: bytes, crop: NDArray[np.uint8]) -> None:
    y0, x0 = KINDS[kind].get("offset", (0, 0))
    for reduce in range(j2klearn.info(file).levels + 1):
        shape = j2klearn.decode(file, reduce=reduce).shape
        scale = 1 << reduce
        assert shape == (
            ceil_div(y0 + crop.shape[0], scale) - ceil_div(y0, scale),
            ceil_div(x0 + crop.shape[1], scale) - ceil_div(x0, scale),
            3,
        )


def test_quality_rises_with_the_layers(file: bytes, crop: NDArray[np.uint8]) -> None:
    values = [psnr(crop, j2klearn.decode(file, layers=layers)) for layers in (1, 2, 3)]
    assert values == sorted(values)
    assert values[-1] > values[0] + 3
    assert np.array_equal(j2klearn.decode(file, layers=99), j2klearn.decode(file))


@pytest.mark.parametrize(
    "region", [(70, 90, 134, 170), (0, 0, 33, 31), (104, 159, 161, 241), (128, 7, 129, 8)]
)
def test_a_region_is_the_crop_of_the_whole(file: bytes, region: tuple[int, ...]) -> None:
    whole = j2klearn.decode(file).astype(int)
    part = j2klearn.decode(file, region=region)
    y0, x0, y1, x1 = region
    assert part.shape == (y1 - y0, x1 - x0, 3)
    assert np.abs(part - whole[y0:y1, x0:x1]).max() <= 1


def test_a_region_at_a_reduced_resolution(layered: bytes) -> None:
    for reduce, region in itertools.product(range(6), [(64, 96, 160, 320), (11, 13, 257, 383)]):
        whole = j2klearn.decode(layered, reduce=reduce).astype(int)
        y0, x0, y1, x1 = (ceil_div(v, 1 << reduce) for v in region)
        part = j2klearn.decode(layered, reduce=reduce, region=region)
        assert np.abs(part - whole[y0:y1, x0:x1]).max() <= 1


def test_a_region_past_the_edge_is_cut_off(layered: bytes) -> None:
    assert j2klearn.decode(layered, region=(-10, 380, 12, 900)).shape == (12, 3, 3)


def test_a_small_region_of_a_large_picture_is_cheaper(photograph: NDArray[np.uint8]) -> None:
    """Cheaper in network operations and, with precincts and packet lengths, in bytes read."""
    data = j2klearn.encode(
        photograph[200:680, 300:1100], bpp=2, precincts=[(128, 128)], plt=True, model="hybrid97-8p7-dq"
    )

    def convolution(x: Any, weight: Any, *rest: Any, out_shape: Any, **more: Any) -> int:
        return conv_flop_count(x, weight, out_shape)

    def cost(**how: Any) -> tuple[int, int]:
        file = Recorder(data)
        direct = {torch.ops.aten.mkldnn_convolution: convolution}  # in float32
        with FlopCounterMode(display=False, custom_mapping=direct) as counter:
            j2klearn.decode(file, threads=1, engine="torch", **how)
        return counter.get_total_flops(), file.bytes

    operations, read = cost()
    fewer_operations, less = cost(region=(200, 300, 240, 340))
    assert 0 < fewer_operations < 0.1 * operations
    assert less < 0.7 * read


@pytest.mark.parametrize("bpp", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("model", ["hybrid97-9c-compact", None])
def test_bpp_counts_the_whole_file(rgb: NDArray[np.uint8], bpp: float, model: str | None) -> None:
    size = len(j2klearn.encode(rgb, bpp=bpp, model=model))
    wanted = bpp * rgb.shape[0] * rgb.shape[1] / 8
    assert 0.97 * wanted - 50 <= size <= wanted


def test_ratio_is_that_of_the_samples(grey16: NDArray[np.uint16]) -> None:
    assert len(j2klearn.encode(grey16, ratio=16)) == pytest.approx(grey16.nbytes / 16, rel=0.04)
    assert len(j2klearn.encode(grey16)) == pytest.approx(grey16.nbytes / 20, rel=0.04)


@pytest.mark.parametrize("model", ["hybrid97-9c-compact", None])
def test_psnr_is_met(rgb: NDArray[np.uint8], grey16: NDArray[np.uint16], model: str | None) -> None:
    for wanted in (32, 45):
        reached = psnr(rgb, j2klearn.decode(j2klearn.encode(rgb, psnr=wanted, model=model)))
        assert reached == pytest.approx(wanted, abs=0.1)
    reached = psnr(grey16, j2klearn.decode(j2klearn.encode(grey16, psnr=38, model=model)), 65535)
    assert reached == pytest.approx(38, abs=0.1)


@pytest.mark.parametrize("model", ["hybrid97-9c-compact", None])
def test_every_layer_meets_its_psnr(photograph: NDArray[np.uint8], model: str | None) -> None:
    image = photograph[300:684, 700:1212]
    data = j2klearn.encode(image, psnr=[31, 36], model=model)
    for layer, wanted in ((1, 31), (2, 36)):
        assert psnr(image, j2klearn.decode(data, layers=layer)) == pytest.approx(wanted, abs=0.1)


@pytest.mark.parametrize("channels", [1, 3])
def test_without_learned_steps_it_is_openjpegs_9_7(photograph: NDArray[np.uint8], channels: int) -> None:
    """With identity operators, the PSNR is within 0.05 dB of OpenJPEG's 9/7 at equal bytes."""
    shipped = resolve("hybrid97-9c-compact")
    network = shipped.build()
    for operator in (network.h2l, network.l2h):
        operator.proposal.weight.zero_()
    identity = Model.of(network, shipped.config, {"name": "identity"})
    image = photograph[300:812, 700:1412]
    image = image if channels == 3 else image[:, :, 1]
    for bpp in (0.25, 4.0) if channels == 1 else (1.0,):
        ordinary = psnr(image, j2klearn.decode(j2klearn.encode(image, bpp=bpp, model=None)))
        learned = psnr(
            image, j2klearn.decode(j2klearn.encode(image, bpp=bpp, model=identity), model=identity)
        )
        assert learned > ordinary - 0.05


def test_learned_beats_the_9_7_on_a_photograph() -> None:
    from skimage import data

    image = data.astronaut()
    values = [
        psnr(image, j2klearn.decode(j2klearn.encode(image, bpp=0.5, model=m)))
        for m in ("hybrid97-9c-compact", None)
    ]
    assert values[0] > values[1] + 0.1


@pytest.fixture(scope="module")
def at_8_bits(rgb: NDArray[np.uint8]) -> dict[float, float]:
    """PSNR of the picture with 8 bits by its rate, with the choice of the transform, and without it."""
    how: dict[float, dict[str, Any]] = {4: {}, 2: {"fallback": False}}
    return {bpp: psnr(rgb, j2klearn.decode(j2klearn.encode(rgb, bpp=bpp, **how[bpp]))) for bpp in how}


@pytest.mark.parametrize("depth", [10, 12, 16])
def test_bit_depths(rgb: NDArray[np.uint8], at_8_bits: dict[float, float], depth: int) -> None:
    image = rgb.astype(np.uint16) << (depth - 8)
    data = j2klearn.encode(image, bpp=4, bit_depth=depth)
    back = j2klearn.decode(data)
    assert back.dtype == image.dtype
    assert j2klearn.info(data).precision == depth
    peak = (1 << depth) - 1
    assert psnr(image, back, peak) > 38
    # the same picture with more bits has the same quality, or a better one: the low bits are zero
    assert psnr(image, back, peak) > at_8_bits[4] - 0.5
    learned = j2klearn.decode(j2klearn.encode(image, bpp=2, bit_depth=depth, fallback=False))
    assert psnr(image, learned, peak) == pytest.approx(at_8_bits[2], abs=0.5)


@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from([(), (3,)]), st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_tiny_pictures(height: int, width: int, channels: tuple[int, ...], seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, *channels)).astype(np.uint8)
    back = j2klearn.decode(j2klearn.encode(image, bpp=3000))
    assert back.shape == image.shape
    assert psnr(image, back) > 40


def test_constant_pictures() -> None:
    for value in (0, 100, 255):
        image = np.full((50, 60, 3), value, np.uint8)
        assert np.array_equal(j2klearn.decode(j2klearn.encode(image, bpp=0.5)), image)


def test_lossless_without_a_model(rgb: NDArray[np.uint8], grey16: NDArray[np.uint16]) -> None:
    for image in (rgb, grey16, rgb[:1, :1], rgb[:3, :3]):
        data = j2klearn.encode(image, lossless=True, model=None, layers=3)
        assert np.array_equal(j2klearn.decode(data), image)
        assert not j2klearn.info(data).learned


def test_sources(tmp_path: Path, layered: bytes) -> None:
    path = tmp_path / "picture.jp2"
    path.write_bytes(layered)
    whole = j2klearn.decode(layered)
    for source in (path, str(path), io.BytesIO(layered), bytearray(layered), memoryview(layered)):
        assert np.array_equal(j2klearn.decode(source), whole)
    with pytest.raises(CodestreamError, match="No such file"):
        j2klearn.decode(tmp_path / "missing.jp2")
    with pytest.raises(CodestreamError, match="bytes"):
        j2klearn.decode(io.StringIO("text"))


def test_bare_codestream(rgb: NDArray[np.uint8]) -> None:
    data = j2klearn.encode(rgb, bpp=1, jp2=False)
    assert data[:4] == b"\xff\x4f\xff\x51"
    assert not j2klearn.info(data).jp2
    assert psnr(rgb, j2klearn.decode(data)) > 25


def test_same_bytes_from_any_number_of_threads(grey: NDArray[np.uint8]) -> None:
    assert j2klearn.encode(grey, bpp=1, threads=1) == j2klearn.encode(grey, bpp=1, threads=3)


def test_concurrent_use(layered: bytes) -> None:
    regions = [(y, x, y + 40, x + 50) for y in (0, 90, 200) for x in (0, 150, 300)] * 3
    serial = [j2klearn.decode(layered, region=region) for region in regions]
    with ThreadPoolExecutor(8) as pool:
        parallel = list(pool.map(lambda region: j2klearn.decode(layered, region=region), regions))
    assert all(np.array_equal(a, b) for a, b in zip(serial, parallel, strict=True))


def test_progress_rises_to_one(rgb: NDArray[np.uint8]) -> None:
    seen: list[float] = []
    data = j2klearn.encode(rgb, bpp=1, progress=lambda share, stage: seen.append(share))
    assert seen == sorted(seen)
    assert seen[-1] == 1
    seen.clear()
    j2klearn.decode(data, progress=lambda share, stage: seen.append(share))
    assert seen == sorted(seen)
    assert seen[-1] == 1


class TestModels:
    """Files made with models that are not shipped."""

    @pytest.fixture
    def private(self) -> Model:
        shipped = resolve("hybrid97-9c-compact")
        network = shipped.build()
        network.h2l.proposal.weight.mul_(0.5)
        return Model.of(network, shipped.config, {"name": "private"})

    def test_embedded_model_opens_anywhere(self, rgb: NDArray[np.uint8], private: Model) -> None:
        weights = 8 * len(private.to_bytes()) / rgb[:, :, 0].size  # bits per pixel
        data = j2klearn.encode(rgb, bpp=1 + weights, model=private, embed_model=True)
        without = j2klearn.encode(rgb, bpp=1, model=private)
        assert psnr(rgb, j2klearn.decode(data)) == pytest.approx(
            psnr(rgb, j2klearn.decode(without, model=private)), abs=0.2
        )
        facts = j2klearn.info(data)
        assert (facts.model, facts.model_embedded, facts.model_id) == ("private", True, private.id.hex())

    def test_missing_model_is_named(self, rgb: NDArray[np.uint8], private: Model, tmp_path: Path) -> None:
        data = j2klearn.encode(rgb, bpp=1, model=private)
        with pytest.raises(ModelNotFoundError, match=private.id.hex()):
            j2klearn.decode(data)
        assert "NOT installed" in str(j2klearn.info(data))
        path = tmp_path / "private.safetensors"
        path.write_bytes(private.to_bytes())
        assert psnr(rgb, j2klearn.decode(data, model=path)) > 25

    def test_unknown_name(self, rgb: NDArray[np.uint8]) -> None:
        with pytest.raises(ModelNotFoundError, match="hybrid97-9c-compact"):
            j2klearn.encode(rgb, model="no-such-model")


class TestRefusals:
    """Invalid input and options raise a typed exception with one sentence."""

    @pytest.mark.parametrize(
        ("error", "options"),
        [
            (OptionError, {"lossless": True, "model": "hybrid97-9c-compact"}),
            (OptionError, {"model": DEFAULT_LOSSLESS_MODEL}),
            (OptionError, {"bpp": [None, 1]}),
            (OptionError, {"bpp": [None]}),
            (OptionError, {"psnr": [30, None]}),
            (OptionError, {"bpp": [2, 1, None]}),
            (OptionError, {"bpp": 1, "psnr": 40}),
            (OptionError, {"model": None, "embed_model": True}),
            (OptionError, {"progression": "ABCD"}),
            (OptionError, {"levels": 33}),
            (OptionError, {"levels": -1}),
            (OptionError, {"levels": 2.5}),
            (OptionError, {"tile_size": 0}),
            (OptionError, {"tile_size": (1, 2, 3)}),
            (OptionError, {"tile_size": "512"}),
            (OptionError, {"codeblock_size": (48, 64)}),
            (OptionError, {"offset": (-1, 0)}),
            (OptionError, {"tile_offset": (5, 5), "tile_size": 64}),
            (OptionError, {"mode_switches": 64}),
            (OptionError, {"threads": -1}),
            (LimitError, {"max_pixels": 1000}),
        ],
    )
    def test_encode(self, grey: NDArray[np.uint8], error: type[Exception], options: dict[str, Any]) -> None:
        with pytest.raises(error) as caught:
            j2klearn.encode(grey, **options)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        "image", [np.zeros((4, 4, 256), np.uint8), np.zeros((0, 3), np.uint8), np.full((4, 4), np.nan)]
    )
    def test_pictures(self, image: NDArray[Any]) -> None:
        with pytest.raises(InputError):
            j2klearn.encode(image, bpp=1)

    @pytest.mark.parametrize(
        ("error", "options"),
        [
            (OptionError, {"reduce": 6}),
            (OptionError, {"reduce": -1}),
            (OptionError, {"layers": -1}),
            (OptionError, {"region": (0, 0, 0, 10)}),
            (OptionError, {"region": (10, 10, 5, 20)}),
            (OptionError, {"region": (1000, 1000, 1010, 1010)}),
            (OptionError, {"region": (1, 2, 3)}),
            (OptionError, {"region": "all"}),
            (OptionError, {"region": (65, 65, 66, 66), "reduce": 3}),
            (LimitError, {"max_pixels": 1000}),
        ],
    )
    def test_decode(self, layered: bytes, error: type[Exception], options: dict[str, Any]) -> None:
        with pytest.raises(error):
            j2klearn.decode(layered, **options)

    def test_limit_is_that_of_what_is_decoded(self, layered: bytes) -> None:
        assert j2klearn.decode(layered, reduce=3, max_pixels=5000).shape == (33, 48, 3)

    @pytest.mark.parametrize(
        "data", [b"", b"x", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"PNG" * 99]
    )
    def test_no_picture(self, data: bytes) -> None:
        with pytest.raises(CodestreamError):
            j2klearn.decode(data)
        with pytest.raises(CodestreamError):
            j2klearn.info(data)


def test_truncated_files_decode_to_what_is_there(layered: bytes, rgb: NDArray[np.uint8]) -> None:
    previous = 0.0
    for share in (0.3, 0.6, 0.9):
        with pytest.warns(TruncatedWarning):
            value = psnr(rgb, j2klearn.decode(layered[: int(share * len(layered))]))
        assert value > previous + 0.5
        previous = value


def test_every_cut_of_the_header_is_an_error(rgb: NDArray[np.uint8]) -> None:
    data = j2klearn.encode(rgb[:32, :32], bpp=2, fallback=False)
    start_of_tile = data.index(b"\xff\x90")
    for end in range(start_of_tile):
        with pytest.raises(CodestreamError):
            j2klearn.decode(data[:end])


def test_a_damaged_segment_is_an_error(rgb: NDArray[np.uint8]) -> None:
    data = j2klearn.encode(rgb[:32, :32], bpp=2, fallback=False)
    at = data.index(b"J2KL")
    for offset in range(4, 50):
        broken = bytearray(data)
        broken[at + offset] ^= 0x10
        with pytest.raises(SegmentError):
            j2klearn.decode(bytes(broken))


def test_a_segment_that_contradicts_the_header_is_an_error(
    rgb: NDArray[np.uint8], grey: NDArray[np.uint8]
) -> None:
    """The learned-transform segment of one file in another file."""
    # without the noise tables
    plain = {"model": "hybrid97-9c-compact", "jp2": False, "fallback": False}
    two = np.ascontiguousarray(rgb[:32, :32, :2])
    first, second = (j2klearn.encode(image, bpp=4, **plain) for image in (two, grey[:32, :32]))
    segments = [data[data.index(b"J2KL") : data.index(b"\xff\x90")] for data in (first, second)]
    assert len(segments[0]) == len(segments[1])
    with pytest.raises(SegmentError, match="contradicts"):
        j2klearn.decode(second.replace(segments[1], segments[0]))


@pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="reads the memory in use from Linux's /proc"
)
def test_memory_does_not_grow(rgb: NDArray[np.uint8]) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    image = rgb[:48, :48]
    sizes = []
    for rounds in (10, 20, 30, 30):
        for _ in range(rounds):
            data = j2klearn.encode(image, bpp=2, threads=1)
            j2klearn.decode(data, threads=1)
            j2klearn.decode(data, region=(3, 3, 20, 20), threads=1)
        sizes.append(resident())
    assert sizes[-1] - sizes[1] < 3 << 19


def test_subband_scales_of_a_segment_are_undone(rgb: NDArray[np.uint8]) -> None:
    """No encoder writes them yet, but version 1 of the format defines them."""
    stream = j2klearn.encode(rgb, bpp=2, jp2=False)
    comment = read_main_header(stream).comments[0]
    bare = stream[: comment.offset] + stream[comment.offset + comment.length :]
    descriptor = Descriptor.from_bytes(comment.data)

    def scaled(factor: float) -> bytes:
        return insert_comments(bare, [replace(descriptor, scales=(factor,) * 16).to_bytes()])

    whole = j2klearn.decode(stream)
    assert np.array_equal(j2klearn.decode(scaled(1.0)), whole)
    halved = j2klearn.decode(scaled(2.0))
    luma, faint = (picture.astype(float) @ np.array([0.299, 0.587, 0.114]) for picture in (whole, halved))
    assert np.abs(faint - (128 + (luma - 128) / 2)).mean() < 1
    for reduce in range(6):
        part = j2klearn.decode(scaled(2.0), region=(64, 96, 128, 192), reduce=reduce).astype(int)
        y0, x0, y1, x1 = (ceil_div(v, 1 << reduce) for v in (64, 96, 128, 192))
        assert np.abs(part - j2klearn.decode(scaled(2.0), reduce=reduce)[y0:y1, x0:x1]).max() <= 1


def test_damage_is_an_error_or_a_picture(rgb: NDArray[np.uint8]) -> None:
    """Flipped bits anywhere in a file give a typed error, or a picture with or without a warning."""
    data = j2klearn.encode(rgb[:64, :64], bpp=3)
    generator = np.random.default_rng(5)
    errors = 0
    for _ in range(150):
        broken = bytearray(data)
        # in the header half of the time
        end = 250 if generator.integers(2) else len(data)
        broken[generator.integers(end)] ^= 1 << generator.integers(8)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                j2klearn.decode(bytes(broken), max_pixels=100_000)
        except j2klearn.errors.J2KError:
            errors += 1
    assert errors > 20


def test_import_is_quick() -> None:
    """Slow imports are deferred until they are needed."""
    code = "import sys, j2klearn; assert not {'torch', 'glymur', 'scipy', 'skimage'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_ordinary_files_take_either_wavelet(grey):
    by_wavelet = {name: j2klearn.encode(grey, bpp=1.0, model=None, wavelet=name) for name in ("9-7", "5-3")}
    for name, data in by_wavelet.items():
        assert j2klearn.info(data).wavelet == name
        assert len(data) * 8 <= grey.size
    assert j2klearn.encode(grey, bpp=1.0, model=None) == by_wavelet["9-7"]
    for wrong in ({"model": None, "wavelet": "haar"}, {"wavelet": "9-7"}):
        with pytest.raises(OptionError, match="wavelet"):
            j2klearn.encode(grey, bpp=1.0, **wrong)
    with pytest.raises(OptionError, match="lossless"):
        j2klearn.encode(grey, lossless=True, model=None, wavelet="9-7")
