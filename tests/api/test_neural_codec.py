"""Encoding and decoding with the neural profile: rates, resolutions, regions, kinds of pictures, interfaces."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import j2klearn
from j2klearn.batch.options import read_options
from j2klearn.cli import main
from j2klearn.errors import (
    CodestreamError,
    LimitError,
    ModelError,
    ModelNotFoundError,
    OptionError,
    SegmentError,
)
from j2klearn.io.pictures import read_picture
from j2klearn.jp2.metadata import read_metadata
from j2klearn.metrics.psnr import psnr
from j2klearn.models.registry import resolve
from j2klearn.neural import registry
from j2klearn.neural.coefficients.quantisation import quality_code, step_of
from j2klearn.neural.encode import DEFAULT_LOSSLESS, DEFAULT_LOSSY
from tests.support.neural_models import LOSSLESS, LOSSY, Deflate


def encode(image: NDArray[Any], model: Any = LOSSY, **options: Any) -> bytes:
    return j2klearn.encode(image, profile="neural", model=model, threads=1, **options)


def decode(data: Any, model: Any = LOSSY, **options: Any) -> NDArray[Any]:
    return j2klearn.decode(data, model=model, threads=1, **options)


@pytest.fixture(scope="module")
def picture(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(rgb[:121, :150])


@pytest.fixture(scope="module")
def file(picture: NDArray[np.uint8]) -> bytes:
    return encode(picture, quality=40)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the shipped models by simple ones."""
    models = {DEFAULT_LOSSY: LOSSY, DEFAULT_LOSSLESS: LOSSLESS}
    cards = [registry.EntropyCard(model.name, model.id, model.config) for model in models.values()]
    monkeypatch.setattr(registry, "shipped_entropy", lambda: models)
    monkeypatch.setattr(registry, "entropy_cards", lambda: cards)
    monkeypatch.setattr(registry, "entropy_names", lambda: list(models))


# rates


def test_qualities(picture):
    sizes, values = [], []
    for quality in (10, 40, 70, 100):
        data = encode(picture, quality=quality)
        sizes.append(len(data))
        values.append(psnr(picture, decode(data)))
        assert j2klearn.info(data).step == pytest.approx(step_of(quality_code(quality)))
    assert np.all(np.diff(sizes) > 0)
    assert np.all(np.diff(values) > 5)
    assert values[-1] > 45


@pytest.mark.parametrize("rate", [{"bpp": 2}, {"bpp": 8.0}, {"ratio": 6}, {}])
def test_sizes(picture, rate):
    LOSSY.encoded.clear()
    data = encode(picture, **rate)
    pixels = picture.shape[0] * picture.shape[1]
    wanted = rate["bpp"] * pixels / 8 if "bpp" in rate else picture.size / rate.get("ratio", 20)
    assert 0.99 * wanted <= len(data) <= wanted
    assert len(LOSSY.encoded) <= 5


@pytest.mark.parametrize("wanted", [25, 33.3, 41])
def test_psnr(picture, wanted):
    LOSSY.encoded.clear()
    LOSSY.chosen.clear()
    data = encode(picture, psnr=wanted)
    assert psnr(picture, decode(data)) == pytest.approx(wanted, abs=0.1)
    assert len(LOSSY.encoded) == 1  # the search for a PSNR does not code
    assert len(LOSSY.chosen) <= 2  # and it needs few walks of the model


def test_too_few_bytes_for_anything(picture):
    assert len(encode(picture, bpp=0.01)) < 800


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quality": 50, "bpp": 1}, "quality and bpp contradict"),
        ({"psnr": 40, "bpp": 1}, "psnr"),
        ({"quality": 101}, "0 to 100"),
        ({"bpp": [0.5, 1]}, "one quality layer"),
        ({"bpp": -1}, "positive"),
        ({"layers": 3}, "no layers"),
        ({"tile_size": 64}, "no tile_size"),
        ({"levels": 3}, "no levels"),
        ({"offset": (1, 0)}, "no offset"),
        ({"progression": "RPCL"}, "no progression"),
        ({"embed_model": True}, "no embed_model"),
        ({"jp2": False}, "no jp2"),
        ({"plt": True}, "no plt"),
        ({"model": None}, "needs an entropy model"),
        ({"lossless": True}, "lossless picture is asked for"),
        ({"model": LOSSLESS}, "lossy picture is asked for"),
        ({"profile": "hevc"}, "profile is one of"),
    ],
)
def test_options(picture, options, message):
    with pytest.raises(OptionError, match=message):
        j2klearn.encode(picture, **{"profile": "neural", "model": LOSSY, **options})


