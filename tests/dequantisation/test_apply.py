"""Learned de-quantisation: the noise table in the file, its use in the decoder, and the training of the network."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data as photographs

import j2klearn
from j2klearn.access.partial_codestream import PartialCodestream
from j2klearn.cli import main
from j2klearn.codestream.learned_segment import Descriptor, noise_fits
from j2klearn.core.geometry import Rect
from j2klearn.core.noise_table import NoiseTable
from j2klearn.core.request import ReadRequest
from j2klearn.core.run import Run
from j2klearn.core.subbands import Subbands
from j2klearn.dequantisation.apply import NoiseMap, dequantise
from j2klearn.dequantisation.networks import (
    Dequantiser,
    GuidedDequantiser,
    ResidualDequantiser,
    dequantiser_of,
)
from j2klearn.dequantisation.noise import REACH, measure
from j2klearn.ebcot.learned_file import LearnedFile
from j2klearn.errors import ModelError, SegmentError
from j2klearn.io.sources import open_source
from j2klearn.layers import keep_layers
from j2klearn.metrics.psnr import psnr
from j2klearn.models.config import check_config
from j2klearn.models.model import Model
from j2klearn.models.registry import DEFAULT_MODEL, resolve
from j2klearn.training.dequantisation.train import GUIDED
from j2klearn.training.subband_patches import read_patches

RATES = [0.2, 0.5, 1.0]

#: A model that processes every component by itself.
SINGLE = "hybrid97-9c-compact-dq"


@pytest.fixture(scope="module")
def picture():
    return photographs.camera()


def opened(data: bytes) -> LearnedFile:
    file = LearnedFile.open(PartialCodestream(open_source(data)))
    assert file is not None
    return file


def test_it_pays_at_every_layer(picture):
    data = j2klearn.encode(picture, bpp=RATES)
    file = opened(data)
    gains = []
    for layer in (1, 2, 3):
        before = np.clip(np.rint(file.synthesised(layer)[0] + 128), 0, 255).astype(np.uint8)
        gains.append(psnr(picture, j2klearn.decode(data, layers=layer), 8) - psnr(picture, before, 8))
    assert min(gains) > 0.08
    assert psnr(picture, j2klearn.decode(data), 8) == psnr(picture, j2klearn.decode(data, layers=3), 8)


def test_colours_too():
    picture = photographs.astronaut()[:300, 50:401]
    model = resolve(DEFAULT_MODEL)
    data = j2klearn.encode(picture, bpp=1)
    table = opened(data).descriptor.noise
    assert table is not None
    assert table.codes.shape == (3, 1, 1)
    plain = Model(
        {key: value for key, value in model.config.items() if key != "dequantiser"},
        {key: value for key, value in model.tensors.items() if not key.startswith("dequantiser.")},
    )
    without = j2klearn.decode(j2klearn.encode(picture, bpp=1, model=plain), model=plain)
    assert psnr(picture, j2klearn.decode(data), 8) > psnr(picture, without, 8) + 0.1


def test_noise_falls_with_the_rate(picture):
    table = opened(j2klearn.encode(picture, bpp=RATES)).descriptor.noise
    assert table is not None
    levels = [table.log2(0, layer) for layer in (1, 2, 3, 9)]
    assert levels[0] > levels[1] > levels[2] == levels[3]


@pytest.mark.parametrize("tile_size", [None, 128])
def test_regions_come_out_like_the_whole(picture, tile_size):
    data = j2klearn.encode(picture, bpp=0.4, tile_size=tile_size, offset=(3, 5))
    whole = j2klearn.decode(data).astype(int)
    for y0, x0, y1, x1 in ((0, 0, 60, 61), (101, 77, 230, 132), (449, 460, 512, 512), (7, 0, 8, 512)):
        part = j2klearn.decode(data, region=(y0, x0, y1, x1))
        assert np.abs(part - whole[y0:y1, x0:x1]).max() <= 1


def test_fewer_layers_in_a_file_of_their_own(picture):
    data = j2klearn.encode(picture, bpp=RATES, plt=True)
    assert np.array_equal(j2klearn.decode(keep_layers(data, 2)), j2klearn.decode(data, layers=2))


def test_strips_tell_the_noise_of_their_tiles(picture, tmp_path):
    j2klearn.encode_file(picture, tmp_path / "a.jp2", bpp=0.5, tile_size=128, layers=2)
    table = opened((tmp_path / "a.jp2").read_bytes()).descriptor.noise
    assert table is not None
    assert table.codes.shape == (1, 2, 16)
    assert len(np.unique(table.codes)) > 4


def test_lower_resolutions_and_flat_pictures(picture):
    data = j2klearn.encode(picture, bpp=0.5)
    file = opened(data)
    half = np.clip(np.rint(file.read(ReadRequest(file.header.area, 1), Run()).samples), 0, 255).astype(
        np.uint8
    )
    assert np.array_equal(j2klearn.decode(data, reduce=1), half)
    for value in (0, 77, 255):
        flat = np.full((100, 90), value, np.uint8)
        assert np.abs(j2klearn.decode(j2klearn.encode(flat, bpp=1)).astype(int) - value).max() <= 1
    for shape in ((1, 1), (1, 9), (5, 5), (4, 40)):
        small = np.full(shape, 90, np.uint8)
        assert j2klearn.decode(j2klearn.encode(small, bpp=8)).shape == shape


def test_the_segment():
    descriptor = opened(j2klearn.encode(np.zeros((64, 64), np.uint8), bpp=1, fallback=False)).descriptor
    codes = np.arange(1, 13, dtype=np.uint8).reshape(1, 3, 4)
    payload = replace(descriptor, noise=NoiseTable(codes)).to_bytes()
    assert payload[4] == 2
    read = Descriptor.from_bytes(payload)
    assert read.noise is not None
    assert np.array_equal(read.noise.codes, codes)
    assert replace(descriptor, noise=None).to_bytes()[4] == 1

    def sealed(data: bytes) -> bytes:
        return data + struct.pack(">I", zlib.crc32(data))

    for wrong in (payload[:-5], payload[:-4] + b"\x00", payload[:-16], payload[:-17]):
        with pytest.raises(SegmentError, match="length"):
            Descriptor.from_bytes(sealed(wrong))
    assert noise_fits(3, 10, 1000)
    assert not noise_fits(3, 100, 1000)
    assert not noise_fits(1, 256, 1)


def test_a_table_for_other_tiles_is_an_error(picture):
    data = j2klearn.encode(picture[:128, :128], bpp=1, jp2=False, fallback=False)
    descriptor = opened(data).descriptor
    old = descriptor.to_bytes()
    new = replace(descriptor, noise=NoiseTable(np.ones((1, 1, 2), np.uint8))).to_bytes()
    at = data.index(old)
    length = struct.pack(">H", len(new) + 4)
    with pytest.raises(SegmentError, match="number of tiles"):
        j2klearn.decode(data[: at - 4] + length + data[at - 2 : at] + new + data[at + len(old) :])


def test_measured_noise():
    area = Rect(0, 0, 256, 256)
    bands = Subbands(
        area.resolution(1),
        np.zeros((16, 16), np.float32),
        [tuple(np.full((256 >> level,) * 2, 4.0, np.float32) for _ in range(3)) for level in (2, 3, 4)],
    )
    # HH has the smallest norm of a level, and the median of the three levels is that of level 3: 2.0793
    (code,) = measure(bands, area, [area])
    (noise,) = NoiseTable(np.array([[[code]]], np.uint8)).log2(0, 1)
    assert abs(2.0**noise / (4.0 * 2.0793) - 1) < 0.06
    for level in bands.details:
        for band in level:
            band[:] = 0
    (code,) = measure(bands, area, [area])
    assert (code - 80) / 8 == 6  # the default for tiles without nonzero coefficients: 64 grey levels
    assert NoiseTable(np.zeros((1, 1, 1), np.uint8)).log2(0, 1) is None


def test_noise_between_tiles():
    levels = np.array([[1.0, 3.0], [1.0, 3.0]], np.float32)
    noise = NoiseMap(levels, np.array([50.0, 150.0]), np.array([50.0, 150.0])).of(Rect(0, 0, 200, 200))[0, 0]
    assert noise.shape == (100, 100)
    assert torch.allclose(noise[:, :24], torch.tensor(1.0))
    assert torch.allclose(noise[:, 76:], torch.tensor(3.0))
    assert abs(noise[40, 50].item() - 2) < 0.03


@pytest.mark.parametrize("side", [2, 4])
def test_blocks_are_not_seen(monkeypatch, picture, side):
    torch.manual_seed(0)
    network = Dequantiser(8, 2, side).eval()
    torch.nn.init.normal_(network.tail.weight, std=0.3)
    plane = picture[None, :301, :255].astype(np.float32) - 128
    noise = NoiseMap(np.array([[2.0]], np.float32), np.array([0.0]), np.array([0.0]))
    once, blocks = plane.copy(), plane.copy()
    dequantise(once, Rect(5, 7, 306, 262), network, [noise], ict=False)
    monkeypatch.setattr("j2klearn.dequantisation.apply._BLOCK", 64)
    dequantise(blocks, Rect(5, 7, 306, 262), network, [noise], ict=False)
    assert np.abs(once - plane).max() > 1
    assert np.abs(once - blocks).max() < 1e-3


def test_a_new_network_changes_nothing(picture):
    planes = np.repeat(picture[None].astype(np.float32), 3, axis=0)
    before = planes.copy()
    noises = [NoiseMap(np.zeros((1, 1), np.float32), *(np.zeros(1),) * 2)] * 3
    for network in (
        Dequantiser(8, 1),
        GuidedDequantiser(8, 1, 8, 2),
        GuidedDequantiser(8, 1, 8, 2, chroma_side=4),
    ):
        for ict in (False, True):
            dequantise(planes, Rect(0, 0, 512, 512), network, noises, ict=ict)
            assert np.array_equal(planes, before)


def test_models_are_checked():
    model = resolve(DEFAULT_MODEL)
    assert model.dequantises
    assert Model.from_bytes(model.to_bytes()).id == model.id
    with pytest.raises(ModelError, match="dequantiser"):
        Model({**model.config, "dequantiser": {"width": 1000, "pairs": 1}}, model.tensors)
    with pytest.raises(ModelError, match="weights"):
        _ = Model({**model.config, "dequantiser": {"width": 8, "pairs": 1}}, model.tensors).dequantiser
    with pytest.raises(ModelError, match="weights"):
        Model({key: value for key, value in model.config.items() if key != "dequantiser"}, model.tensors)


def test_memory_in_another_order_is_written_right(tmp_path):
    model = resolve(DEFAULT_MODEL)
    strided = {key: np.asfortranarray(value) for key, value in model.tensors.items()}
    again = Model.from_bytes(Model(model.config, strided).to_bytes())
    assert again.id == model.id


def test_training(tmp_path, capsys):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for at in range(4):
        Image.fromarray(photographs.astronaut()[:256, 60 * at : 60 * at + 256]).save(folder / f"{at}.png")
    out = tmp_path / "model.safetensors"
    argv = [
        "train-dequantiser",
        "hybrid97-9c-compact",
        "--data",
        str(folder),
        "--out",
        str(out),
        "--threads",
        "1",
    ]
    assert main([*argv, "--steps", "2"]) == 2  # there are too few crops for a batch
    assert "a batch needs 16" in capsys.readouterr().err
    for at in range(4, 8):
        Image.fromarray(photographs.coffee()[:256, 40 * at - 160 : 40 * at + 96]).save(folder / f"{at}.png")
    assert main([*argv, "--steps", "1"]) == 0
    model = Model.load(out)
    assert model.dequantises
    assert model.name == "hybrid97-9c-compact-dq"
    assert model.card["dequantiser"]["steps"] == 1
    first = out.read_bytes()
    assert main([*argv, "--steps", "1"]) == 0
    assert Model.from_bytes(first).id == Model.load(out).id
    assert main([*argv, "--steps", "1", "--resume"]) == 0  # no steps are left
    assert Model.from_bytes(first).id == Model.load(out).id
    assert main([*argv, "--steps", "2", "--resume"]) == 2
    assert "training.steps differ" in capsys.readouterr().err
    assert main([*argv, "--steps", "0"]) == 2
    assert main([*argv, "--steps", "1", "--width", "8", "--pairs", "1"]) == 0
    assert Model.load(out).config["dequantiser"] == {"width": 8, "pairs": 1}
    assert main([*argv, "--steps", "1", "--width", "8", "--pairs", "1", "--side", "4"]) == 0
    assert Model.load(out).config["dequantiser"] == {"width": 8, "pairs": 1, "side": 4}
    assert Model.load(out).dequantiser.side == 4
    assert main([*argv, "--steps", "1", "--chroma-side", "4"]) == 2
    assert "--guided" in capsys.readouterr().err
    assert main([*argv, "--steps", "2", "--pairs", "5"]) == 2
    assert "pairs" in capsys.readouterr().err
    assert main([*argv, "--steps", "1", "--entropy", "context97"]) == 2
    assert "--guided" in capsys.readouterr().err


def test_guided_training(tmp_path, capsys, monkeypatch):
    """The training starts from the smaller network and uses both coders. The trained model codes pictures."""
    settings = replace(
        GUIDED, width=34, chroma_width=64, chroma_pairs=2, crop=32, batch=2, learning_rate=1e-6
    )
    monkeypatch.setattr("j2klearn.training.dequantisation.train.GUIDED", settings)
    monkeypatch.setattr(
        "j2klearn.training.subband_patches.read_patches",
        lambda folder, count: read_patches(folder, count=count)[:, :96, :96],
    )
    picture = photographs.astronaut()[:256, :256]
    Image.fromarray(picture).save(tmp_path / "a.png")
    out = tmp_path / "model.safetensors"
    argv = [
        "train-dequantiser",
        "hybrid97-9c-compact",
        "--guided",
        "--entropy",
        "context97",
        "--out",
        str(out),
    ]
    argv += ["--data", str(tmp_path), "--steps", "2", "--threads", "1"]
    assert main([*argv, "--start", "hybrid53-9c-compact"]) == 2
    assert "begin with" in capsys.readouterr().err
    assert main([*argv, "--start", SINGLE]) == 0
    model = Model.load(out)
    assert model.name == "hybrid97-9c-compact-guided"
    assert model.tensors["dequantiser.luma.head.weight"].dtype == np.float16
    x, noise = torch.rand(1, 1, 64, 64) * 100, torch.full((1, 1, 1, 1), 3.0)
    before = resolve(SINGLE).dequantiser(x, noise)
    assert torch.abs(model.dequantiser.luma(x, noise) - before).max() < 0.05 * before.abs().max()
    three = torch.rand(1, 3, 64, 64) * 100
    expected = [resolve(SINGLE).dequantiser(three[:, at : at + 1], noise)[0, 0] for at in (1, 2)]
    added = model.dequantiser.chroma(three, noise.expand(1, 2, 1, 1))[0]
    assert torch.abs(added - torch.stack(expected)).max() < 0.05 * added.abs().max()
    large = [*argv, "--start", SINGLE, "--chroma-width", "8"]
    assert main([*large, "--side", "4"]) == 2
    assert "side of 2 samples, not of 4" in capsys.readouterr().err
    assert main([*large, "--chroma-side", "4"]) == 0  # luma begins as before, chroma at random
    larger = Model.load(out)
    assert larger.config["dequantiser"]["chroma_side"] == 4
    assert larger.dequantiser.chroma.head.weight.shape == (8, 50, 3, 3)
    assert torch.abs(larger.dequantiser.luma(x, noise) - before).max() < 0.05 * before.abs().max()
    picture = picture[:144, :160]
    data = j2klearn.encode(picture, bpp=0.5, model=model)
    whole = j2klearn.decode(data, model=model)
    assert psnr(picture, whole, 8) > 24
    part = j2klearn.decode(data, model=model, region=(60, 50, 130, 121)).astype(int)
    assert np.abs(part - whole[60:130, 50:121]).max() <= 1


def test_nothing_is_done_to_pictures_that_are_too_small_to_tell():
    small = np.random.default_rng(2).integers(0, 256, (4, 4)).astype(np.uint8)
    table = opened(j2klearn.encode(small, bpp=3000)).descriptor.noise
    assert table is None or not table.codes.any()
    assert psnr(small, j2klearn.decode(j2klearn.encode(small, bpp=3000)), 8) > 50


def residual(reads_noise: bool = False) -> ResidualDequantiser:
    network = dequantiser_of({"kind": "residual", "width": 4, "blocks": 6, "told": reads_noise})
    assert isinstance(network, ResidualDequantiser)
    torch.manual_seed(4)
    with torch.no_grad():
        for weight in network.parameters():
            weight.normal_(0, 0.15)
    return network.eval().requires_grad_(False)


def test_residual_dequantiser_starts_as_nothing_and_sees_fifteen_samples():
    fresh = dequantiser_of({"kind": "residual", "width": 4, "blocks": 6, "told": False})
    x = torch.rand(1, 1, 40, 40) * 100
    assert not fresh(x, torch.zeros(1, 1, 1, 1)).any()
    x.requires_grad_(True)
    out = residual()(x, torch.zeros(1, 1, 1, 1))
    out[0, 0, 20, 20].backward()
    rows = x.grad[0, 0].abs().sum(1).nonzero().ravel()
    assert 0 < rows.max() - 20 <= 15 <= REACH


def test_residual_dequantiser_is_told_the_noise_or_not():
    x = torch.rand(1, 1, 16, 16) * 100
    high, low = torch.full((1, 1, 1, 1), 5.0), torch.zeros(1, 1, 8, 8)
    assert torch.equal(residual()(x, high), residual()(x, low))
    network = residual(reads_noise=True)
    assert not torch.equal(network(x, high), network(x, low))
    assert torch.equal(network(x, low), network(x, torch.zeros(1, 1, 1, 1)))


def test_residual_dequantiser_works_in_blocks_like_on_the_whole():
    rng = np.random.default_rng(2)
    area = Rect(0, 0, 531, 37)
    plane = rng.normal(0, 40, area.shape).astype(np.float32)
    network, zero = residual(), np.zeros(1)
    noise = NoiseMap(np.zeros((1, 1), np.float32), zero, zero)
    whole = torch.from_numpy(np.pad(plane, ((0, 1), (0, 1)), mode="edge"))[None, None]
    expected = plane + network(whole, torch.zeros(1, 1, 1, 1))[0, 0, :531, :37].numpy()
    dequantise(plane[None], area, network, [noise], ict=False)
    assert np.abs(plane - expected).max() < 1e-2


def guided() -> GuidedDequantiser:
    network = GuidedDequantiser(8, 1, 9, 2)
    torch.manual_seed(5)
    with torch.no_grad():
        for weight in network.parameters():
            weight.normal_(0, 0.1)
    return network.eval().requires_grad_(False)


def test_chroma_is_guided_by_luma_as_it_was_before():
    rng = np.random.default_rng(3)
    area = Rect(1, 0, 44, 37)
    planes = rng.normal(0, 40, (4, *area.shape)).astype(np.float32)
    zero = np.zeros(1)
    noises = [NoiseMap(np.full((1, 1), level, np.float32), zero, zero) for level in (1.0, 2.0, 3.0, 4.0)]

    def correction(changed: int | None = None, noises=noises, ict: bool = True) -> np.ndarray:
        out = planes.copy()
        if changed is not None:
            out[changed, 20, 20] += 60
        before = out.copy()
        dequantise(out, area, guided(), noises, ict=ict)
        return out - before

    whole = correction()
    assert np.abs(whole).max((1, 2)).min() > 1
    # luma and the extra component do not depend on the others; chroma does not depend on the correction of luma
    alone = planes[[0, 3]].copy()
    dequantise(alone, area, guided(), [noises[0], noises[3]], ict=False)
    assert np.array_equal(alone - planes[[0, 3]], whole[[0, 3]])
    assert np.array_equal(correction(noises=[None, *noises[1:]])[1:], whole[1:])
    assert not correction(noises=[None, *noises[1:]])[0].any()
    # the components whose correction depends on a sample of each component
    reaches = [np.abs(correction(at) - whole).max((1, 2)) > 0 for at in range(4)]
    assert np.array_equal(
        reaches,
        [[True, True, True, False], [False, True, True, False], [False, True, True, False], [0, 0, 0, 1]],
    )
    # if one chroma component has no noise, both stay unchanged; without the ICT components are independent
    assert not correction(noises=[noises[0], None, noises[2], noises[3]])[1:3].any()
    apart = [np.abs(correction(at, ict=False) - correction(ict=False)).max((1, 2)) > 0 for at in range(4)]
    assert np.array_equal(apart, np.eye(4, dtype=bool))


@pytest.mark.parametrize(("side", "reach"), [(2, REACH), (4, 2 * REACH)])
def test_guided_dequantiser_reaches_no_further_than_it_may(side, reach):
    network = GuidedDequantiser(4, 4, 4, 4, chroma_side=side)
    assert network.reach == reach
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    x = (torch.rand(1, 3, 160, 160) * 100).requires_grad_(True)
    network.chroma(x, torch.zeros(1, 2, 1, 1))[0, :, 80, 80].sum().backward()
    rows = x.grad[0].abs().sum((0, 2)).nonzero().ravel()
    assert 20 < rows.max() - 80 <= reach
    assert 20 < 80 - rows.min() <= reach


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "other"},
        {"kind": ""},
        {"kind": "residual", "width": 4, "blocks": 6},
        {"kind": "guided", "width": 4, "pairs": 6},
        {"width": 4, "pairs": 1, "side": 2},
        {"width": 4, "pairs": 1, "side": 8},
        {"width": 4, "pairs": 1, "side": 4.0},
        {"width": 4, "pairs": 1, "chroma_side": 4},
        {"kind": 3},
        5,
    ],
    ids=str,
)
def test_impossible_dequantisers(options):
    with pytest.raises(ModelError, match="dequantiser"):
        check_config({"structure": "fixed", "base": "9-7", "dequantiser": options})
