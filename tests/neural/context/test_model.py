"""Entropy models: decoding returns what was encoded, with any backend, number of threads, and process."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from j2klearn.errors import InputError, ModelError
from j2klearn.neural.coefficients.pyramid import Pyramid
from j2klearn.neural.context.model import ContextModel
from tests.support.small_context import context_config, random_pyramids, small_context

SHAPES = [(36, 40), (33, 17), (1, 1), (1, 30), (17, 1), (4, 4), (5, 9)]


@pytest.fixture(scope="module", params=[False, True], ids=["", "predicted"])
def lossy(request):
    return small_context(predicted=request.param)


@pytest.fixture(scope="module", params=[False, True], ids=["", "predicted"])
def lossless(request):
    return small_context("5-3", predicted=request.param)


def same(a: list[Pyramid], b: list[Pyramid]) -> bool:
    return all(
        np.array_equal(x, y) and x.dtype == y.dtype
        for p, q in zip(a, b, strict=True)
        for x, y in zip(p.bands(), q.bands(), strict=True)
    )


def digest(pyramids: list[Pyramid]) -> str:
    state = hashlib.sha256()
    for pyramid in pyramids:
        for band in pyramid.bands():
            state.update(band.astype("<i4").tobytes())
    return state.hexdigest()


@pytest.mark.parametrize(
    ("components", "shape"), [*((3, shape) for shape in SHAPES), (1, (33, 17)), (4, (5, 9))]
)
def test_round_trip(lossy, shape, components):
    pyramids = random_pyramids(lossy, shape, components)
    segments = lossy.encode(pyramids, 60)
    assert len(segments) == max(1, lossy.levels(shape))
    assert same(lossy.decode(segments, shape, components, 60), pyramids)


def test_backends_and_threads_agree(lossy):
    pyramids = random_pyramids(lossy, (19, 26), 3)
    segments = [
        lossy.encode(pyramids, 40, threads=threads, backend=backend)
        for threads, backend in ((1, "native"), (4, "native"), (1, "torch"))
    ]
    assert segments[0] == segments[1] == segments[2]
    for threads, backend in ((4, "native"), (1, "torch")):
        found = lossy.decode(segments[0], (19, 26), 3, 40, threads=threads, backend=backend)
        assert digest(found) == digest(pyramids)


def test_another_process_decodes_the_same(tmp_path):
    wanted = []
    for predicted in (False, True):
        model = small_context(predicted=predicted)
        pyramids = random_pyramids(model, (17, 14), 3)
        folder = tmp_path / str(predicted)
        folder.mkdir()
        (folder / "model").write_bytes(model.to_bytes())
        for index, segment in enumerate(model.encode(pyramids, 50, threads=2)):
            (folder / f"{index}").write_bytes(segment)
        wanted.append(digest(pyramids))
    program = """
import hashlib, pathlib, sys
from j2klearn.neural.context.model import ContextModel
for folder in map(pathlib.Path, sys.argv[1:]):
    model = ContextModel.from_bytes((folder / "model").read_bytes())
    segments = [path.read_bytes() for path in sorted(folder.glob("[0-9]"))]
    state = hashlib.sha256()
    for pyramid in model.decode(segments, (17, 14), 3, 50, threads=1, backend="torch"):
        for band in pyramid.bands():
            state.update(band.astype("<i4").tobytes())
    print(state.hexdigest())
