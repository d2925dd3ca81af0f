"""Codecs of the benchmark: real files, and a check of the benchmark itself: a worse codec gets a worse BD-rate."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from j2klearn.benchmark import measure
from j2klearn.benchmark.codecs.j2k import Jpeg2000
from j2klearn.benchmark.codecs.peers import PEERS
from j2klearn.benchmark.codecs.registry import codec_names, find_codec
from j2klearn.benchmark.protocol import Protocol
from j2klearn.errors import OptionError
from j2klearn.metrics.bd_rate import Curve, bd_rate
from j2klearn.metrics.psnr import psnr
from j2klearn.models.registry import DEFAULT_MODEL, shipped

RATES = (0.25, 0.5, 1.0, 2.0)
JPEG2000 = ("default", "9-7", "5-3", "opj-9-7", "opj-5-3", "pillow")


def usable(name):
    codec = find_codec(name)
    if codec.missing:
        pytest.skip(codec.missing)
    return codec


@pytest.mark.parametrize("make", ["layered", "single"])
@pytest.mark.parametrize("name", JPEG2000)
def test_complete_files_at_the_rates_asked_for(name, make, rgb):
    codec = usable(name)
    files = getattr(codec, make)(rgb, RATES, 8)
    bpp = [8 * len(data) / (rgb.shape[0] * rgb.shape[1]) for data in files]
    assert bpp == pytest.approx(RATES, rel=0.05)
    qualities = [psnr(rgb, codec.decode(data)) for data in files]
    assert all(b > a + 1 for a, b in itertools.pairwise(qualities))
    with Image.open(io.BytesIO(files[0])) as picture:  # Pillow reads them too
        assert picture.size == (rgb.shape[1], rgb.shape[0])


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("kind", ["grey", "rgb"])
def test_other_formats(name, kind, request):
    image, codec = request.getfixturevalue(kind)[:128, :160], usable(name)
    files = codec.single(image, RATES, 8)
    sizes = [len(data) for data in files]
    assert sizes[-1] > 3 * sizes[0]  # the qualities span a range of rates
    decoded = codec.decode(files[-1])
    decoded = decoded[..., 0] if decoded.ndim > image.ndim else decoded
    assert decoded.shape == image.shape
    assert psnr(image, decoded) > 28
    with pytest.raises(OptionError, match="8 bits"):
        codec.single(image.astype(np.uint16), RATES, 16)


@pytest.mark.parametrize("wavelet", ["9-7", "5-3"])
@pytest.mark.parametrize("make", ["layered", "single"])
def test_the_shim_and_openjpegs_programs_agree(wavelet, make, photograph):
    tools = usable(f"opj-{wavelet}")
    image = np.asarray(Image.fromarray(photograph[400:912, 800:1568]).convert("L"))
    rates = (0.1, 0.25, 0.5, 1.0)
    ours, theirs = (getattr(codec, make)(image, rates, 8) for codec in (find_codec(wavelet), tools))
    for a, b in zip(ours, theirs, strict=True):
        assert len(a) == pytest.approx(len(b), rel=0.005)
        assert psnr(image, find_codec(wavelet).decode(a)) == pytest.approx(
            psnr(image, tools.decode(b)), abs=0.02
        )


def test_sixteen_bits(grey16):
    for name in ("default", "9-7", "opj-9-7", "pillow"):
        codec = usable(name)
        (data,) = codec.single(grey16, [2.0], 16)
        assert psnr(grey16, codec.decode(data), 16) > 25, name


class Padded(Jpeg2000):
    """A codec that wastes a tenth of its bytes."""

    def layered(self, image, rates, bit_depth):
        return [data + bytes(len(data) // 9) for data in super().layered(image, rates, bit_depth)]


class Blurred(Jpeg2000):
    """A codec that decodes a worse picture."""

    def decode(self, data):
        decoded = super().decode(data).astype(np.uint16)
        return ((decoded * 15 + np.roll(decoded, 1, axis=1)) >> 4).astype(np.uint8)


@pytest.mark.parametrize(("worse", "least"), [(Padded, 10.5), (Blurred, 1.5)])
def test_a_worse_codec_is_ranked_worse(worse, least, grey, tmp_path, monkeypatch):
    path = tmp_path / "picture.png"
    Image.fromarray(grey).save(path)
    task = measure.Task("9-7", path, Protocol(rates=RATES, metrics=("psnr",)))
    right = task.run()
    monkeypatch.setattr(measure, "find_codec", lambda name, threads, **_: worse("9-7", threads))
    wrong = task.run()
    delta = bd_rate(Curve.of(right["bpp"], right["psnr"]), Curve.of(wrong["bpp"], wrong["psnr"]))
    assert delta is not None
    assert delta > least
    if worse is Padded:
        assert delta == pytest.approx(100 / 9, abs=0.2)


def test_luma_is_coded_as_luma(rgb, tmp_path):
    path = tmp_path / "picture.png"
    Image.fromarray(rgb).save(path)
    luma = Protocol(rates=(1.0,), metrics=("psnr",))
    grey = measure.prepare(rgb, luma)
    assert np.array_equal(grey, np.asarray(Image.fromarray(rgb).convert("L")))
    deep = measure.prepare(rgb.astype(np.uint16) * 257, luma)
    assert np.abs(deep / 257 - grey).max() <= 1
    assert measure.prepare(rgb, replace(luma, channels="rgb")) is rgb
    assert measure.Task("9-7", path, luma).run()["bytes"][0] * 8 <= rgb[..., 0].size


def test_names():
    assert find_codec("default").name == DEFAULT_MODEL
    lossy = {name for name, model in shipped().items() if not model.reversible}
    assert {"default", "9-7", "opj-5-3", "jxl", *lossy} <= set(codec_names())
    for name in shipped().keys() - lossy:
        assert name not in codec_names()
        with pytest.raises(OptionError, match="lossless"):
            find_codec(name)
    with pytest.raises(OptionError, match="no codec 'h265'"):
        find_codec("h265")


def test_the_identity_follows_the_model(tmp_path):
    (name, model), *_ = shipped().items()
    copy = Path(tmp_path, "copy.safetensors")
    copy.write_bytes(model.to_bytes())
    assert find_codec(str(copy)).identity == find_codec(name).identity
    assert find_codec(str(copy)).name == "copy"
    assert find_codec("9-7").identity != find_codec(name).identity


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "other"}, "protocol"),
        ({"channels": "cmyk"}, "channels"),
        ({"rates": (0.5, 0.5)}, "rates"),
        ({"rates": ()}, "rates"),
        ({"rates": (0.0, 1.0)}, "rates"),
        ({"metrics": ("psnr", "vmaf")}, "metrics"),
        ({"metrics": ("ssim",)}, "metrics"),
        ({"bit_depth": 24}, "bit depth"),
    ],
)
def test_invalid_protocols(options, message):
    with pytest.raises(OptionError, match=message):
        Protocol(**options)
