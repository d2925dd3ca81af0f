"""Lossless learned files: exact in every shape, in layers, in regions, and never larger than those of the 5/3."""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import j2klearn
from j2klearn.api.encode_file import encode_file_with
from j2klearn.api.options import EncodeOptions
from j2klearn.cli.main import main
from j2klearn.codestream.learned_segment import Colour, Descriptor, read_comments
from j2klearn.codestream.main_header import insert_comments, read_main_header, without_comments
from j2klearn.core.picture import Picture
from j2klearn.ebcot import lossless_file
from j2klearn.ebcot.coders import OrdinaryCoder
from j2klearn.ebcot.layout import Layout
from j2klearn.ebcot.reversible_coder import ReversibleCoder
from j2klearn.errors import OptionError, SegmentError
from j2klearn.interop.glymur.jp2k import Jp2k
from j2klearn.models.registry import DEFAULT_LOSSLESS_MODEL, resolve
from tests.support.judges import psnr
from tests.support.reversible_models import small_reversible, textured

KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "tiled": {"tile_size": 100},
    "offset": {"offset": (3, 5), "tile_size": (96, 130), "tile_offset": (1, 2)},
    "markers": {"plt": True, "progression": "CPRL", "codeblock_size": (32, 32), "precincts": [(128, 128)]},
    "levels 2": {"levels": 2},
    "single": {"levels": 1, "offset": (95, 127), "tile_size": (96, 128)},
}