"""
    command = [sys.executable, "-c", program, tmp_path / "False", tmp_path / "True"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == wanted


def test_sizes_are_the_cross_entropy(lossy):
    pyramids = random_pyramids(lossy, (64, 90), 3)
    segments = lossy.encode(pyramids, 60)
    assert abs(8 * sum(map(len, segments)) / lossy.cost(pyramids, 60) - 1) < 0.003


def test_fewer_segments_are_fewer_levels(lossy):
    pyramids = random_pyramids(lossy, (24, 20), 3)
    segments = lossy.encode(pyramids, 60)
    levels = len(segments)
    for count in range(1, levels):
        found = lossy.decode(segments[:count], (24, 20), 3, 60)
        assert same(found, [pyramid.reduced(levels - count) for pyramid in pyramids])


@pytest.mark.parametrize("scale", [0.0, 3.0, 5000.0, 1e7])
def test_lossless_models_code_anything(lossless, scale):
    pyramids = random_pyramids(lossless, (19, 26), 3, scale)
    assert same(lossless.decode(lossless.encode(pyramids, 0), (19, 26), 3, 0), pyramids)


def test_loud_details_cost_their_noise_and_little_more(lossless):
    size = 1 << 14
    noise = random_pyramids(lossless, (64, 64), 1, 2000)
    bits = 8 * sum(map(len, lossless.encode(noise, 0)))
    deviations = [np.abs(band).mean() for band in noise[0].bands() for _ in range(band.size)]
    entropy = float(np.log2(2 * np.e * np.array(deviations)).sum())  # of Laplacian noise
    assert entropy < bits < 1.1 * entropy + size / 64


def test_components_know_those_before(lossy):
    first, *_ = random_pyramids(lossy, (32, 32), 1)
    alone = lossy.encode([first] * 3, 60, related=False)
    assert same(lossy.decode(alone, (32, 32), 3, 60, related=False), [first] * 3)
    assert alone != lossy.encode([first] * 3, 60)


def test_pyramids_have_to_fit(lossy):
    pyramids = random_pyramids(lossy, (40, 40), 2)
    with pytest.raises(InputError):
        lossy.encode([pyramids[0], random_pyramids(lossy, (41, 40), 1)[0]], 60)
    with pytest.raises(InputError):
        lossy.encode([Pyramid(np.zeros((40, 40), np.int32), [])], 60)
    pyramids[0].details[0][0][0, 0] = 1 << 30
    with pytest.raises(InputError):
        lossy.encode(pyramids, 60)


def test_files_of_models(lossy):
    again = ContextModel.from_bytes(lossy.to_bytes())
    assert again.id == lossy.id
    assert again.name == "small"
    assert again.parameters == lossy.parameters > 0
    with pytest.raises(ModelError):
        ContextModel.from_bytes(lossy.to_bytes()[:-10])
    with pytest.raises(ModelError):
        ContextModel.from_bytes(b"")


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "other"},
        {"transform": "7-7"},
        {"transform": {"name": "x"}},
        {"mixtures": 9},
        {"mixtures": True},
        {"first": {"width": 8}},
        {"second": {"width": 8, "blocks": 1, "layers": 2}},
        {"second": {"width": 8, "blocks": 1, "layers": 2, "conditioned": False, "predicted": True}},
        {"more": 1},
        {"learned_levels": 40},
        {"dequantiser": "x"},
    ],
)
def test_configurations_are_checked(change):
    with pytest.raises(ModelError):
        ContextModel({**context_config(), **change}, {})


def test_weights_are_checked(lossy):
    tensors = {f"third.{key}": value for key, value in lossy._tensors.items()}
    with pytest.raises(ModelError):
        ContextModel(context_config(), tensors)
    with pytest.raises(ModelError):
        ContextModel(context_config(), {}).decode([b""], (8, 8), 1, 0)


@pytest.mark.parametrize("seed", range(3))
def test_damaged_segments_end(lossy, seed):
    """They decode to bounded values or raise an error. In files, checksums detect them before."""
    rng = np.random.default_rng(seed)
    segments = lossy.encode(random_pyramids(lossy, (32, 32), 3), 60)
    damaged = [bytes(rng.integers(0, 256, len(segment), dtype=np.uint8)) for segment in segments]
    from j2klearn.errors import CodestreamError

    try:
        pyramids = lossy.decode(damaged, (32, 32), 3, 60)
    except CodestreamError:
        return
    assert max(int(np.abs(band.astype(np.int64)).max()) for band in pyramids[0].bands()) < 1 << 30