def test_options_of_the_other_profile(picture):
    with pytest.raises(OptionError, match="profile='neural'"):
        j2klearn.encode(picture, quality=50)
    with pytest.raises(ModelError, match="profile='neural'"):
        j2klearn.encode(picture, model=LOSSY)
    with pytest.raises(ModelError, match="is a transform"):
        j2klearn.encode(picture, profile="neural", model="hybrid97-9c-compact")
    with pytest.raises(ModelNotFoundError, match="no model"):
        j2klearn.encode(picture, profile="neural", model="nothing")
    with pytest.raises(LimitError):
        encode(picture, max_pixels=100)


# pictures

KINDS: dict[str, tuple[tuple[int, ...], Any, dict[str, Any]]] = {
    "grey": ((60, 45), np.uint8, {}),
    "two": ((60, 45, 2), np.uint8, {}),
    "rgb": ((60, 45, 3), np.uint8, {}),
    "rgba": ((60, 45, 4), np.uint8, {}),
    "five grey": ((60, 45, 5), np.uint8, {"colorspace": "grey"}),
    "no ict": ((60, 45, 3), np.uint8, {"component_transform": False}),
    "16 bits": ((60, 45, 3), np.uint16, {}),
    "12 bits": ((60, 45), np.uint16, {"bit_depth": 12}),
    "1 bit": ((60, 45), np.uint8, {"bit_depth": 1}),
    "signed": ((60, 45, 3), np.int8, {}),
    "signed 16": ((60, 45), np.int16, {}),
    "one sample": ((1, 1), np.uint8, {}),
    "one pixel": ((1, 1, 3), np.uint8, {}),
    "row": ((1, 200, 3), np.uint8, {}),
    "column": ((200, 1), np.uint16, {}),
    "tiny": ((3, 2, 4), np.int16, {}),
}


def sample(kind: str) -> tuple[NDArray[Any], dict[str, Any]]:
    """Return a smooth picture with some noise, and the options to encode it."""
    shape, dtype, options = KINDS[kind]
    limits = np.iinfo(dtype)
    depth = options.get("bit_depth", limits.bits)
    low = 0 if limits.min == 0 else -(1 << (depth - 1))
    top = (1 << depth) - 1
    grids = np.meshgrid(*(np.linspace(0, 2 + axis, side) for axis, side in enumerate(shape)), indexing="ij")
    values = 0.5 + 0.4 * np.sin(sum(grids)) + np.random.default_rng(3).normal(0, 0.02, shape)
    return (low + np.rint(np.clip(values, 0, 1) * top)).astype(dtype), options


@pytest.mark.parametrize("kind", KINDS)
def test_all_kinds_with_loss(kind):
    image, options = sample(kind)
    data = encode(image, quality=90, **options)
    decoded = decode(data)
    assert decoded.shape == image.shape
    assert decoded.dtype == image.dtype
    depth = options.get("bit_depth", 8 * image.dtype.itemsize)
    assert psnr(image, decoded, depth) > 42
    info = j2klearn.info(data)
    assert (info.precision, info.components) == (depth, image.shape[2] if image.ndim == 3 else 1)
    with j2klearn.open(data, model=LOSSY) as opened:
        assert (opened.shape, opened.dtype) == (image.shape, image.dtype)


@pytest.mark.parametrize("kind", KINDS)
def test_all_kinds_without_loss(kind):
    image, options = sample(kind)
    data = encode(image, LOSSLESS, lossless=True, **options)
    np.testing.assert_array_equal(decode(data, LOSSLESS), image)
    assert j2klearn.info(data).lossless


@pytest.mark.parametrize("value", [0, 77, 255])
def test_constant_pictures(value):
    image = np.full((40, 70, 3), value, np.uint8)
    np.testing.assert_array_equal(decode(encode(image, quality=50)), image)
    np.testing.assert_array_equal(decode(encode(image, LOSSLESS, lossless=True), LOSSLESS), image)
    assert len(encode(image, bpp=4)) < 1400
    assert psnr(image, decode(encode(image, psnr=40))) > 39.9


def test_extremes():
    noise = np.random.default_rng(0).choice(np.array([0, 65535], np.uint16), (33, 41, 3))
    np.testing.assert_array_equal(decode(encode(noise, LOSSLESS, lossless=True), LOSSLESS), noise)
    assert psnr(noise, decode(encode(noise, quality=100)), 16) > 45


