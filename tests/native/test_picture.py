"""Native decoding of learned files equals `j2klearn.decode`, sample for sample."""

from __future__ import annotations

import json
import struct
import threading
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.core.geometry import Rect
from j2klearn.dequantisation.twin.tables import compression, octaves
from j2klearn.ebcot.learned_file import LearnedFile
from j2klearn.errors import (
    CodestreamError,
    J2KError,
    LimitError,
    ModelError,
    ModelNotFoundError,
    OptionError,
    SegmentError,
    TruncatedWarning,
    UnsupportedError,
)
from j2klearn.models.model import Model
from j2klearn.models.registry import shipped, shipped_files
from j2klearn.native.picture import LearnedPicture, Models
from tests.support.float_networks import with_float_network
from tests.support.larger_positions import with_larger_positions
from tests.support.paths import GOLDEN
from tests.support.reversible_models import small_reversible, textured

Samples = NDArray[Any]

SHIPPED = Models()


@pytest.fixture(autouse=True)
def python_calls_the_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `j2klearn.decode` call the stages one by one, not the native code that is tested."""
    monkeypatch.setattr(LearnedFile, "native", None)


#: The smallest model with de-quantisation, where the question is not which model.
SMALL = "hybrid97-8p7-dq"

#: Models, and a picture that is written through them: more would repeat what the golden files show.
CASES: dict[str, dict[str, Any]] = {
    "twin with de-quantisation": {"model": "hybrid97-9c-compact-dq"},
    "chroma guided by luma": {"model": "hybrid97-16p7-guided"},
    "integer with de-quantisation": {"model": "hybrid97-9c-compact-dq-int"},
    "5/3": {"model": "hybrid53-9c-compact"},
    "no de-quantisation": {"model": "hybrid97-9c-compact"},
    "tiles and layers": {"model": SMALL, "tile_size": (64, 48), "layers": 3},
    "offset": {"model": SMALL, "offset": (37, 21), "tile_size": 50, "tile_offset": (11, 3), "levels": 2},
    "no levels": {"model": SMALL, "levels": 0},
    "codestream": {"model": SMALL, "jp2": False, "progression": "RPCL", "precincts": [(64, 64)]},
    "embedded": {"model": "hybrid97-9c-compact-dq-int", "embed_model": True},
    "visual weights": {"model": SMALL, "tune": "visual", "tile_size": 80, "bpp": 2},
}


def _rgb(height: int = 131, width: int = 150, seed: int = 3) -> Samples:
    """Return a picture with smooth parts, edges and noise."""
    y, x = np.mgrid[0:height, 0:width]
    smooth = 128 + 60 * np.sin(x / 9) + 50 * np.cos(y / 13) + 40 * ((x + y) // 40 % 2)
    noise = np.random.default_rng(seed).normal(0, 9, (height, width, 3)).cumsum(2)
    return np.clip(smooth[..., None] + noise, 0, 255).astype(np.uint8)


def _encode(samples: Samples, **options: Any) -> bytes:
    """Encode through the learned transform, also where a wavelet of T.800 is better."""
    return j2klearn.encode(samples, **{"fallback": False, **options})


def _components_first(samples: Samples) -> Samples:
    stacked = samples[..., None] if samples.ndim == 2 else samples
    return np.moveaxis(stacked, 2, 0).astype(np.int32)


def _assert_equal(data: bytes, models: Models = SHIPPED, **options: Any) -> None:
    """Compare whole pictures, resolutions, layers, regions and components."""
    picture = LearnedPicture(data, models)
    info = picture.info
    assert info.learned
    assert info.model in ("integer", "twin")
    height, width = info.area.shape

    def compare(region: tuple[int, int, int, int] | None = None, **request: Any) -> None:
        if region is None:
            area = None
        else:
            top, left = info.area.origin
            area = Rect(top + region[0], left + region[1], top + region[2], left + region[3])
        expected = j2klearn.decode(data, region=region, engine="native", **options, **request)
        got = picture.decode(area=area, threads=1 + (region is None), **request)
        np.testing.assert_array_equal(got, _components_first(expected))

    for reduce in range(info.levels + 1):
        compare(reduce=reduce)
    for layers in range(1, info.layers):
        compare(layers=layers)
    compare(components=[info.components - 1])
    for region in ((0, 0, 1, 1), (height // 3, width // 4, height // 3 + 40, width // 4 + 29)):
        compare(region=region)
    compare(region=(height // 2, width // 2, height + 9, width + 9), reduce=min(1, info.levels))
    compare(region=(0, 0, height // 2, width), reduce=info.levels)
    compare(region=(5, 6, 37, 50), layers=1)


@pytest.mark.parametrize(
    "name",
    sorted(path.name for kind in ("integer-*.j[2p]*", "lossless-*.jp2") for path in GOLDEN.glob(kind)),
)
def test_golden_files(name: str) -> None:
    _assert_equal((GOLDEN / name).read_bytes())


@pytest.mark.parametrize("case", CASES)
def test_cases(case: str) -> None:
    _assert_equal(_encode(_rgb(), **{"bpp": 1.0, **CASES[case]}))


@pytest.mark.parametrize(
    "kind", ["grey", "16 bits", "12 bits", "signed", "signed 16 bits", "four", "five", "narrow"]
)
def test_samples(kind: str) -> None:
    rgb = _rgb()
    wide = rgb.astype(np.uint16) * 257
    options: dict[str, Any] = {"model": "hybrid97-9c-compact-dq", "bpp": 1.5}
    pictures: dict[str, tuple[Samples, dict[str, Any]]] = {
        "grey": (rgb[..., 0], {}),
        "16 bits": (wide, {}),
        "12 bits": (wide[..., 0] >> 4, {"bit_depth": 12}),
        "signed": ((rgb.astype(np.int16) - 128).astype(np.int8), {}),
        "signed 16 bits": ((wide[..., 1].astype(np.int32) - 32768).astype(np.int16), {}),
        "four": (np.concatenate([rgb, rgb[..., :1]], 2), {}),
        "five": (
            np.concatenate([rgb, rgb[..., :2]], 2),
            {"component_transform": False, "colorspace": "grey"},
        ),
        "narrow": (rgb // 16 + 100, {}),
    }
    samples, more = pictures[kind]
    data = _encode(samples, **options, **more)
    _assert_equal(data)
    version = LearnedPicture(data, SHIPPED).info.segment_version
    assert version == (3 if kind == "narrow" else 2)


#: Depth, whether samples are signed, components, and options of lossless files; more than the golden files show.
LOSSLESS: dict[str, tuple[int, bool, int, dict[str, Any]]] = {
    "embedded, in tiles, layers": (8, False, 3, {"model": small_reversible(), "tile_size": (64, 48), "layers": 3}),
    "of old, RGB": (8, False, 3, {"model": small_reversible(base="5-3"), "layers": 2}),
    "16 bits, four components": (16, False, 4, {"layers": 2}),
    "1 bit": (1, False, 1, {}),
    "signed 12 bits, two components": (12, True, 2, {"offset": (37, 21), "levels": 3}),
    "signed RGB, single samples": (8, True, 3, {"offset": (49, 47), "tile_size": (50, 48), "levels": 1}),
    "no levels": (5, False, 5, {"levels": 0, "jp2": False}),
}  # fmt: skip


@pytest.mark.parametrize("case", LOSSLESS)
def test_lossless_files(case: str) -> None:
    depth, signed, components, options = LOSSLESS[case]
    samples = textured((101, 115, components), depth, signed=signed, seed=1)
    samples = samples[..., 0] if components == 1 else samples
    embed = "model" in options
    data = _encode(samples, lossless=True, bit_depth=depth, embed_model=embed, **options)
    models = Models(beside=not embed)
    picture = LearnedPicture(data, models)
    assert picture.info.segment_version in (5, 6, 7)
    assert picture.info.model == "integer"
    np.testing.assert_array_equal(picture.decode(), _components_first(samples))
    _assert_equal(data, models)


def test_information() -> None:
    data = _encode(_rgb(), bpp=1, model="hybrid97-9c-compact-dq", layers=2, levels=3)
    info = LearnedPicture(data, SHIPPED).info
    assert (info.components, info.precision, info.levels, info.layers, info.signed) == (3, 8, 3, 2, False)
    assert (info.model, info.model_name, info.dequantiser) == ("twin", "hybrid97-9c-compact-dq", "integer")
    assert info.model_id == shipped()["hybrid97-9c-compact-dq"].id
    assert info.area == Rect(0, 0, 131, 150)
    ordinary = LearnedPicture(_encode(_rgb(), model=None, lossless=True), SHIPPED)
    assert not ordinary.info.learned
    with pytest.raises(CodestreamError):
        ordinary.decode()


def test_all_shipped_transforms_are_found() -> None:
    """Ids, and which models have twins, are those of the registry."""
    data = _encode(_rgb(40, 40), bpp=2, model="hybrid97-9c-compact")
    old = shipped()["hybrid97-9c-compact"].id
    for name, model in shipped().items():
        if model.reversible:  # for lossless files
            with pytest.raises(SegmentError, match="does not fit the transport"):
                LearnedPicture(_with_id(data, old, model.id), SHIPPED)
            continue
        info = LearnedPicture(_with_id(data, old, model.id), SHIPPED).info
        assert info.model_name == name
        assert info.model == ("integer" if model.integer else "twin" if model.twin else "float")


def _with_id(data: bytes, old: bytes, new: bytes) -> bytes:
    """Replace the id of the model in a segment, and its checksum."""
    at = data.index(old)
    start = data.rindex(b"J2KL", 0, at)
    length = struct.unpack_from(">H", data, start - 4)[0] - 4
    payload = data[start : start + length - 4].replace(old, new)
    return data[:start] + payload + struct.pack(">I", zlib.crc32(payload)) + data[start + length :]


def test_models_of_the_caller() -> None:
    data = _encode(_rgb(), bpp=1, model="hybrid97-9c-compact-dq")
    files = [file.data for name, file in shipped_files().items() if name.startswith("hybrid97-9c-compact-dq")]
    _assert_equal(data, Models(files=files, beside=False))
    missing = LearnedPicture(data, Models(beside=False))
    assert missing.info.model == "missing"
    with pytest.raises(ModelNotFoundError, match=missing.info.model_id.hex()):
        missing.decode()
    alone = LearnedPicture(data, Models(files=[shipped_files()["hybrid97-9c-compact-dq"].data], beside=False))
    assert alone.info.model == "float"
    with pytest.raises(UnsupportedError, match="PyTorch"):
        alone.decode()


def test_larger_positions() -> None:
    """Tiles and pictures that begin and end within positions of 4 x 4 samples, which chroma has, but not luma."""
    data = _encode(
        _rgb(),
        bpp=1,
        model=with_larger_positions(),
        embed_model=True,
        offset=(37, 21),
        tile_size=50,
        layers=2,
    )
    _assert_equal(data)
    picture = LearnedPicture(data, SHIPPED)
    whole, draft = picture.decode(), picture.decode(draft=True)
    assert np.abs(whole - draft).max((1, 2)).min() > 2
    for y0, x0, y1, x1 in ((37, 21, 40, 60), (90, 71, 131, 102)):
        part = picture.decode(area=Rect(y0, x0, y1, x1))
        np.testing.assert_array_equal(part, whole[:, y0 - 37 : y1 - 37, x0 - 21 : x1 - 21])


def test_drafts_leave_dequantisation_out() -> None:
    data = _encode(_rgb(), bpp=0.5, model="hybrid97-9c-compact-dq-int")
    picture = LearnedPicture(data, SHIPPED)
    draft, full = picture.decode(draft=True), picture.decode()
    assert not np.array_equal(draft, full)
    region = Rect(20, 30, 60, 90)
    np.testing.assert_array_equal(picture.decode(draft=True, area=region), draft[:, 20:60, 30:90])


def test_a_dequantiser_without_a_twin() -> None:
    """The network of P2 needs PyTorch; the transform has a twin."""
    data = _encode(_rgb(), bpp=2, model=with_float_network(), embed_model=True)
    picture = LearnedPicture(data, SHIPPED)
    assert (picture.info.model, picture.info.dequantiser) == ("twin", "float")
    with pytest.raises(UnsupportedError, match="PyTorch"):
        picture.decode()
    assert picture.decode(draft=True).shape == (3, 131, 150)
    reduced = _components_first(j2klearn.decode(data, reduce=1, engine="native"))
    np.testing.assert_array_equal(picture.decode(reduce=1), reduced)


def test_reading_through_a_function() -> None:
    data = _encode(_rgb(), bpp=1, model="hybrid97-9c-compact")
    picture = LearnedPicture(
        lambda offset, count: data[offset : offset + min(count, 1000)], SHIPPED, len(data)
    )
    np.testing.assert_array_equal(picture.decode(), LearnedPicture(data, SHIPPED).decode())

    def broken(offset: int, count: int) -> bytes:
        raise OSError

    with pytest.raises(CodestreamError, match="cannot be read"):
        LearnedPicture(broken, SHIPPED, 1000)


def test_truncated_files() -> None:
    data = _encode(_rgb(), bpp=2, model="hybrid97-9c-compact-dq", jp2=False)[:-2000]
    picture = LearnedPicture(data, SHIPPED)
    with pytest.warns(TruncatedWarning):
        expected = j2klearn.decode(data)
    np.testing.assert_array_equal(picture.decode(), _components_first(expected))
    assert picture.missing


def test_options_are_checked() -> None:
    picture = LearnedPicture(_encode(_rgb(), bpp=1, model="hybrid97-9c-compact"), SHIPPED)
    for options in ({"reduce": 9}, {"reduce": -1}, {"components": [3]}, {"components": [0, 0]}):
        with pytest.raises(OptionError):
            picture.decode(**options)
    with pytest.raises(OptionError):
        picture.decode(area=Rect(500, 500, 600, 600))
    with pytest.raises(LimitError):
        picture.decode(max_pixels=1000)


def test_threads_share_models() -> None:
    data = _encode(_rgb(), bpp=1, model="hybrid97-9c-compact-dq")
    models = Models()
    out: list[Samples] = []
    workers = [
        threading.Thread(target=lambda: out.append(LearnedPicture(data, models).decode(threads=2)))
        for _ in range(8)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    expected = _components_first(j2klearn.decode(data))
    assert len(out) == 8
    assert all(np.array_equal(each, expected) for each in out)


def test_tables() -> None:
    """The tables of the format, which native code computes itself, give the samples of the twin's definition."""
    nodes = [0.7 * 1024 * np.arcsinh(2.0 ** (k // 32) * (1 + k % 32 / 32) - 1) for k in range(545)]
    assert np.array_equal(compression(), np.rint(nodes).astype(np.int16))
    # no node is so near to a half that the last bits of a library of mathematics matter
    assert min(abs(node % 1 - 0.5) for node in nodes) > 1e-6
    powers = np.exp2(np.arange(256) / 256)
    assert np.array_equal(octaves(), powers.astype(np.float32))
    halves = np.abs((powers * 2.0**23) % 1 - 0.5)
    assert halves.min() > 1e-6


def test_embedded_models_are_checked() -> None:
    """A picture with a damaged model is refused, as by j2klearn.decode."""
    model = shipped()["hybrid97-9c-compact-int"]
    data = _encode(_rgb(40, 40), bpp=2, model=model, embed_model=True, jp2=False)
    start = data.index(b"J2KL\1\1")
    length = struct.unpack_from(">H", data, start - 4)[0] - 4
    rng = np.random.default_rng(0)
    for _ in range(60):
        payload = bytearray(data[start : start + length - 4])
        for _ in range(rng.integers(1, 3)):
            payload[rng.integers(8, 2500)] = rng.integers(0, 256)
        bad = data[:start] + payload + struct.pack(">I", zlib.crc32(payload)) + data[start + length :]
        try:
            Model.from_bytes(bytes(payload[8:]))
        except (ModelError, J2KError):
            with pytest.raises(ModelError):
                LearnedPicture(bad, Models(beside=False)).decode()
    damaged = data[: start + 50] + b"\0" + data[start + 51 :]
    with pytest.raises(SegmentError, match="checksum"):
        LearnedPicture(damaged, SHIPPED)


def test_ids_of_unusual_configurations() -> None:
    """Ids are computed from JSON as Python writes it, whatever the file's own JSON looks like."""
    import safetensors.numpy

    model = shipped()["hybrid53-9c-compact-int"]
    config = json.dumps(dict(reversed(list(model.config.items()))), indent=2)
    odd = safetensors.numpy.save(
        {name: np.ascontiguousarray(array) for name, array in model.tensors.items()},
        {"config": config, "card": "{}"},
    )
    data = _encode(_rgb(40, 40), bpp=2, model=model)
    assert LearnedPicture(data, Models(files=[odd], beside=False)).info.model == "integer"
