"""The cross-component context model: its contexts, and integer networks on whole planes and wavefronts."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from j2klearn.errors import CodestreamError, InputError, ModelError
from j2klearn.neural.coefficients.pyramid import Pyramid
from j2klearn.neural.cross import median
from j2klearn.neural.cross.bands import ROLES, inputs_of
from j2klearn.neural.cross.model import MIXTURES, CrossComponentModel
from j2klearn.neural.cross.network import CrossNetwork, gaussian_bits
from j2klearn.neural.cross.walk import CrossWalk, compressed
from j2klearn.neural.entropy.backends import mixture
from j2klearn.neural.entropy.range_coder import cost_bits
from j2klearn.neural.entropy.wavefront import wavefronts
from j2klearn.neural.integer.backends import kernels
from j2klearn.neural.registry import resolve_entropy
from tests.support.cross_models import TINY, cross_model, networks, pyramids
from tests.support.paths import GOLDEN

P2 = {**TINY, "levels": 4}
GOLDEN_MODEL = GOLDEN / "v1-cross-component.safetensors"


def equal(a: list[Pyramid], b: list[Pyramid]) -> bool:
    return all(
        np.array_equal(x, y) and x.dtype == y.dtype == np.int32
        for p, q in zip(a, b, strict=True)
        for x, y in zip(p.bands(), q.bands(), strict=True)
    )


def bands_of(pyramid: Pyramid) -> list[torch.Tensor]:
    low, *details = [torch.from_numpy(band.astype(np.float32))[None, None] for band in pyramid.bands()]
    return [median.differences(low), *details]


def test_contexts_have_the_planes_of_the_equations():
    # P2, Section 3.1, the long-term contexts of Y, Cb and Cr: i = 1, 1 < i <= 4, i > 4
    counts = {role: [inputs_of(i, role, P2).count for i in (0, 1, 3, 4, 12)] for role in ROLES}
    assert counts == {0: [0, 1, 1, 2, 2], 1: [2, 2, 2, 3, 3], 2: [2, 3, 3, 4, 4]}
    alone = {**P2, "conditioned": False}
    assert [inputs_of(i, 2, alone).count for i in (0, 1, 4)] == [0, 1, 2]
    assert inputs_of(0, 0, {**P2, "told": True}).count == 1
    fusion = CrossNetwork(P2, ROLES[1:]).fusion(5)
    assert {role: head.in_channels for role, head in fusion.heads.items()} == {"1": 3, "2": 4}
    assert fusion.tail.out_channels == 9


def test_the_published_size_is_six_masked_layers_of_128_features():
    config = {**P2, "features": 128, "hidden": 32, "dense": 2}
    network = CrossNetwork(config)
    fusion = network.fusion(4)
    masked = [fusion.first, *fusion.masked, fusion.last]
    assert [tuple(layer.weight.shape) for layer in masked] == [(128, 1, 4), *[(128, 128, 5)] * 5]
    assert len(fusion.context) == 4
    assert network.prediction.widths == (32, 32, 3)
    assert len(network.fusions) == 13


def test_no_parameter_depends_on_what_comes_later():
    fusion = networks(TINY)["luma"].fusion(4).double()
    torch.manual_seed(0)
    values = torch.randn(1, 1, 7, 8, dtype=torch.double, requires_grad=True)
    planes = torch.randn(1, 2, 7, 8, dtype=torch.double)
    out = fusion(values, planes, 0)
    order, reads = np.arange(56).reshape(7, 8), []
    for y, x in ((0, 0), (3, 4), (6, 7), (2, 0)):
        (gradient,) = torch.autograd.grad(out[0, :, :, y, x].square().sum(), values, retain_graph=True)
        read = gradient[0, 0].abs().numpy() > 0
        assert not read[order >= order[y, x]].any()
        reads.append(int(read.sum()))
    assert reads[0] == 0
    assert max(reads) > 8


def test_wavefronts_take_every_place_once_after_all_that_it_reads():
    for shape in ((5, 7), (1, 6), (6, 1), (2, 2), (0, 3), (3, 0)):
        when = np.full(shape, -1)
        for t, first, end, places in wavefronts(shape):
            assert len(places) == end - first
            assert (when.ravel()[places] == -1).all()
            when.ravel()[places] = t
        assert (when >= 0).all()
        for (y, x), t in np.ndenumerate(when):
            for dy, dx in ((-1, -1), (-1, 0), (-1, 1), (0, -1)):
                if y + dy >= 0 and 0 <= x + dx < shape[1]:
                    assert when[y + dy, x + dx] < t


def test_differences_of_ll_are_undone():
    rng = np.random.default_rng(3)
    for shape in ((6, 5), (1, 4), (4, 1), (1, 1)):
        low = rng.integers(-500, 500, shape).astype(np.int32)
        found = median.differences(torch.from_numpy(low.astype(np.int64))).numpy().astype(np.int32)
        assert np.array_equal(median.restored(found), low)
    flat = median.differences(torch.full((3, 3), 7)).numpy()
    assert flat[0, 0] == 7
    assert np.count_nonzero(flat) == 1
    with pytest.raises(CodestreamError, match=r"2\^30"):
        median.restored(np.full((1, 4), 2**29, np.int32))


def test_compression_of_integers_is_the_tables():
    values = np.array([0, 1, -1, 255, -256, 100_000, -(2**30) + 1], np.int32)
    expected = 64 * np.arcsinh(values.astype(float))
    assert np.abs(compressed(values) - expected).max() <= 1.2
    assert np.array_equal(compressed(values[:4]), compressed(values)[:4])


@pytest.mark.parametrize("shape", [(21, 34), (1, 1), (2, 9), (13, 1)])
def test_decoding_returns_what_was_encoded(shape):
    model = cross_model()
    given = pyramids(shape, 3)
    segments = model.encode(given, 40)
    assert len(segments) == 3
    assert equal(model.decode(segments, shape, 3, 40), given)


@pytest.mark.parametrize(
    "changes",
    [
        {"shared": True, "told": True},
        {"conditioned": False},
        {"blocks": 1, "dense": 0, "mixtures": 1},
        {"levels": 1},
    ],
    ids=str,
)
def test_every_configuration_codes(changes):
    model, levels = cross_model(**changes), changes.get("levels", 3)
    given = pyramids((18, 25), levels)
    assert equal(model.decode(model.encode(given, 24), (18, 25), 3, 24), given)


def test_backends_and_threads_make_no_difference():
    model = cross_model()
    given = pyramids((24, 19), 3)
    segments = model.encode(given, 40, backend="native", threads=2)
    assert segments == model.encode(given, 40, backend="torch")
    assert equal(model.decode(segments, (24, 19), 3, 40, backend="torch"), given)
    assert equal(model.decode(segments, (24, 19), 3, 40, backend="native", threads=3), given)


def test_fewer_segments_are_lower_resolutions():
    model = cross_model()
    given = pyramids((20, 31), 3)
    segments = model.encode(given, 40)
    for count in (1, 2):
        found = model.decode(segments[:count], (20, 31), 3, 40)
        assert equal(found, [pyramid.reduced(3 - count) for pyramid in given])


def test_progress_rises_to_one():
    model, written = cross_model(), []
    segments = model.encode(pyramids((20, 31), 3), 40, progress=written.append)
    read: list[float] = []
    model.decode(segments, (20, 31), 3, 40, progress=read.append)
    for shares in (written, read):
        assert shares == sorted(shares)
        assert shares[-1] == 1.0
        assert len(shares) == 3 * 10


def test_one_or_five_components_and_unrelated_ones():
    model = cross_model()
    five = pyramids((9, 12), 3, 5)
    assert equal(model.decode(model.encode(five, 8), (9, 12), 5, 8), five)
    assert equal(model.decode(model.encode(five[:1], 8), (9, 12), 1, 8), five[:1])
    three = five[:3]
    segments = model.encode(three, 8, related=False)
    assert equal(model.decode(segments, (9, 12), 3, 8, related=False), three)
    assert segments != model.encode(three, 8)


def test_large_coefficients():
    model = cross_model()
    given = pyramids((16, 16), 3)
    given[0].details[0][1][3, 4] = 2**30 - 1
    given[1].details[2][2][0, 0] = -(2**28)
    given[2].ll[0, 0] = 2**28
    assert equal(model.decode(model.encode(given, 0), (16, 16), 3, 0), given)
    given[2].details[0][0][0, 0] = 2**30
    with pytest.raises(InputError, match=r"2\^30"):
        model.encode(given, 0)


def test_flat_pictures():
    model = cross_model()
    flat = [Pyramid.of([np.zeros_like(band) for band in p.bands()]) for p in pyramids((32, 32), 3)]
    assert equal(model.decode(model.encode(flat, 40), (32, 32), 3, 40), flat)


def test_damaged_segments_give_other_pictures_or_are_found_out():
    model = cross_model()
    segments = model.encode(pyramids((16, 20), 3), 40)
    rng = np.random.default_rng(5)
    for _ in range(6):
        damaged = bytearray(segments[1])
        damaged[rng.integers(len(damaged))] ^= 1 << rng.integers(8)
        try:
            found = model.decode([segments[0], bytes(damaged)], (16, 20), 3, 40)
        except CodestreamError:
            continue
        assert found[0].shape == (8, 10)


def test_integers_are_near_the_floating_point_networks():
    nets, model = networks(TINY), cross_model()
    given = pyramids((40, 48), 3, spread=1.0)
    bands = [bands_of(pyramid) for pyramid in given]
    known = [[torch.asinh(band) for band in part] for part in bands]
    expected: dict[tuple[int, int], torch.Tensor] = {}
    with torch.inference_mode():
        start = nets["luma"].start_of(known[0][0])
        runs = [nets["luma"](known[0])]
        runs += [nets["chroma"](known[role], role, known[:role], start) for role in (1, 2)]
        for component, run in enumerate(runs):
            for index, mixtures in enumerate(run):
                expected[component, index] = mixtures
    found: dict[tuple[int, int], float] = {}

    class Comparing:
        def open(self, segment):
            pass

        def band(self, component, index, shape, fusion, kernels, contexts):
            values = bands[component][index][0, 0].numpy().astype(np.int32)
            whole = fusion.mixtures(kernels, compressed(values), contexts)
            difference = whole.transpose(2, 3, 0, 1) - expected[component, index][0].numpy() / np.array(
                [1 / 64, 1 / 32, 1 / 64]
            ).reshape(3, 1, 1, 1)
            assert np.abs(difference).max() < 12, (component, index)
            flat = whole.reshape(-1, *whole.shape[2:])
            found[component, index] = cost_bits(values.ravel(), flat, mixture(MIXTURES)).sum()
            return values

    CrossWalk(model, kernels(), (40, 48), 3, 0, True).through(Comparing(), 3, None)
    floating = sum(float(gaussian_bits(expected[at], bands[at[0]][at[1]][0]).sum()) for at in found)
    assert sum(found.values()) == pytest.approx(floating, rel=0.01)
    size = sum(map(len, model.encode(given, 0)))
    assert 8 * size == pytest.approx(sum(found.values()), rel=0.01)


def test_luma_is_coded_with_the_same_mixtures_whatever_chroma_is():
    model = cross_model()
    first, second = pyramids((16, 18), 3), pyramids((16, 18), 3)
    second[1], second[2] = second[2], second[1]
    seen: list[dict[int, bytes]] = []
    for given in (first, second):
        mixtures: dict[int, bytes] = {}

        class Listening:
            def open(self, segment):
                pass

            def band(
                self, component, index, shape, fusion, kernels, contexts, given=given, mixtures=mixtures
            ):
                values = given[component].bands()[index]
                if not index:
                    values = (
                        median.differences(torch.from_numpy(values.astype(np.int64))).numpy().astype(np.int32)
                    )
                if not component:
                    mixtures[index] = fusion.mixtures(kernels, compressed(values), contexts).tobytes()
                return values

        CrossWalk(model, kernels(), (16, 18), 3, 0, True).through(Listening(), 3, None)
        seen.append(mixtures)
    assert len(seen[0]) == 10
    assert seen[0] == seen[1]


def test_models_are_files(tmp_path):
    model = cross_model()
    again = CrossComponentModel.from_bytes(model.to_bytes())
    assert (again.id, again.config, again.name) == (model.id, model.config, "tiny")
    assert again.parameters == model.parameters > 1000
    path = tmp_path / "tiny.safetensors"
    path.write_bytes(model.to_bytes())
    assert resolve_entropy(path).id == model.id
    with pytest.raises(InputError, match="3 levels"):
        model.encode(pyramids((16, 16), 2), 0)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"features": 1}, "features"),
        ({"kind": "context"}, "kind"),
        ({"transform": "5-3"}, "a name and an id"),
        ({"more": 1}, "has an unknown one"),
        ({"gains": "other"}, "gains"),
    ],
    ids=str,
)
def test_impossible_configurations(change, match):
    model = cross_model()
    with pytest.raises(ModelError, match=match):
        CrossComponentModel({**model.config, **change}, {})


def test_weights_that_do_not_fit():
    model = cross_model()
    tensors = dict(model._tensors)
    with pytest.raises(ModelError, match="not those"):
        CrossComponentModel(model.config, {**tensors, "other.weights": np.zeros(1, np.int16)})
    missing = {key: value for key, value in tensors.items() if key != "luma.fusions.0.tail.bias"}
    with pytest.raises(ModelError, match="lacks"):
        _ = CrossComponentModel(model.config, missing).luma
    with pytest.raises(ModelError, match="not those"):
        _ = CrossComponentModel({**model.config, "features": 5}, tensors).luma
    large = dict(tensors)
    large["luma.fusions.1.last.bias"] = np.full(4, 2**31 - 1, np.int32)
    with pytest.raises(ModelError, match="2\\^31"):
        _ = CrossComponentModel(model.config, large).luma


_CHILD = """
import sys, hashlib, numpy as np
from pathlib import Path
from j2klearn.neural.registry import resolve_entropy
folder, threads = Path(sys.argv[1]), int(sys.argv[2])
model = resolve_entropy(folder / "tiny.safetensors")
segments = [(folder / f"{i}").read_bytes() for i in range(3)]
state = hashlib.sha256()
for pyramid in model.decode(segments, (27, 22), 3, 40, threads=threads):
    for band in pyramid.bands():
        state.update(band.astype("<i4").tobytes())
print(state.hexdigest())
"""


def test_another_process_with_other_threads_decodes_the_same(tmp_path: Path):
    model, given = cross_model(), pyramids((27, 22), 3)
    (tmp_path / "tiny.safetensors").write_bytes(model.to_bytes())
    for at, segment in enumerate(model.encode(given, 40)):
        (tmp_path / str(at)).write_bytes(segment)
    state = hashlib.sha256()
    for pyramid in given:
        for band in pyramid.bands():
            state.update(band.astype("<i4").tobytes())
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(tmp_path), "4"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == state.hexdigest()


def test_golden_file():
    # written by an earlier version: if this fails, the file format has changed
    golden = safetensors.numpy.load_file(GOLDEN_MODEL)
    model = CrossComponentModel.from_bytes(golden["model"].tobytes())
    segments = [golden[f"segment{at}"].tobytes() for at in range(2)]
    found = model.decode(segments, (23, 30), 3, 40)
    for component, pyramid in enumerate(found):
        for index, band in enumerate(pyramid.bands()):
            assert np.array_equal(band, golden[f"band{component}-{index}"])
    assert model.encode(found, 40) == segments
