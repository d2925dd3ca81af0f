"""The reversible transform: its inverse is exact, and native code computes what the definition says."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from j2klearn.core.geometry import Rect
from j2klearn.core.normalisation import Normalisation
from j2klearn.core.reversible_steps import BandWeights, Steps, Weights
from j2klearn.core.subbands import Subbands
from j2klearn.errors import ModelError
from j2klearn.native.instructions import available_instructions
from j2klearn.transform.integer import reference
from j2klearn.transform.integer.detail_steps import Details, lift_details
from j2klearn.transform.integer.reversible import ReversibleEngine
from j2klearn.transform.integer.reversible_base import BASES, NON_SEPARABLE, Base
from tests.support.integer_models import small_pair
from tests.support.reversible_models import small_operator, textured

WEIGHTS: Weights = (
    BandWeights((12, 5, -64, 40), (-20, 7, -30, -33, 32, 9)),
    BandWeights(second=(64, 0, 0, 0, 0, 0)),
    BandWeights((568, -576, 3, 0), (-512, 0, 1, 0, 4, 0)),
)
STEPS = Steps(
    (True, False, True),
    (WEIGHTS, (BandWeights(), BandWeights((4, 0, 0, 0)), BandWeights(second=(0, 0, 0, 0, 20, 0)))),
    (Normalisation(0, 5), Normalisation(), Normalisation(3, -70)),
)


def planes_of(shape: tuple[int, int], depth: int = 8, components: int = 3) -> list[NDArray[np.int32]]:
    picture = textured((*shape, components), depth, signed=True)
    return [np.ascontiguousarray(picture[:, :, at], np.int32) for at in range(components)]


def copies(components: list[Subbands]) -> list[Subbands]:
    return [Subbands(own.area, own.ll, list(own.details)) for own in components]


@pytest.mark.parametrize("base", BASES.values(), ids=BASES)
@pytest.mark.parametrize("instructions", available_instructions())
@pytest.mark.parametrize("depth", [1, 8, 12, 16])
def test_native_code_computes_the_definition(base: Base, instructions: str, depth: int) -> None:
    area = Rect(3, 6, 3 + 57, 6 + 83)
    planes = planes_of(area.shape, depth)
    operator = small_operator()
    engine = ReversibleEngine(operator, base, instructions)
    defined = ReversibleEngine(operator, base, lift=partial(reference.lift, operator))
    expected = defined.analyse(planes, area, 4, STEPS, depth)
    for threads in (1, 3):
        found = engine.analyse(planes, area, 4, STEPS, depth, threads)
        for own, other in zip(found, expected, strict=True):
            assert np.array_equal(own.to_flat(), other.to_flat())
        back = engine.synthesise(copies(expected), STEPS, depth, threads=threads)
        assert all(np.array_equal(plane, start) for plane, start in zip(back, planes, strict=True))


@pytest.mark.parametrize("base", BASES.values(), ids=BASES)
def test_the_steps_change_the_details_of_their_components_only(base: Base) -> None:
    area = Rect(0, 0, 64, 64)
    planes, engine = planes_of(area.shape), ReversibleEngine(small_operator(), base)
    plain = engine.analyse(planes, area, 3, Steps((False,) * 3), 8)
    changed = engine.analyse(planes, area, 3, Steps((True, False, False)), 8)
    for at, (own, other) in enumerate(zip(changed, plain, strict=True)):
        assert np.array_equal(own.ll, other.ll)
        same = [np.array_equal(a, b) for a, b in zip(own.bands()[1:], other.bands()[1:], strict=True)]
        assert all(same) if at else not any(same)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(list(BASES.values())),
    st.tuples(st.integers(1, 24), st.integers(1, 24)),
    st.tuples(st.integers(0, 5), st.integers(0, 5)),
    st.integers(1, 16),
    st.integers(0, 3),
    st.integers(0, 2**32 - 1),
)
def test_any_samples_come_back(
    base: Base, shape: tuple[int, int], origin: tuple[int, int], depth: int, levels: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    half = 1 << (depth - 1)
    planes = list(rng.integers(-half, half, (4, *shape), dtype=np.int32))
    red_first, green = rng.integers(0, 2, 2).astype(bool).tolist()
    weights = tuple(
        tuple(BandWeights(tuple(band[:4]), tuple(band[4:])) for band in level)
        for level in rng.integers(-576, 569, (levels, 3, 10)).tolist()
    )
    learned = tuple(bool(bit) for bit in rng.integers(0, 2, 4))
    steps = Steps(learned, weights, (), red_first, green)  # type: ignore[arg-type]
    area = Rect(*origin, origin[0] + shape[0], origin[1] + shape[1])
    engine = ReversibleEngine(small_operator(), base)
    components = engine.analyse(planes, area, levels, steps, depth)
    back = engine.synthesise(components, steps, depth)
    assert all(np.array_equal(plane, start) for plane, start in zip(back, planes, strict=True))
    assert not components


@pytest.mark.parametrize("levels", [0, 3])
def test_green_stands_for_luma_between_the_finest_and_the_coarsest_level(levels: int) -> None:
    area = Rect(1, 0, 61, 50)
    rgb = np.random.default_rng(0).integers(-128, 128, (3, *area.shape), dtype=np.int32)
    red, green, blue = rgb
    chroma = [blue - green, red - green]
    engine = ReversibleEngine(small_operator(), BASES[NON_SEPARABLE])
    steps = Steps((True, False, True), STEPS.weights)
    found = engine.analyse(
        [(red + 2 * green + blue) >> 2, *chroma], area, levels, replace(steps, green=True), 8
    )
    direct = engine.analyse([green, *chroma], area, levels, steps, 8)
    for own, other in zip(found, direct, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(own.bands()[1:], other.bands()[1:], strict=True))
    low = [bands.ll for bands in direct]
    assert np.array_equal(found[0].ll, low[0] + ((low[1] + low[2]) >> 2))
    assert np.array_equal(found[1].ll, low[1])


def test_the_order_of_chroma_is_that_of_the_steps() -> None:
    area = Rect(0, 0, 40, 48)
    luma, blue, red = planes_of(area.shape)
    engine = ReversibleEngine(small_operator(), BASES[NON_SEPARABLE])
    steps = Steps((True, False, True), STEPS.weights)
    found = engine.analyse([luma, blue, red], area, 2, replace(steps, red_first=True), 8)
    swapped = engine.analyse([luma, red, blue], area, 2, replace(steps, learned=(True, True, False)), 8)
    for at, other in enumerate((0, 2, 1)):
        assert np.array_equal(found[at].to_flat(), swapped[other].to_flat())


def band(*values: int) -> Details:
    none = np.zeros((1, 0), np.int32)
    return np.array([values], np.int32), none, none


def lifted(
    details: list[Details], found: list[Details | None], weights: BandWeights, fraction_bits: int
) -> list[list[int]]:
    """Return what is left of HL of each component; it comes back."""
    own = (weights, BandWeights(), BandWeights())
    out = lift_details(details, found, own, (1, 2), fraction_bits, -1)
    back = lift_details(out, found, own, (1, 2), fraction_bits, 1)
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(back, details, strict=True))
    return [planes[0][0].tolist() for planes in out]


def test_weighted_sums_are_rounded_and_halves_are_rounded_up() -> None:
    nothing: list[Details | None] = [None, None, None]
    details = [band(8, -8, 100), band(0, 0, 0), band(0, 0, 0)]
    for bits in (0, 3):
        _, blue, red = lifted(details, nothing, BandWeights((4, 0, 0, 0), (8, 0, 0, 0, 0, 0)), bits)
        assert blue == [-1, 0, -6]  # 0.5, -0.5 and 6.25
        assert red == [-1, 1, -13]  # 1, -1 and 12.5
    # the weight of Cb is for Cb as it is, not for what is left of it
    weights = BandWeights((64, 0, 0, 0), (0, 0, 0, 0, 32, 0))
    assert lifted([band(16), band(40), band(0)], nothing, weights, 0)[1:] == [[24], [-20]]


def test_whole_predictions_of_the_operator_are_sources_too() -> None:
    # L2H of Y, of Cb and of Cr, and the constants
    found: list[Details | None] = [band(3), band(50), band(700)]
    details = [band(19), band(90), band(700)]
    weights = BandWeights((0, 64, 64, 32), (0, 64, 64, -33, 0, 64))
    assert lifted(details, found, weights, 0) == [[16], [-14], [-752]]
    details = [band(16), band(40), band(0)]
    assert lifted(details, [None, None, None], weights, 0) == [[16], [39], [1]]


def test_predictions_in_eighths_are_rounded_with_the_weighted_sum() -> None:
    # L2H of 0.375 and 0.25, and a quarter of what 0.375 leaves of 5, which is 1.15625
    found: list[Details | None] = [band(3), band(2), None]
    weights = BandWeights(first=(16, 0, 0, 0))
    assert lifted([band(5), band(9), band(7)], found, weights, 3) == [[5], [8], [7]]
    # 1.40625 + 0.125, where each part would be rounded to 1 and 0
    found = [band(3), band(1), None]
    assert lifted([band(6), band(9), band(7)], found, weights, 3) == [[6], [7], [7]]
    assert lifted([band(4), band(-4), band(0)], [band(4), band(-4), None], BandWeights(), 3) == [
        [3],
        [-4],
        [0],
    ]


def test_an_operator_of_other_sizes_is_refused() -> None:
    with pytest.raises(ModelError, match="1 input and 3 outputs"):
        ReversibleEngine(small_pair()[1].engine.twins.h2l, BASES["5-3"])
