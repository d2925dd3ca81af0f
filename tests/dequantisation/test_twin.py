"""The integer twin of the de-quantisation network: native code against the definition, and twins against networks."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal, localcontext

import numpy as np
import pytest
import torch
from skimage import data as photographs

import j2klearn
from j2klearn.access.partial_codestream import PartialCodestream
from j2klearn.core.geometry import Rect
from j2klearn.dequantisation.apply import NoiseMap, dequantise
from j2klearn.dequantisation.networks import (
    Dequantiser,
    GuidedDequantiser,
    ResidualDequantiser,
    dequantiser_of,
)
from j2klearn.dequantisation.parts import Part
from j2klearn.dequantisation.twin.definition import compressed, corrected, features
from j2klearn.dequantisation.twin.engine import dequantise_part
from j2klearn.dequantisation.twin.network import DequantiserTwin, GuidedTwin
from j2klearn.dequantisation.twin.noise import HIGHEST, LOWEST, noise_codes
from j2klearn.dequantisation.twin.quantise import quantise_dequantiser
from j2klearn.dequantisation.twin.tables import LARGEST_FEATURE, compression, octaves, power
from j2klearn.ebcot.learned_file import LearnedFile
from j2klearn.errors import InputError, ModelError, OptionError
from j2klearn.io.sources import open_source
from j2klearn.metrics.psnr import psnr
from j2klearn.models.registry import resolve
from j2klearn.native.instructions import available_instructions


def random_twin(
    width: int,
    pairs: int,
    seed: int = 0,
    largest: int = 3000,
    reads: int = 1,
    writes: int = 1,
    side: int = 2,
) -> DequantiserTwin:
    """Return a twin whose activations span the whole range, some of them clamped."""
    rng = np.random.default_rng(seed)
    layers, phases = 2 * pairs, side * side
    most_first = 3000 if side == 2 else 600

    def weights(*shape: int) -> np.ndarray:
        most = max(1, largest // width)
        return rng.integers(-most, most + 1, shape).astype(np.int16)

    return DequantiserTwin(
        first=rng.integers(-most_first, most_first + 1, (width, phases * reads + writes, 3, 3)).astype(
            np.int16
        ),
        first_bias=rng.integers(-(1 << 20), 1 << 20, width).astype(np.int32),
        body=weights(layers, width, width, 3, 3),
        body_bias=rng.integers(-(1 << 20), 1 << 20, (layers, width)).astype(np.int32),
        last=weights(phases * writes, width, 3, 3),
        last_bias=rng.integers(-(1 << 20), 1 << 20, phases * writes).astype(np.int32),
        first_shift=13,
        body_shifts=(11, 12) * pairs,
        last_shift=9,
        output_bits=9,
        side=side,
    )


def random_plane(rng: np.random.Generator, area: Rect) -> np.ndarray:
    plane = (rng.normal(0, 30, area.shape).cumsum(0) / 4).astype(np.float32)
    for value in (np.nan, np.inf, -np.inf, 3e38, 1e-42):
        if area.size > 50:
            plane[rng.integers(area.height), rng.integers(area.width)] = value
    return plane


def random_noise(rng: np.random.Generator, area: Rect, side: int = 2) -> np.ndarray:
    whole = area.aligned(side)
    return rng.integers(LOWEST, HIGHEST + 1, (whole.height // side, whole.width // side)).astype(np.int16)


@pytest.mark.parametrize("instructions", available_instructions())
@pytest.mark.parametrize(
    ("width", "pairs", "components", "area", "side"),
    [
        (32, 2, (1, 1), Rect(0, 0, 70, 270), 2),
        (16, 2, (1, 1), Rect(3, 5, 153, 246), 2),
        (8, 1, (1, 1), Rect(1, 0, 40, 33), 2),
        (20, 3, (1, 1), Rect(0, 1, 31, 20), 2),
        (64, 4, (1, 1), Rect(6, 4, 20, 21), 2),
        (1, 1, (1, 1), Rect(0, 0, 9, 9), 2),
        (5, 2, (1, 1), Rect(1, 1, 2, 2), 2),
        (5, 2, (1, 1), Rect(0, 7, 1, 30), 2),
        (32, 2, (3, 2), Rect(3, 5, 60, 250), 2),
        (20, 1, (3, 2), Rect(0, 0, 33, 40), 2),
        (8, 2, (3, 2), Rect(1, 1, 2, 2), 2),
        (16, 2, (1, 1), Rect(3, 5, 153, 646), 4),
        (9, 4, (1, 1), Rect(2, 0, 41, 35), 4),
        (5, 1, (1, 1), Rect(5, 7, 6, 8), 4),
        (32, 2, (3, 2), Rect(1, 6, 84, 303), 4),
        (64, 1, (3, 2), Rect(0, 3, 33, 41), 4),
        (8, 2, (3, 2), Rect(3, 3, 5, 30), 4),
    ],
)
def test_native_code_follows_the_definition(width, pairs, components, area, side, instructions):
    rng = np.random.default_rng(width)
    reads, writes = components
    twin = random_twin(width, pairs, reads=reads, writes=writes, side=side)
    planes = [random_plane(rng, area) for _ in range(reads)]
    one = [np.array([[code]], np.int16) for code in (512, -77)]
    for noises in (one[:writes], [random_noise(rng, area, side) for _ in range(writes)]):
        expected = corrected(twin, np.stack(planes), area, noises)
        assert np.isnan(expected).sum() == 0
        for threads in (1, 3):
            targets = [np.full_like(planes[0], 7) for _ in range(writes)]
            twin.native.apply(planes, targets, area, noises, threads=threads, instructions=instructions)
            assert np.array_equal(np.stack(targets).view(np.int32), expected.view(np.int32))


@pytest.mark.parametrize("largest", [30, 3000, 20000])
def test_winograd_and_direct_sums_are_the_same(largest):
    # weights of 20000 are too large for Winograd's transform
    area, rng = Rect(0, 0, 40, 64), np.random.default_rng(1)
    twin, plane = random_twin(16, 1, largest=largest), random_plane(rng, area)
    noise = random_noise(rng, area)
    expected = corrected(twin, plane[None], area, [noise])[0]
    for name in available_instructions():
        target = np.empty_like(plane)
        twin.native.apply([plane], [target], area, [noise], instructions=name)
        assert np.array_equal(target, expected)


@pytest.mark.parametrize("side", [2, 4])
def test_regions_have_the_samples_of_the_whole(side):
    rng = np.random.default_rng(5)
    area = Rect(3, 0, 300, 420)
    twin, plane = random_twin(16, 4, side=side), random_plane(rng, area)
    levels = rng.normal(2, 1, (2, 3)).astype(np.float32)
    noise = NoiseMap(levels, np.array([64.5, 200.5]), np.array([64.0, 192.0, 338.0]))
    whole = plane[None].copy()
    dequantise(whole, area, twin, [noise], ict=False)
    for wanted in (Rect(3, 0, 50, 420), Rect(101, 77, 230, 132), Rect(250, 300, 300, 420)):
        wide = wanted.grown(twin.reach).intersection(area)
        part = plane[None][(slice(None), *wide.slices_in(area))].copy()
        dequantise(part, wide, twin, [noise], ict=False, threads=2)
        assert np.array_equal(part[0][wanted.slices_in(wide)], whole[0][wanted.slices_in(area)])


def test_bands_are_not_seen(monkeypatch):
    rng = np.random.default_rng(15)
    area = Rect(5, 2, 206, 90)
    planes = np.stack([random_plane(rng, area) for _ in range(3)])
    maps = [random_noise(rng, area) for _ in range(2)]
    cases = [
        (random_twin(9, 4), (0,), [maps[0]]),
        (random_twin(9, 4), (0,), [maps[0][:1, :1]]),
        (random_twin(9, 1, reads=3, writes=2), (1, 2), maps),
        (random_twin(9, 3, side=4), (0,), [random_noise(rng, area, 4)]),
        (
            random_twin(9, 1, reads=3, writes=2, side=4),
            (1, 2),
            [random_noise(rng, area, 4) for _ in range(2)],
        ),
    ]
    for twin, writes, noises in cases:
        reads = (0, 1, 2) if len(writes) == 2 else writes
        expected = planes.copy()
        expected[list(writes)] = corrected(twin, planes[list(reads)], area, noises)
        for rows in (1, 7, 40, 64, 1000):
            monkeypatch.setattr("j2klearn.dequantisation.twin.engine._BAND", rows)
            out = planes.copy()
            dequantise_part(out, area, Part(twin, reads, writes), noises, threads=2)
            assert np.array_equal(out, expected, equal_nan=True)


def test_components_without_noise_are_left_alone():
    rng = np.random.default_rng(6)
    area = Rect(0, 0, 20, 30)
    planes = rng.normal(0, 30, (3, *area.shape)).astype(np.float32)
    zero = np.zeros(1)
    noise = NoiseMap(np.full((1, 1), 3, np.float32), zero, zero)
    after, planes_before = planes.copy(), planes.copy()
    dequantise(after, area, random_twin(8, 1), [noise, None, noise], ict=True)
    assert [not np.array_equal(a, b) for a, b in zip(planes, after, strict=True)] == [True, False, True]
    twin = random_twin(8, 1)
    assert np.array_equal(after[2], corrected(twin, planes[2:], area, [noise.codes(area)])[0])

    # networks for chroma with positions of another side than luma's
    levels = NoiseMap(np.array([[1, 2]], np.float32), np.array([10.0]), np.array([8.0, 21.0]))
    mixed, after = GuidedTwin(twin, random_twin(8, 1, reads=3, writes=2, side=4)), planes.copy()
    dequantise(after, area, mixed, [levels] * 3, ict=True)
    codes = levels.codes(area.aligned(4), 4)
    assert codes.shape == (5, 8)
    assert np.array_equal(after[1:], corrected(mixed.chroma, planes, area, [codes] * 2))
    assert np.array_equal(after[:1], corrected(twin, planes[:1], area, [levels.codes(area)]))
    assert (mixed.side, mixed.reach) == (4, mixed.chroma.reach)

    # the network for chroma corrects both chroma components or none, from unchanged luma
    guided = GuidedTwin(twin, random_twin(8, 1, reads=3, writes=2))
    after = planes.copy()
    dequantise(after, area, guided, [noise, None, noise], ict=True)
    assert [np.array_equal(a, b) for a, b in zip(planes, after, strict=True)] == [False, True, True]
    after = planes.copy()
    dequantise(after, area, guided, [noise] * 3, ict=True)
    codes = noise.codes(area)
    assert np.array_equal(after[1:], corrected(guided.chroma, planes, area, [codes] * 2))
    assert np.array_equal(after[:1], corrected(twin, planes[:1], area, [codes]))
    dequantise(planes, area, guided, [None, noise, None], ict=False)
    assert np.array_equal(planes[1:2], corrected(twin, planes_before[1:2], area, [codes]))


def test_tables():
    nodes = compression()
    assert nodes[0] == 0
    assert nodes[-1] == LARGEST_FEATURE
    assert (np.diff(nodes) >= 0).all()
    x = np.arange(-5000, 5000, dtype=np.int64)
    assert np.abs(compressed(x) - 1024 * 0.7 * np.arcsinh(x / 128)).max() < 1.3
    large = np.array([-(1 << 25), 1 << 25, (1 << 24) - 1], np.int64)
    assert np.abs(compressed(large)).max() <= LARGEST_FEATURE
    assert np.abs(octaves() / np.exp2(np.arange(256) / 256) - 1).max() < 2**-24
    exponents = np.array([-2560, -1, 0, 256, 5632], np.int32)
    assert np.allclose(power(exponents, 3), 8 * np.exp2(exponents / 256), rtol=1e-7)


def test_tables_are_exact():
    """The tables are part of the file format: they are the same as in decimals of 40 digits."""
    with localcontext() as context:
        context.prec = 40
        nodes = []
        for node in range(545):
            v = Decimal((32 + node % 32) << (node // 32)) / 32 - 1
            asinh = (v + (v * v + 1).sqrt()).ln()
            nodes.append(Decimal("0.7") * 1024 * asinh)
        assert compression().tolist() == [int(node.to_integral_value()) for node in nodes]
        assert min(abs(node % 1 - Decimal("0.5")) for node in nodes) > Decimal("0.0005")
        powers = [(Decimal(2).ln() * k / 256).exp() for k in range(256)]
    assert octaves().tolist() == [float(np.float32(np.float64(int(each * 2**40)))) / 2**40 for each in powers]


@pytest.mark.parametrize("side", [2, 4])
def test_inputs_are_those_of_the_network(side):
    rng = np.random.default_rng(7)
    plane = (rng.normal(0, 20, (40, 60)).cumsum(1) / 3).astype(np.float32)
    phases = np.stack([plane[at // side :: side, at % side :: side] for at in range(side * side)])
    ours = features(phases, np.full(phases.shape[1:], 600, np.int16)) / 1024
    level = torch.full((1, 1, 1, 1), 600 / 256)
    theirs = Dequantiser(4, 1, side).inputs(torch.from_numpy(plane)[None, None], level)[0].numpy()
    assert np.abs(ours - theirs[:-1]).max() < 0.006
    assert np.allclose(theirs[-1], 600 / 1024)


def test_noise_in_integers_is_that_of_the_network():
    levels = np.array([[1.0, 3.0, 2.0], [4.0, 3.5, -9.875]], np.float32)
    rows, columns = np.array([50.5, 150.0]), np.array([40.0, 120.0, 200.5])
    for area, side in (
        (Rect(0, 0, 300, 300), 2),
        (Rect(40, 60, 160, 210), 2),
        (Rect(0, 0, 2, 2), 2),
        (Rect(40, 60, 160, 212), 4),
    ):
        codes = noise_codes(levels, rows, columns, area, side)
        noise = NoiseMap(levels, rows, columns).of(area, side)[0, 0].numpy()
        assert codes.shape == noise.shape
        assert np.abs(codes / 256 - noise).max() < 0.003
    one = noise_codes(np.array([[2.125]], np.float32), np.zeros(1), np.zeros(1), Rect(0, 0, 8, 8))
    assert one.tolist() == [[544]]
    single_row = noise_codes(levels[:1], rows[:1], columns, Rect(0, 0, 4, 400))
    assert single_row.shape == (2, 200)
    assert single_row[0, 0] == 256
    assert single_row[1, -1] == 512
    # the centre of the samples 4 to 7 is 5.5, a quarter of the way between the centres of the tiles
    quarter = noise_codes(
        np.array([[0, 4]], np.float32), rows[:1], np.array([3.5, 11.5]), Rect(0, 4, 4, 8), 4
    )
    assert quarter.tolist() == [[256]]
    wild = np.array([[np.nan, np.inf], [-np.inf, 1e9]], np.float32)
    wild_codes = noise_codes(wild, np.array([1.0, 5.0]), np.array([1.0, 5.0]), Rect(0, 0, 8, 8))
    assert wild_codes.min() >= LOWEST
    assert wild_codes.max() <= HIGHEST


def float_network() -> Dequantiser:
    """Return a shipped network for single components in float32, on every processor."""
    model = resolve("hybrid97-9c-compact-dq")
    network = dequantiser_of(model.config["dequantiser"])
    assert isinstance(network, Dequantiser)
    prefix = "dequantiser."
    network.load_state_dict(
        {
            key.removeprefix(prefix): torch.from_numpy(value.astype(np.float32))
            for key, value in model.tensors.items()
            if key.startswith(prefix)
        }
    )
    return network.eval().requires_grad_(False)


def decoded(picture: np.ndarray, rates: list[float]) -> list[tuple[np.ndarray, NoiseMap]]:
    """Return a picture coded at some rates, decoded without de-quantisation, and the noise."""
    data = j2klearn.encode(picture, bpp=rates, fallback=False)
    file = LearnedFile.open(PartialCodestream(open_source(data)))
    assert file is not None
    layers = range(1, len(rates) + 1)
    return [(file.synthesised(layer)[0], file.noise_map(0, layer)) for layer in layers]


def test_the_twin_of_the_shipped_network_costs_no_quality():
    network = float_network()
    samples = decoded(photographs.astronaut()[:, :, 1], [0.15, 0.5, 1.5])
    twin = quantise_dequantiser(network, [(plane[None], noise.levels[0]) for plane, noise in samples])
    for picture in (photographs.camera(), photographs.coffee()[:, :, 0]):
        area = Rect(0, 0, *picture.shape)
        for plane, noise in decoded(picture, [0.25, 1.0]):
            planes = [plane[None].copy(), plane[None].copy()]
            for each, out in zip((network, twin), planes, strict=True):
                dequantise(out, area, each, [noise], ict=False)
            before, by_network, by_twin = (
                psnr(picture, np.clip(np.rint(out + 128), 0, 255).astype(np.uint8), 8)
                for out in (plane, planes[0][0], planes[1][0])
            )
            assert by_network > before + 0.05
            assert by_twin > by_network - 0.01
            assert np.abs(planes[0] - planes[1]).max() < 1.5
            assert np.abs(planes[0] - planes[1]).std() < 0.05 * np.abs(planes[0] - plane).std()


def test_twins_are_written_and_read():
    twin = random_twin(12, 2)
    tensors, numbers = twin.tensors(), twin.numbers()
    assert {array.dtype for array in tensors.values()} == {np.dtype(np.int16), np.dtype(np.int32)}
    again = DequantiserTwin.from_tensors(tensors, numbers)
    assert (again.width, again.pairs, again.shifts, again.components) == (12, 2, twin.shifts, (1, 1))
    assert "side" not in numbers
    area, rng = Rect(0, 0, 16, 16), np.random.default_rng(0)
    plane = random_plane(rng, area)[None]
    noise = [random_noise(rng, area)]
    assert np.array_equal(corrected(again, plane, area, noise), corrected(twin, plane, area, noise))
    for wrong in (
        {**numbers, "last_shift": 40},
        {**numbers, "output_bits": 2.5},
        {**numbers, "output_bits": -1},
        {**numbers, "body_shifts": [1]},
        {**numbers, "body_shifts": 7},
        {**numbers, "body_shifts": ["a"] * 4},
        {**numbers, "more": 1},
        {**numbers, "side": 2},
        {**numbers, "side": 3},
        {**numbers, "side": 4},
        {**numbers, "side": 4.0},
        {**numbers, "side": [4]},
        {},
    ):
        with pytest.raises(ModelError, match="de-quantiser"):
            DequantiserTwin.from_tensors(tensors, wrong)
    for name, array in tensors.items():
        for bad in (array.astype(np.int64), array[..., :-1], np.int16(3), None):
            with pytest.raises(ModelError, match="de-quantiser"):
                DequantiserTwin.from_tensors({**tensors, name: bad}, numbers)
        with pytest.raises(ModelError, match="arrays"):
            DequantiserTwin.from_tensors({k: v for k, v in tensors.items() if k != name}, numbers)


def test_guided_twins_are_written_and_read():
    chroma = random_twin(6, 1, reads=3, writes=2)
    twin = GuidedTwin(random_twin(12, 2), chroma)
    tensors, numbers = twin.tensors(), twin.numbers()
    again = GuidedTwin.from_tensors(tensors, numbers)
    assert np.array_equal(again.chroma.last, chroma.last)
    assert np.array_equal(again.luma.first, twin.luma.first)
    assert again.chroma.components == (3, 2)
    with pytest.raises(ModelError, match="one for chroma"):
        GuidedTwin(chroma, twin.luma)
    for wrong in (7, {}, numbers):
        with pytest.raises(ModelError, match="de-quantiser"):
            GuidedTwin.from_tensors(tensors, {**numbers, "chroma": wrong})
    with pytest.raises(ModelError, match="arrays"):
        GuidedTwin.from_tensors({**tensors, "chroma.more": chroma.last}, numbers)
    large = GuidedTwin(twin.luma, random_twin(6, 1, reads=3, writes=2, side=4))
    assert large.numbers()["chroma"]["side"] == 4
    read = GuidedTwin.from_tensors(large.tensors(), large.numbers())
    assert (read.luma.side, read.chroma.side, read.chroma.components) == (2, 4, (3, 2))


def test_sums_that_could_overflow_are_refused():
    twin = random_twin(16, 1)
    for name in ("body", "last", "first"):
        weights = np.full_like(getattr(twin, name), 32767)
        with pytest.raises(ModelError, match="2\\^31"):
            replace(twin, **{name: weights})
    with pytest.raises(ModelError, match="2\\^31"):
        replace(twin, last_bias=np.full(4, -(1 << 31), np.int32))


def test_quantisation_refuses_what_it_cannot_do():
    sample = np.zeros((1, 16, 16), np.float32), np.ones(1, np.float32)
    with pytest.raises(OptionError, match="residual"):
        quantise_dequantiser(ResidualDequantiser(4, 1, told=True), [sample])
    with pytest.raises(OptionError, match="colour pictures"):
        quantise_dequantiser(GuidedDequantiser(4, 1, 4, 1), [sample])
    with pytest.raises(OptionError, match="decoded pictures"):
        quantise_dequantiser(Dequantiser(4, 1), [])
    network = Dequantiser(4, 1)
    with torch.no_grad():
        network.head.weight[0] = math.nan
    with pytest.raises(ModelError, match="finite"):
        quantise_dequantiser(network, [sample])


def test_quantisation_of_any_size_keeps_the_correction():
    rng = np.random.default_rng(8)
    plane = (rng.normal(0, 20, (101, 75)).cumsum(1) / 3).astype(np.float32)
    zero = np.zeros(1)
    noise = NoiseMap(np.full((1, 1), 2.5, np.float32), zero, zero)
    for width, pairs, side in ((8, 1, 2), (16, 2, 2), (24, 3, 2), (16, 2, 4)):
        torch.manual_seed(width)
        network = Dequantiser(width, pairs, side).eval().requires_grad_(False)
        network.tail.weight.normal_(0, 0.1)
        network.tail.bias.normal_(0, 0.1)
        twin = quantise_dequantiser(network, [(plane[None], np.array([2.5]))])
        assert (twin.width, twin.pairs, twin.side) == (width, pairs, side)
        outs = [plane[None].copy(), plane[None].copy()]
        for each, out in zip((network, twin), outs, strict=True):
            dequantise(out, Rect(0, 0, *plane.shape), each, [noise], ict=False)
        assert np.abs(outs[0] - plane).max() > 1
        assert np.abs(outs[0] - outs[1]).max() < 0.01 * np.abs(outs[0] - plane).max()


@pytest.mark.parametrize("chroma_side", [2, 4])
def test_quantisation_of_a_guided_network_keeps_the_correction(chroma_side):
    rng = np.random.default_rng(9)
    planes = (rng.normal(0, 20, (3, 61, 75)).cumsum(2) / 3).astype(np.float32)
    zero = np.zeros(1)
    levels = [2.5, 1.0, 3.25]
    noises = [NoiseMap(np.full((1, 1), level, np.float32), zero, zero) for level in levels]
    torch.manual_seed(3)
    network = GuidedDequantiser(8, 1, 16, 2, chroma_side=chroma_side).eval().requires_grad_(False)
    for part in (network.luma, network.chroma):
        part.tail.weight.normal_(0, 0.1)
    twin = quantise_dequantiser(network, [(planes, np.array(levels))])
    outs = [planes.copy(), planes.copy()]
    for each, out in zip((network, twin), outs, strict=True):
        dequantise(out, Rect(0, 0, *planes.shape[1:]), each, noises, ict=True)
    for plane, by_network, by_twin in zip(planes, *outs, strict=True):
        correction = np.abs(by_network - plane).max()
        assert correction > 1
        assert np.abs(by_network - by_twin).max() < 0.01 * correction


def test_native_code_checks_its_arguments():
    native, area = random_twin(4, 1).native, Rect(0, 0, 8, 8)
    plane, target = np.zeros((8, 8), np.float32), np.zeros((8, 8), np.float32)
    noise = np.zeros((1, 1), np.int16)
    for arguments in (
        (plane.astype(np.float64), target, area, noise),
        (plane[:7], target, area, noise),
        (plane, np.asfortranarray(target), area, noise),
        (plane, target, area, noise.astype(np.int32)),
        (plane, target, area, np.zeros((4, 3), np.int16)),
        (plane, target, area, noise + np.int16(9000)),
        (plane, plane, area, noise),
    ):
        source, goal, where, codes = arguments
        with pytest.raises(InputError):
            native.apply([source], [goal], where, [codes])
    for sources, targets, codes in (([], [target], [noise]), ([plane], [target], [noise] * 2)):
        with pytest.raises(InputError, match="reads 1 components"):
            native.apply(sources, targets, area, codes)
    native.apply([np.zeros((8, 20), np.float32)[:, 3:11]], [target], area, [noise])
    native.apply([np.zeros((0, 8), np.float32)], [np.zeros((0, 8), np.float32)], Rect(3, 0, 3, 8), [noise])
    guided = random_twin(4, 1, reads=3, writes=2).native
    apart = np.zeros((8, 9), np.float32)[:, :8]
    with pytest.raises(InputError, match="equally far apart"):
        guided.apply([plane, plane, apart], [target, target.copy()], area, [noise] * 2)


def test_reading_needs_no_pytorch():
    code = (
        "import sys, numpy, j2klearn.dequantisation.apply, j2klearn.dequantisation.twin.definition; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