@pytest.fixture(scope="module")
def reduced(photograph: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A photograph of half the size. The large one was coded with the 5/3 before, so the 5/3 fits its details."""
    height, width = (side // 2 for side in photograph.shape[:2])
    return np.rint(photograph.reshape(height, 2, width, 2, 3).mean((1, 3))).astype(np.uint8)


@pytest.fixture(scope="module")
def natural(reduced: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A detailed crop of it, of odd size."""
    return np.ascontiguousarray(reduced[250:507, 400:783])


@pytest.fixture(scope="module", params=KINDS)
def layered(request: pytest.FixtureRequest, rgb: NDArray[np.uint8]) -> bytes:
    return j2klearn.encode(rgb, bpp=[0.5, 2, None], fallback=False, **KINDS[request.param])


def test_the_last_layer_is_exact_and_the_others_are_better_and_better(
    layered: bytes, rgb: NDArray[np.uint8]
) -> None:
    facts = j2klearn.info(layered)
    assert (facts.learned, facts.transport, facts.wavelet) == (True, "reversible", "5-3")
    assert (facts.model, facts.engine, facts.layers) == (DEFAULT_LOSSLESS_MODEL, "native", 3)
    assert np.array_equal(j2klearn.decode(layered), rgb)
    lower = [psnr(rgb, j2klearn.decode(layered, layers=layers)) for layers in (1, 2)]
    assert 20 < lower[0] < lower[1] - 5


@pytest.mark.parametrize(("reduce", "layers"), [*itertools.product((0, 1, 2), (0, 2))])
def test_a_region_equals_that_part_of_the_picture(layered: bytes, reduce: int, layers: int) -> None:
    reduce = min(reduce, j2klearn.info(layered).levels)
    whole = j2klearn.decode(layered, reduce=reduce, layers=layers)
    full = j2klearn.decode(layered)
    for y, x, height, width in ((0, 0, 40, 60), (97, 131, 64, 128), (200, 300, 57, 83), (128, 64, 4, 4)):
        region = (y, x, y + height, x + width)
        part = j2klearn.decode(layered, reduce=reduce, layers=layers, region=region)
        offset = read_main_header(_codestream(layered)).area.origin
        y0, x0 = (
            -(-(at + origin) // 2**reduce) - -(-origin // 2**reduce)
            for at, origin in zip((y, x), offset, strict=True)
        )
        assert np.array_equal(part, whole[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]])
    assert whole.shape[0] <= full.shape[0]


def _codestream(file: bytes) -> bytes:
    return file[file.find(b"\xff\x4f\xff\x51") :]


@settings(max_examples=80)
@given(
    depth=st.integers(1, 16),
    signed=st.booleans(),
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    components=st.integers(1, 5),
    noise=st.sampled_from([0.0, 0.01, 0.5]),
    tile=st.none() | st.tuples(st.integers(16, 64), st.integers(16, 64)),
    offset=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    fallback=st.booleans(),
)
def test_every_picture_is_exact(
    depth: int,
    signed: bool,
    size: tuple[int, int],
    components: int,
    noise: float,
    tile: tuple[int, int] | None,
    offset: tuple[int, int],
    fallback: bool,
) -> None:
    image = textured((*size, components), depth, signed=signed, seed=components, noise=noise)
    image = image[:, :, 0] if components == 1 else image
    options: dict[str, Any] = {"bit_depth": depth, "tile_size": tile, "offset": offset, "lossless": True}
    file = j2klearn.encode(image, fallback=fallback, **options)
    assert fallback or j2klearn.info(file).learned
    decoded = j2klearn.decode(file)
    assert decoded.dtype == image.dtype
    assert np.array_equal(decoded, image)


@pytest.mark.parametrize("depth", [8, 12, 16])
def test_noise_and_extremes_are_exact_with_the_steps_of_any_model(depth: int) -> None:
    rng = np.random.default_rng(depth)
    lowest, highest = 0, 2**depth - 1
    dtype = np.uint8 if depth == 8 else np.uint16
    pictures = [
        rng.integers(lowest, highest + 1, (48, 64, 3)).astype(dtype),
        np.where(rng.random((48, 64, 3)) < 0.5, lowest, highest).astype(dtype),
        np.where(np.indices((48, 64)).sum(0) % 2, lowest, highest).astype(dtype),
        np.full((48, 64), highest, dtype),
    ]
    for picture in pictures:
        for model in ("auto", small_reversible()):
            file = j2klearn.encode(picture, lossless=True, model=model, bit_depth=depth)
            assert np.array_equal(j2klearn.decode(file, model=None if model == "auto" else model), picture)


def test_no_file_is_larger_than_that_of_the_53(rgb: NDArray[np.uint8]) -> None:
    rng = np.random.default_rng(0)
    flat = np.zeros((80, 90), np.uint8)
    flat[20:40, 30:60] = 255
    for picture in (rgb, rgb[:, :, 0], flat, rng.integers(0, 256, (60, 50, 3), np.uint8), flat[:1, :1]):
        chosen, ordinary = (j2klearn.encode(picture, lossless=True, model=m) for m in ("auto", None))
        assert len(chosen) <= len(ordinary)
        assert j2klearn.info(chosen).learned == (len(chosen) < len(ordinary))
        assert np.array_equal(j2klearn.decode(chosen), picture)


@pytest.mark.parametrize("grey", [False, True])
def test_a_photograph_is_smaller(natural: NDArray[np.uint8], grey: bool) -> None:
    picture = natural[..., 1] if grey else natural
    learned, ordinary = (j2klearn.encode(picture, lossless=True, model=m) for m in ("auto", None))
    assert len(learned) < (0.996 if grey else 0.99) * len(ordinary)


def test_green_stands_for_luma_in_files_of_one_layer(reduced: NDArray[np.uint8]) -> None:
    picture = reduced[:100, :120]
    for options, colour in (({"lossless": True}, Colour.GREEN), ({"bpp": [2, None]}, Colour.RCT)):
        file = j2klearn.encode(picture, fallback=False, **options)  # type: ignore[arg-type]
        descriptor, _ = read_comments(read_main_header(_codestream(file)).binary_comments)
        assert descriptor is not None
        assert descriptor.colour == colour
        assert np.array_equal(j2klearn.decode(file), picture)
        for reduce in (1, 5):
            low = [j2klearn.decode(file, reduce=reduce, region=region) for region in (None, (0, 0, 64, 96))]
            size = low[1].shape
            assert np.array_equal(low[0][: size[0], : size[1]], low[1])


def test_the_component_with_more_bits_is_predicted_from_the_other(reduced: NDArray[np.uint8]) -> None:
    picture = reduced[:200, :200].astype(int)
    rng = np.random.default_rng(0)
    for noisy, red_first in ((0, False), (2, True)):
        picture_of = picture.copy()
        picture_of[..., noisy] += rng.integers(-9, 10, picture.shape[:2])
        picture_of = np.clip(picture_of, 0, 255).astype(np.uint8)
        coder = ReversibleCoder(Picture(picture_of), Layout.read(200, 200), resolve(DEFAULT_LOSSLESS_MODEL))
        assert coder.steps.red_first == red_first
        file = j2klearn.encode(picture_of, lossless=True, fallback=False)
        assert np.array_equal(j2klearn.decode(file), picture_of)


def test_the_53_is_left_out_where_the_learned_steps_surely_save(reduced: NDArray[np.uint8]) -> None:
    clear = reduced[200:700, 400:1100]
    doubtful = (clear // 8 * 8, clear[:200, :200])
    cases = [(clear, False, False), (clear, True, True), *((picture, False, True) for picture in doubtful)]
    for picture, embed, compared in cases:
        with patch.object(lossless_file, "OrdinaryCoder", wraps=OrdinaryCoder) as coder:
            j2klearn.encode(picture, lossless=True, embed_model=embed)
        whole = [call for call in coder.call_args_list if call.args[0].samples.shape == picture.shape]
        assert bool(whole) == compared


def test_carriers_beyond_two_more_bits_are_exact(tmp_path: Path) -> None:
    """At the corners of tiles, the carrier of noise at full contrast exceeds the samples by far."""
    picture = np.random.default_rng(0).random((66, 33, 3)) < 0.5
    options: dict[str, Any] = {"lossless": True, "tile_size": 16, "fallback": False}
    file = j2klearn.encode(picture, levels=4, **options)
    header = read_main_header(_codestream(file))
    assert _codestream(file)[header.quantisation[0][0]] >> 5 > 4  # guard bits
    assert np.array_equal(j2klearn.decode(file), picture)
    assert np.array_equal(j2klearn.decode(file, region=(3, 5, 20, 30)), picture[3:20, 5:30])
    path = tmp_path / "large.jp2"
    encode_file_with(picture, path, EncodeOptions(levels=4, **options))
    assert path.read_bytes() == file


def test_single_high_pass_samples_of_tiles_are_exact() -> None:
    """An ordinary decoder halves them (T.800 F.3.6), so the carrier must not."""
    for offset, size in (((0, 31), (40, 33)), ((31, 0), (33, 40)), ((31, 31), (50, 50))):
        picture = textured((*size, 3), 8)
        file = j2klearn.encode(picture, offset=offset, lossless=True, levels=1, tile_size=32, fallback=False)
        assert j2klearn.info(file).learned
        assert np.array_equal(j2klearn.decode(file), picture)


def test_a_tile_may_be_too_small() -> None:
    picture = textured((40, 33), 8)
    options: dict[str, Any] = {"lossless": True, "levels": 2, "tile_size": 32, "offset": (0, 31)}
    with pytest.raises(OptionError, match="too small for 2 levels"):
        j2klearn.encode(picture, fallback=False, **options)


def test_components_without_the_inverse_transform(rgb: NDArray[np.uint8]) -> None:
    file = j2klearn.encode(rgb[:64, :64], lossless=True, fallback=False)
    luma = (rgb[:64, :64].astype(int) @ [1, 2, 1]) >> 2
    assert np.array_equal(j2klearn.decode(file, components=[0]), luma)


def test_the_weights_can_be_embedded(rgb: NDArray[np.uint8]) -> None:
    model = small_reversible(3)
    file = j2klearn.encode(rgb[:96, :96], lossless=True, model=model, embed_model=True, fallback=False)
    assert j2klearn.info(file).model_embedded
    assert np.array_equal(j2klearn.decode(file), rgb[:96, :96])


def test_targets_with_a_lossless_layer(rgb: NDArray[np.uint8]) -> None:
    for options in ({"ratio": [40, 10, None]}, {"bpp": (0.6, 2.4, None)}, {"lossless": True, "layers": 3}):
        for model in ("auto", None):
            file = j2klearn.encode(rgb, model=model, **options)  # type: ignore[arg-type]
            assert j2klearn.info(file).layers == 3
            assert np.array_equal(j2klearn.decode(file), rgb)
    with pytest.raises(OptionError, match="lossy coding"):
        j2klearn.encode(rgb, bpp=[1, None], model="hybrid97-9c-compact")
    with pytest.raises(OptionError, match="lossless coding"):
        j2klearn.encode(rgb, bpp=1, model=DEFAULT_LOSSLESS_MODEL)
    with pytest.raises(OptionError, match="rise"):
        j2klearn.encode(rgb, bpp=[2, 1, None])


def test_other_readers_show_an_approximation(rgb: NDArray[np.uint8]) -> None:
    file = j2klearn.encode(rgb, lossless=True, fallback=False)
    with Image.open(io.BytesIO(file), formats=["JPEG2000"]) as opened:
        assert 20 < psnr(rgb, np.asarray(opened)) < 50


def test_a_file_that_ends_early_is_decoded_as_far_as_it_goes(rgb: NDArray[np.uint8]) -> None:
    file = j2klearn.encode(rgb, bpp=[1, 4, None], fallback=False)
    with pytest.warns(j2klearn.errors.TruncatedWarning):
        part = j2klearn.decode(file[: len(file) // 2])
    assert psnr(rgb, part) > 25


def _with_segment(file: bytes, descriptor: bytes) -> bytes:
    codestream = _codestream(file)
    return insert_comments(without_comments(codestream, read_main_header(codestream)), [descriptor])


@pytest.mark.parametrize(
    ("position", "value"),
    [(4, 1), (4, 3), (6, 0), (10, 1), (10, 0), (46, 2), (49, 2), (50, 200), (50, 0)],
    ids=[
        "version 1",
        "version 3",
        "transport",
        "ict",
        "no colour",
        "step",
        "order",
        "levels of weights",
        "rest",
    ],
)
def test_segments_that_contradict_themselves_are_refused(
    rgb: NDArray[np.uint8], position: int, value: int
) -> None:
    file = j2klearn.encode(rgb[:96, :96], lossless=True, fallback=False)
    found, _ = read_comments(read_main_header(_codestream(file)).binary_comments)
    assert found is not None
    assert Descriptor.from_bytes(found.to_bytes()) == found
    payload = bytearray(found.to_bytes()[:-4])
    assert list(payload[46:49]) == [int(learned) for learned in found.steps.learned]  # type: ignore[union-attr]
    payload[position] = value
    damaged = _with_segment(file, bytes(payload) + struct.pack(">I", zlib.crc32(payload)))
    with pytest.raises(SegmentError):
        j2klearn.decode(damaged)


def test_a_model_of_the_other_kind_is_refused(rgb: NDArray[np.uint8]) -> None:
    lossy = resolve("hybrid97-9c-compact")
    file = j2klearn.encode(rgb[:96, :96], lossless=True, fallback=False)
    found, _ = read_comments(read_main_header(_codestream(file)).binary_comments)
    assert found is not None
    other = bytearray(found.to_bytes()[:-4])
    other[14:46] = lossy.id
    with pytest.raises(SegmentError, match="does not fit the transport"):
        j2klearn.decode(_with_segment(file, bytes(other) + struct.pack(">I", zlib.crc32(other))))


def test_command_line(tmp_path: Path, natural: NDArray[np.uint8]) -> None:
    source, target, back = tmp_path / "a.png", tmp_path / "a.jp2", tmp_path / "b.png"
    Image.fromarray(natural).save(source)
    for words in (["--lossless"], ["--bpp", "0.5,2,lossless"], ["--ratio", "30,lossless"]):
        assert main(["encode", str(source), str(target), *words]) == 0
        assert j2klearn.info(target).transport == "reversible"
        assert main(["decode", str(target), str(back)]) == 0
        assert np.array_equal(np.asarray(Image.open(back)), natural)
    with pytest.raises(SystemExit, match="2"):
        main(["encode", str(source), str(target), "--bpp", "lossless"])


def test_glymur_classes(rgb: NDArray[np.uint8]) -> None:
    for keywords in ({}, {"cratios": [30, 1]}):
        file = Jp2k(io.BytesIO(), data=rgb, transform=DEFAULT_LOSSLESS_MODEL, **keywords)
        assert file.learned
        assert np.array_equal(file[:], rgb)
        assert np.array_equal(file[10:80, 20:91], rgb[10:80, 20:91])
    for keywords in ({"cratios": [20]}, {"psnr": [30, 0]}):
        with pytest.raises(OptionError, match="cannot be used"):
            Jp2k(io.BytesIO(), data=rgb, transform=DEFAULT_LOSSLESS_MODEL, **keywords)


def test_pillow(natural: NDArray[np.uint8]) -> None:
    j2klearn.register_pillow()
    for keywords in ({"lossless": True}, {"quality_layers": [0]}, {"quality_layers": [40, 10, 0]}):
        out = io.BytesIO()
        Image.fromarray(natural).save(out, format="J2KL", **keywords)
        assert j2klearn.info(out.getvalue()).transport == "reversible"
        assert np.array_equal(np.asarray(Image.open(out)), natural)


def test_large_pictures_are_written_by_rows_of_tiles(tmp_path: Path) -> None:
    """The transform runs across the tiles; its steps are chosen from windows of the picture."""
    path = tmp_path / "large.jp2"
    picture = textured((800, 70, 3), 12, noise=0.002)
    options: dict[str, Any] = {"bpp": [1, None], "bit_depth": 12, "tile_size": (100, 48)}
    j2klearn.encode_file(picture, path, **options)
    facts = j2klearn.info(path)
    assert (facts.learned, facts.layers, facts.tiles, facts.reversibility) == (True, 2, 16, "lossless")
    assert np.array_equal(j2klearn.decode(path), picture)
    at_once = j2klearn.encode(picture, fallback=False, **options)
    assert len(at_once) * 0.99 < facts.bytes < len(at_once) * 1.01
    assert psnr(picture, j2klearn.decode(path, layers=1), 4095) > 25


@pytest.mark.parametrize("kind", ["1 bit", "embedded"])
def test_large_pictures_are_compared_as_they_are_written(kind: str, tmp_path: Path) -> None:
    """With the headroom that noise at full contrast needs, and with the bytes of an embedded model."""
    path = tmp_path / "large.jp2"
    if kind == "1 bit":
        picture: NDArray[Any] = np.random.default_rng(0).random((600, 1100)) < 0.5
    else:
        picture = textured((40, 1100, 3), 8)
    j2klearn.encode_file(picture, path, lossless=True, embed_model=kind == "embedded")
    assert np.array_equal(j2klearn.decode(path).astype(picture.dtype), picture)
    others = [{"model": None}, {"embed_model": kind == "embedded", "fallback": False}]
    sizes = [len(j2klearn.encode(picture, lossless=True, tile_size=512, **other)) for other in others]
    assert path.stat().st_size < 1.01 * min(sizes)


@pytest.mark.parametrize("kind", ["drawn", "noise", "small"])
def test_large_pictures_have_the_53_where_it_is_better(kind: str, tmp_path: Path) -> None:
    picture = np.zeros((60 if kind == "small" else 600, 80, 3), np.uint8)
    picture[::8, ::5] = 255
    if kind == "noise":  # between the windows: the carrier needs more bits than usual
        picture = textured((900, 64, 3), 8)
        picture[130:256] = np.where(np.random.default_rng(0).random((126, 64, 3)) < 0.5, 0, 255)
    path = tmp_path / "large.jp2"
    j2klearn.encode_file(picture, path, lossless=True, tile_size=32)
    assert not j2klearn.info(path).learned
    assert j2klearn.info(path).reversibility == "lossless"
    assert np.array_equal(j2klearn.decode(path), picture)
