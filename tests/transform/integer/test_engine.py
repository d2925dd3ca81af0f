"""The native engine against the definition, bit by bit; the definition against the float operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from j2klearn.core.geometry import Rect
from j2klearn.core.picture import Picture
from j2klearn.models.registry import resolve, shipped
from j2klearn.native.instructions import available_instructions
from j2klearn.transform.colour import planes
from j2klearn.transform.integer import reference, wavelet53
from j2klearn.transform.integer.engine import Engine
from j2klearn.transform.integer.operator import OperatorTwin
from j2klearn.transform.strips import StripAnalysis
from j2klearn.transform.wavelet import WAVELETS
from tests.support.integer_models import scene, small_pair

TWINS = sorted(name for name, model in shipped().items() if model.integer and not model.reversible)

#: One twin for each transform: models that differ in de-quantisation share it.
TRANSFORMS = list({shipped()[name].twin_of: name for name in TWINS}.values())


class Defined:
    """An operator computed by its definition, with the interface of the native one."""

    def __init__(self, twin: OperatorTwin) -> None:
        self.twin = twin

    def lift(
        self,
        sources: Any,
        targets: Any,
        sign: int,
        *,
        shared: bool,
        threads: int,
        instructions: str,
        grid: Rect | None = None,
    ) -> None:
        found = [[(samples.copy(), area) for samples, area in own] for own in targets]
        reference.lift(self.twin, sources, found, sign, shared=shared)
        for own, other in zip(targets, found, strict=True):
            for (samples, area), (lifted, _) in zip(own, other, strict=True):
                inside = (area if grid is None else area.intersection(grid)).slices_in(area)
                samples[inside] = lifted[inside]


def defined(engine: Engine) -> Engine:
    """Return an engine that computes the operators by their definition."""
    other = Engine(engine.twins)
    other._h2l, other._l2h = Defined(engine.twins.h2l), Defined(engine.twins.l2h)  # type: ignore[assignment]
    return other


def flat(components: list[Any]) -> NDArray[np.float32]:
    return np.stack([bands.to_flat() for bands in components])


@pytest.fixture(scope="module")
def components(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    return planes(Picture(np.ascontiguousarray(rgb[40:117, 30:125])))


def test_every_shipped_transform_has_a_twin() -> None:
    assert TWINS == [
        "hybrid53-9c-compact-int",
        "hybrid97-16p7-dq-int",
        "hybrid97-16p7-guided-int",
        "hybrid97-16p7-int",
        "hybrid97-32p9-guided-int",
        "hybrid97-8p7-dq-int",
        "hybrid97-9c-compact-dq-int",
        "hybrid97-9c-compact-guided-int",
        "hybrid97-9c-compact-int",
    ]
    for model in shipped().values():
        assert model.integer or (model.twin and model.twin.twin_of == model.transform_id)


@pytest.fixture(scope="module", params=TRANSFORMS)
def expected(
    request: pytest.FixtureRequest, components: NDArray[np.float32]
) -> tuple[Engine, Rect, Any, Any]:
    """Return an engine, and the subbands and the samples that the definition gives for a real picture."""
    engine = resolve(request.param).engine
    area = Rect(3, 6, 3 + components.shape[1], 6 + components.shape[2])
    slow = defined(engine)
    bands = flat(slow.analyse(components, area, 3))
    coded = slow.analyse(components, area, 3)
    for own in coded:
        own.multiply([1 / 8] * 10)
        for band in own.bands():
            np.rint(band, out=band)
        own.multiply([8.0] * 10)
    return engine, area, bands, (flat(coded), slow.synthesise(coded))


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("instructions", available_instructions())
def test_the_engine_equals_the_definition(
    expected: tuple[Engine, Rect, Any, Any],
    components: NDArray[np.float32],
    instructions: str,
    threads: int,
) -> None:
    engine, area, bands, (coded, samples) = expected
    engine = Engine(engine.twins, instructions)
    found = engine.analyse(components, area, 3, threads)
    assert np.array_equal(flat(found), bands)
    found = [type(own).from_flat(part.copy(), area, 3) for own, part in zip(found, coded, strict=True)]
    assert np.array_equal(engine.synthesise(found, threads), samples)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (2, 3), (33, 2)])
@pytest.mark.parametrize("origin", [(0, 0), (1, 1)])
def test_small_planes(shape: tuple[int, int], origin: tuple[int, int]) -> None:
    engine = small_pair()[1].engine
    x = scene(3)[:, : shape[0], : shape[1]]
    area = Rect(*origin, origin[0] + shape[0], origin[1] + shape[1])
    found = engine.analyse(x, area, 2)
    assert np.array_equal(flat(found), flat(defined(engine).analyse(x, area, 2)))
    assert np.allclose(engine.synthesise(found), x, atol=1e-3)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_synthesis_inverts_analysis(name: str, components: NDArray[np.float32]) -> None:
    """The steps add integers that depend on the same floats, so only floating-point rounding is left."""
    engine = resolve(name).engine
    area = Rect(0, 0, *components.shape[1:])
    again = engine.synthesise(engine.analyse(components, area, 5))
    assert np.abs(again - components).max() < 0.6
    assert np.abs(again - components).mean() < 3e-3


def test_strips_have_the_subbands_of_the_whole(components: NDArray[np.float32]) -> None:
    engine = small_pair()[1].engine
    tall = np.concatenate([components, components[:, ::-1], components], 1)
    area = Rect(0, 0, *tall.shape[1:])
    analysis = StripAnalysis(area, 2, engine)
    analysis.push(tall[:, :100])
    analysis.push(tall[:, 100:])
    whole = engine.analyse(tall, area, 2)
    for found, own in zip(analysis.take(area), whole, strict=True):
        assert np.array_equal(found.to_flat(), own.to_flat())


def test_wild_samples(expected: tuple[Engine, Rect, Any, Any]) -> None:
    """Samples out of range, infinite ones and those that are no numbers give what the definition says."""
    twin = expected[0].twins.l2h
    rng = np.random.default_rng(1)
    x = (rng.standard_normal((40, 37)) * 300).astype(np.float32)
    x[3, 4], x[10, 9], x[20, 20], x[30, 30] = np.nan, np.inf, -np.inf, 1e30
    rect = Rect(0, 0, *x.shape)
    for instructions in available_instructions():
        mine = [np.zeros_like(x) for _ in range(3)]
        ours = [np.zeros_like(x) for _ in range(3)]
        engine = Engine(expected[0].twins, instructions)
        engine._l2h.lift(
            [[(x, rect)]], [[(y, rect) for y in mine]], 1, shared=True, instructions=instructions
        )
        reference.lift(twin, [[(x, rect)]], [[(y, rect) for y in ours]], 1, shared=True)
        assert np.array_equal(mine, ours)


def test_predictions_are_close_to_those_of_the_float_operator() -> None:
    model, twin = small_pair()
    with torch.inference_mode():
        for name, inputs in (("h2l", 3), ("l2h", 1)):
            operator, integers = getattr(model.structure, name), getattr(twin.engine.twins, name)
            x = torch.from_numpy(np.ascontiguousarray(scene(inputs)))[None] / 4
            source = reference.samples(x[0].numpy(), integers)
            found = reference.predict(integers, source, reference.opacities(integers, source))
            expected = operator(x)[0].numpy()
            error = found * 2.0**-integers.output_bits - expected
            assert np.square(error).mean() ** 0.5 < 0.02 * expected.std() + 0.004


def test_opacities_sum_to_one() -> None:
    twin = small_pair()[1].engine.twins.h2l
    source = reference.samples(scene(3), twin)
    weights = reference.opacities(twin, source)
    assert weights.min() >= 0
    assert np.abs(weights.sum(0) - (1 << 14)).max() <= twin.count / 2 + 8


def test_a_constant_predicts_nothing() -> None:
    """Kernels of proposals with `zero_dc` sum to exactly zero in integers too."""
    twins = resolve("hybrid97-9c-compact-int").engine.twins
    assert not twins.l2h.proposals.sum((2, 3), dtype=np.int64).any()
    x = np.full((30, 30), 77.3, np.float32)
    outs = [np.zeros((30, 30), np.float32) for _ in range(3)]
    rect = Rect(0, 0, 30, 30)
    reference.lift(twins.l2h, [[(x, rect)]], [[(out, rect) for out in outs]], 1, shared=True)
    assert not np.any(outs)


@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (9, 1), (16, 17), (5, 4)])
@pytest.mark.parametrize("origin", [(0, 0), (1, 0), (3, 5)])
def test_the_5_3_in_numpy(shape: tuple[int, int], origin: tuple[int, int]) -> None:
    x = scene(1)[0, : shape[0], : shape[1]]
    bands = wavelet53.analyse(x, origin)
    expected = WAVELETS["5-3"].analyse(torch.from_numpy(x.astype(np.float64)), origin)
    for band, other in zip(bands, expected, strict=True):
        assert band.shape == tuple(other.shape)
        assert np.allclose(band, other.numpy(), atol=1e-4)
    area = Rect(*origin, origin[0] + shape[0], origin[1] + shape[1])
    assert np.allclose(wavelet53.synthesise(*bands, area), x, atol=1e-4)


def test_progress_adds_up() -> None:
    engine = small_pair()[1].engine
    x = scene(3)
    shares: list[float] = []
    add: Callable[[float], None] = shares.append
    bands = engine.analyse(x, Rect(0, 0, *x.shape[1:]), 3, progress=add)
    engine.synthesise(bands, progress=add)
    assert len(shares) == 6
    assert 1.9 < sum(shares) < 2