# resolutions, regions, components


def test_resolutions(picture, file):
    levels = j2klearn.info(file).levels
    for reduce in range(levels + 1):
        LOSSY.decoded.clear()
        low = decode(file, reduce=reduce)
        height, width = (-(-side >> reduce) for side in picture.shape[:2])
        assert low.shape == (height, width, 3)
        assert LOSSY.decoded == [max(1, levels - reduce)]  # finer levels are not decoded
        if reduce < 4:
            box = Image.fromarray(picture).resize((width, height), Image.Resampling.BOX)
            assert psnr(np.asarray(box), low) > 20
    with pytest.raises(OptionError, match="reduce"):
        decode(file, reduce=levels + 1)


def test_lossless_resolutions(picture):
    data = encode(picture, LOSSLESS, lossless=True)
    ordinary = j2klearn.encode(picture, model=None, lossless=True)
    for reduce in (1, 3):
        np.testing.assert_array_equal(
            decode(data, LOSSLESS, reduce=reduce), j2klearn.decode(ordinary, reduce=reduce)
        )


@pytest.mark.parametrize("reduce", [0, 1, 3])
def test_regions(file, reduce):
    whole = decode(file, reduce=reduce)
    step = 1 << reduce
    y0, x0, y1, x1 = 17, 30, 90, 151
    part = decode(file, region=(y0, x0, y1, x1), reduce=reduce)
    y0, x0, y1 = (-(-at // step) for at in (y0, x0, y1))
    np.testing.assert_array_equal(part, whole[y0:y1, x0:])
    with pytest.raises(OptionError, match="outside"):
        decode(file, region=(500, 0, 600, 10))
    with pytest.raises(OptionError, match="empty"):
        decode(file, region=(5, 5, 5, 9))


def test_components(picture, file):
    luma = decode(file, components=[0])
    expected = np.rint(picture @ np.array([0.299, 0.587, 0.114]))
    assert np.abs(luma - expected).mean() < 6
    assert decode(file, components=[2, 0]).shape == (121, 150, 2)
    with pytest.raises(OptionError, match="components"):
        decode(file, components=[3])
    lossless = encode(picture, LOSSLESS, lossless=True)
    with pytest.raises(OptionError, match="RCT"):
        decode(lossless, LOSSLESS, components=[0])
    plain = encode(picture, LOSSLESS, lossless=True, component_transform=False)
    np.testing.assert_array_equal(decode(plain, LOSSLESS, components=[1]), picture[:, :, 1])


def test_layers_are_one(file):
    np.testing.assert_array_equal(decode(file, layers=1), decode(file))
    np.testing.assert_array_equal(decode(file, layers=9), decode(file))
    with pytest.raises(OptionError, match="layers"):
        decode(file, layers=-1)


def test_limits(file):
    with pytest.raises(LimitError):
        decode(file, max_pixels=18_000)
    with pytest.raises(LimitError):  # because the whole picture is decoded
        decode(file, region=(0, 0, 2, 2), max_pixels=18_000)
    assert decode(file, reduce=1, max_pixels=18_000).shape == (61, 75, 3)


def test_progress(picture, file):
    calls: list[tuple[float, str]] = []
    encode(picture, bpp=3, progress=lambda *each: calls.append(each))
    shares = [share for share, _ in calls]
    assert shares == sorted(shares)
    assert calls[-1] == (1.0, "done")
    assert {"lifting", "coding", "search for the size, try 1"} <= {stage for _, stage in calls}
    calls.clear()
    decode(file, progress=lambda *each: calls.append(each))
    shares = [share for share, _ in calls]
    assert shares == sorted(shares)
    assert calls[-1] == (1.0, "done")


# models


def test_learned_transforms_and_dequantisation(picture):
    transform, dequantiser = resolve("hybrid97-9c-compact"), resolve("hybrid97-9c-compact-dq")
    named = {"name": "x", "id": transform.id.hex()}
    learned = Deflate(named, learned_levels=3)
    restored = Deflate(named, learned_levels=3, dequantiser={"name": "y", "id": dequantiser.id.hex()})
    sizes, values = [], []
    for model in (learned, restored):
        data = encode(picture, model, quality=35)
        sizes.append(len(data))
        values.append(psnr(picture, decode(data, model)))
    assert values[1] > values[0] + 0.05  # with the same indices
    assert sizes[1] - sizes[0] <= 8
    at_psnr = encode(picture, restored, psnr=32)
    assert psnr(picture, decode(at_psnr, restored)) == pytest.approx(32, abs=0.1)
    for reduce in (1, 2, 4):
        low = decode(data, restored, reduce=reduce)
        plain = decode(encode(picture, learned, quality=35), learned, reduce=reduce)
        np.testing.assert_array_equal(low, plain)  # de-quantisation only applies at full resolution


def test_noise_where_dequantisation_does_not_help():
    """On noise de-quantisation would remove signal, so the encoder does not use it."""
    noise = np.random.default_rng(2).integers(0, 256, (96, 96), np.uint8)
    named = {"name": "y", "id": resolve("hybrid97-9c-compact-dq").id.hex()}
    plain, restored = Deflate("9-7"), Deflate("9-7", dequantiser=named)
    first = decode(encode(noise, plain, quality=85), plain)
    second = decode(encode(noise, restored, quality=85), restored)
    assert psnr(noise, second) >= psnr(noise, first)


def test_missing_models(file, picture):
    for read in (j2klearn.decode, j2klearn.open):
        with pytest.raises(ModelNotFoundError, match=r"begins with [0-9a-f]{16}, which is not installed"):
            read(file)
        with pytest.raises(ModelNotFoundError):
            read(file, model="hybrid97-9c-compact")
        with pytest.raises(ModelNotFoundError):
            read(file, model=LOSSLESS)
    stranger = Deflate({"name": "nowhere", "id": bytes(32).hex()})
    with pytest.raises(ModelNotFoundError, match="0000"):
        encode(picture, stranger, quality=50)
    nameless = Deflate("haar")
    with pytest.raises(ModelError, match="which transform"):
        encode(picture, nameless, quality=50)


def test_models_that_contradict_the_file(file, monkeypatch):
    for change in ({"config": {"transform": "5-3"}}, {"levels": lambda shape: 3}):
        other = Deflate()
        for name, value in change.items():
            monkeypatch.setattr(other, name, value)
        with pytest.raises(SegmentError, match="contradicts"):
            decode(file, other)


def test_a_model_that_fails_is_told(file, monkeypatch):
    def fail(*arguments: Any, **options: Any) -> Any:
        raise CodestreamError("no such symbol")

    other = Deflate()
    monkeypatch.setattr(other, "decode", fail)
    with pytest.raises(CodestreamError, match="no such symbol"):
        decode(file, other)


def test_model_files(tmp_path: Path, monkeypatch, picture, file):
    """The configuration of an entropy model names its kind, and the class of that kind reads it."""
    import json

    import safetensors.numpy

    def written(kind: str) -> Path:
        path = tmp_path / f"{kind}.safetensors"
        config = json.dumps({"kind": kind, "transform": "9-7"})
        path.write_bytes(
            safetensors.numpy.save({"a": np.zeros(1, np.int16)}, {"config": config, "card": "{}"})
        )
        return path

    monkeypatch.setitem(registry.READERS, "test", lambda data: LOSSY)
    path = written("test")
    assert registry.resolve_entropy(path) is LOSSY
    assert registry.resolve_any(str(path)) is LOSSY
    np.testing.assert_array_equal(j2klearn.decode(file, model=path), decode(file))
    assert encode(picture, path, quality=40) == file
    with pytest.raises(ModelError, match="entropy model"):
        resolve(path)
    with pytest.raises(ModelError, match="'future'"):
        registry.resolve_entropy(written("future"))
    junk = tmp_path / "junk"
    junk.write_bytes(b"no model")
    with pytest.raises(ModelError, match="not a j2klearn model"):
        registry.resolve_entropy(junk)
    shipped = tmp_path / "transform"
    shipped.write_bytes(resolve("hybrid97-9c-compact").to_bytes())
    with pytest.raises(ModelError, match="is a transform"):
        registry.resolve_entropy(shipped)


# interfaces


def test_open(picture, file):
    whole = decode(file)
    opened = j2klearn.open(io.BytesIO(file), model=LOSSY, threads=1)
    assert (opened.shape, opened.dtype, opened.levels, opened.layers) == ((121, 150, 3), np.uint8, 5, 1)
    assert opened.tile_size == (121, 150)
    assert opened.learned
    np.testing.assert_array_equal(np.asarray(opened), whole)
    LOSSY.decoded.clear()
    np.testing.assert_array_equal(opened[10:20, 30:50], whole[10:20, 30:50])
    np.testing.assert_array_equal(opened[40, :, 1], whole[40, :, 1])
    assert LOSSY.decoded == [5]  # one decode serves all regions
    np.testing.assert_array_equal(opened[::4, ::4], decode(file, reduce=2))
    assert opened[5:5, 3:9].shape == (0, 6, 3)
    out = np.zeros((61, 75, 3), np.uint8)
    opened.copy_to(out, reduce=1)
    np.testing.assert_array_equal(out, decode(file, reduce=1))
    region = opened[0:5, 0:5]
    region[:] = 0
    np.testing.assert_array_equal(opened[0:5, 0:5], whole[0:5, 0:5])  # callers cannot change the cache


def test_threads_share_a_file(file):
    opened = j2klearn.open(file, model=LOSSY, threads=1)
    whole = decode(file)
    results: dict[int, bool] = {}

    def read(at: int) -> None:
        part = opened[at * 10 : at * 10 + 10]
        results[at] = np.array_equal(part, whole[at * 10 : at * 10 + 10])

    threads = [threading.Thread(target=read, args=(at,)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert all(results.values())


def test_only_what_is_needed_is_read(picture):
    data = encode(picture, quality=100)

    class Counting(io.BytesIO):
        count = 0

        def read(self, size: int | None = -1) -> bytes:
            part = super().read(size)
            self.count += len(part)
            return part

    stream = Counting(data)
    decode(stream, reduce=3)
    assert stream.count <= 1 << 14 < len(data)
    stream = Counting(data)
    decode(stream)
    assert stream.count <= len(data) + (1 << 14)


def test_info(file, installed):
    info = j2klearn.info(file)
    assert (info.profile, info.learned, info.lossless, info.layers, info.tiles) == (
        "neural",
        True,
        False,
        1,
        1,
    )
    assert (info.height, info.width, info.components, info.precision) == (121, 150, 3, 8)
    assert info.model == LOSSY.name
    assert info.model_id == LOSSY.id.hex()
    assert [shape[:2] for shape in info.resolutions] == [(8, 10), (16, 19), (31, 38), (61, 75), (121, 150)]
    assert max(info.preview) <= 64
    text = str(info)
    for part in ("neural, quantiser step 18.4", "installed", "150 x 121: ", "a preview of", "deflate 9-7"):
        assert part in text
    assert info.bytes == len(file)


def test_info_without_the_model(file):
    info = j2klearn.info(file)
    assert info.model is None
    assert info.model_id == LOSSY.id[:8].hex()
    assert "NOT installed" in str(info)


def test_jp2k(tmp_path: Path, file, picture):
    path = tmp_path / "a.jp2"
    path.write_bytes(file)
    whole = decode(file)
    for kind in (j2klearn.Jp2kr, j2klearn.Jp2k):
        opened = kind(path, transform=LOSSY)
        assert opened.learned
        assert (opened.shape, opened.dtype, opened.ndim) == ((121, 150, 3), np.uint8, 3)
        assert opened.tilesize == (121, 150)
        np.testing.assert_array_equal(opened[:], whole)
        np.testing.assert_array_equal(opened[20:30, 40:80, 1], whole[20:30, 40:80, 1])
        np.testing.assert_array_equal(opened[::2, ::2], decode(file, reduce=1))
        assert opened[::-1, ::-1].shape == (4, 5, 3)
        assert opened[3:3].shape == (0, 150, 3)
        opened.decoded_components = [0]
        assert opened[:].shape == (121, 150)
        opened.decoded_components = None
        np.testing.assert_array_equal(opened._read(tile=0), whole)
        assert "UUID" in str(opened)
        with pytest.raises(LimitError):
            kind(path, transform=LOSSY, max_pixels=100)[0:5, 0:5]
    with pytest.raises(ModelNotFoundError):
        j2klearn.Jp2kr(path)[:]
    with pytest.raises(OptionError, match="profile='neural'"):
        j2klearn.Jp2k(tmp_path / "b.jp2", data=picture, transform=LOSSY, cratios=[10])


def test_jp2k_with_more_components(tmp_path: Path):
    image, _ = sample("rgba")
    path = tmp_path / "a.jp2"
    path.write_bytes(encode(image, LOSSLESS, lossless=True, component_transform=False))
    opened = j2klearn.Jp2k(path, transform=LOSSLESS)
    np.testing.assert_array_equal(opened[:], image)
    opened.decoded_components = 3
    np.testing.assert_array_equal(opened[:], image[:, :, 3])


def test_jp2k_wraps_and_appends(tmp_path: Path, file):
    from glymur.jp2box import XMLBox
    from lxml import etree

    path = tmp_path / "a.jp2"
    path.write_bytes(file)
    whole = decode(file)
    original = j2klearn.Jp2k(path, transform=LOSSY)
    other = original.wrap(tmp_path / "b.jp2")
    np.testing.assert_array_equal(decode(tmp_path / "b.jp2"), whole)
    assert other.shape == whole.shape
    boxes = [box for box in original.box if box.box_id != "uuid"]
    original.wrap(tmp_path / "c.jp2", boxes=boxes)
    np.testing.assert_array_equal(decode(tmp_path / "c.jp2"), whole)
    original.append(XMLBox(xml=etree.ElementTree(etree.fromstring("<note/>"))))
    np.testing.assert_array_equal(decode(path), whole)
    assert original.box[-1].box_id == "xml "


def test_pillow(file, installed):
    j2klearn.register_pillow()
    whole = decode(file)
    with Image.open(io.BytesIO(file)) as opened:
        assert (opened.format, opened.size, opened.mode) == ("J2KL", (150, 121), "RGB")
        np.testing.assert_array_equal(np.asarray(opened), whole)
    with Image.open(io.BytesIO(file)) as opened:
        opened.reduce = 2
        opened.load()
        np.testing.assert_array_equal(np.asarray(opened), decode(file, reduce=2))
    with Image.open(io.BytesIO(file)) as opened:
        opened.thumbnail((40, 40))
        assert opened.size == (40, 32)


def test_command_line(tmp_path: Path, picture, installed, capsys):
    source, target, out = tmp_path / "in.png", tmp_path / "a.jp2", tmp_path / "out.png"
    Image.fromarray(picture).save(source)
    assert main(["encode", str(source), str(target), "--profile", "neural", "--quality", "40"]) == 0
    assert main(["decode", str(target), str(out)]) == 0
    np.testing.assert_array_equal(read_picture(out), decode(target.read_bytes()))
    assert main(["decode", str(target), str(out), "--region", "10,20,40,60", "--reduce", "1"]) == 0
    assert read_picture(out).shape == (15, 20, 3)
    capsys.readouterr()
    assert main(["info", str(target)]) == 0
    text = capsys.readouterr().out
    assert "neural" in text
    assert "payload of the neural profile" in text
    assert main(["info", str(target), "--full"]) == 0
    assert main(["models"]) == 0
    assert "for the neural profile, on the transform 9-7" in capsys.readouterr().out
    assert main(["encode", str(source), str(target), "--profile", "neural", "--lossless"]) == 0
    assert main(["decode", str(target), str(out)]) == 0
    np.testing.assert_array_equal(read_picture(out), picture)
    assert (
        main(["encode", str(source), str(tmp_path / "a.j2k"), "--profile", "neural", "--quality", "40"]) == 2
    )
    assert "jp2" in capsys.readouterr().err
    assert main(["encode", str(source), str(target), "--quality", "40"]) == 2


def test_convert_keeps_metadata(tmp_path: Path, picture, installed):
    source, target = tmp_path / "in.tif", tmp_path / "a.jp2"
    Image.fromarray(picture).save(source, dpi=(300, 300), icc_profile=b"not really a profile")
    assert main(["convert", str(source), str(target), "--profile", "neural", "--quality", "40"]) == 0
    np.testing.assert_array_equal(decode(target), decode(encode(picture, quality=40)))
    with target.open("rb") as stream:
        metadata = read_metadata(stream)
    assert metadata.icc_profile == b"not really a profile"
    assert metadata.dpi == pytest.approx((300, 300), rel=1e-3)


def test_batches(installed):
    coding = read_options({"profile": "neural", "quality": 40})
    assert coding.options.quality == 40
    others = ({"profile": "neural", "quality": 41}, {"profile": "neural", "bpp": 1}, {"bpp": 1})
    assert len({coding.digest, *(read_options(each).digest for each in others)}) == 4
    with pytest.raises(OptionError, match="no layers"):
        read_options({"profile": "neural", "layers": 2})
    with pytest.raises(OptionError, match="0 to 100"):
        read_options({"profile": "neural", "quality": 400})


def test_the_digest_of_ebcot_is_as_before():
    # so that journals of earlier versions can be continued
    assert read_options({"ratio": 15, "model": None}).digest == "a989f32ae70b128c"
