"""The integer operator of lifting steps, compared bit by bit with its definition in numpy."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from j2klearn.core.geometry import Rect
from j2klearn.errors import InputError, ModelError, OptionError
from j2klearn.native.instructions import available_instructions
from j2klearn.native.lifting import IntegerOperator, Plane

#: The real sets, without "best".
SETS = available_instructions()[1:]


@dataclasses.dataclass
class Case:
    """The arguments of an operator."""

    first: NDArray[np.int16]
    blocks: NDArray[np.int16]
    last: NDArray[np.int16]
    proposals: NDArray[np.int16]
    input_bits: int
    first_shift: int
    block_shifts: list[int]
    last_shift: int
    proposal_shift: int
    offset: int
    output_bits: int

    @property
    def operator(self) -> IntegerOperator:
        return IntegerOperator(**vars(self))

    @property
    def opacity_radius(self) -> int:
        return int(self.first.shape[-1]) // 2 + len(self.blocks) + int(self.last.shape[-1]) // 2

    @property
    def radius(self) -> int:
        return max(self.opacity_radius, int(self.proposals.shape[-1]) // 2)


# The definition: integers, one plane at a time. Sums of products stay below 2^53, so doubles hold them exactly.


def shifted(sums: NDArray[np.int64], shift: int) -> NDArray[np.int64]:
    return (sums + ((1 << shift) >> 1)) >> shift


def convolved(maps: NDArray[np.int64], weights: NDArray[np.int16]) -> NDArray[np.int64]:
    side = weights.shape[-1]
    windows = np.lib.stride_tricks.sliding_window_view(maps.astype(np.float64), (side, side), (1, 2))
    return np.tensordot(weights.astype(np.float64), windows, ([1, 2, 3], [0, 3, 4])).astype(np.int64)


def cropped(maps: NDArray[np.int64], margin: int) -> NDArray[np.int64]:
    return maps[:, margin : maps.shape[1] - margin, margin : maps.shape[2] - margin]


def window(plane: Plane, area: Rect) -> NDArray[np.float32]:
    samples, rect = plane
    if not rect.size:
        return np.zeros(area.shape, np.float32)
    y = np.clip(np.arange(area.y0, area.y1), rect.y0, rect.y1 - 1) - rect.y0
    x = np.clip(np.arange(area.x0, area.x1), rect.x0, rect.x1 - 1) - rect.x0
    return samples[np.ix_(y, x)]


def quantised(samples: NDArray[np.float32], bits: int) -> NDArray[np.int64]:
    values = np.rint(samples.astype(np.float64) * 2.0**bits)
    return np.asarray(np.nan_to_num(np.clip(values, -32767, 32767), nan=0.0), np.int64)


def opacities(case: Case, q: NDArray[np.int64]) -> NDArray[np.int64]:
    q = cropped(q, case.radius - case.opacity_radius)
    h = np.clip(shifted(convolved(q, case.first), case.first_shift), 0, 8191)
    for i in range(0, len(case.blocks), 2):
        g = np.clip(shifted(convolved(h, case.blocks[i]), case.block_shifts[i]), 0, 8191)
        r = shifted(convolved(g, case.blocks[i + 1]), case.block_shifts[i + 1])
        h = np.clip(r + cropped(h, 2), 0, 8191)
    values = shifted(convolved(h, case.last), case.last_shift)
    values = np.clip(values, 0, 65535 - case.offset) + case.offset
    products: NDArray[np.int64] = values * ((1 << 30) // values.sum(0))
    return (products + (1 << 15)) >> 16


def lifted(
    case: Case,
    sources: list[list[Plane]],
    targets: list[list[Plane]],
    sign: int,
    shared: bool,
    grid: Rect | None = None,
) -> list[list[NDArray[np.float32]]]:
    """Return the new samples of the targets."""
    results = []
    blend = None
    rects = [rect for planes in targets for _, rect in planes if rect.size]
    for planes, outputs in zip(sources, targets, strict=True):
        new = [samples.copy() for samples, _ in outputs]
        results.append(new)
        if not rects:
            continue
        area = Rect(
            min(r.y0 for r in rects),
            min(r.x0 for r in rects),
            max(r.y1 for r in rects),
            max(r.x1 for r in rects),
        )
        around = area.grown(case.radius)
        q = np.stack([quantised(window(plane, around), case.input_bits) for plane in planes])
        if blend is None or not shared:
            blend = opacities(case, q)
        p = convolved(cropped(q, case.radius - case.proposals.shape[-1] // 2), case.proposals)
        p = np.clip(shifted(p, case.proposal_shift), -32767, 32767).reshape(len(outputs), *blend.shape)
        predictions = shifted((p * blend).sum(1), 14).astype(np.float32) * np.float32(
            sign * 2.0**-case.output_bits
        )
        for samples, (_, rect), prediction in zip(new, outputs, predictions, strict=True):
            part = rect if grid is None else rect.intersection(grid)
            if part.size:
                samples[part.slices_in(rect)] += prediction[part.slices_in(area)]
    return results


# Random operators and planes.


def bounded(
    rng: np.random.Generator, shape: tuple[int, ...], largest: int, most: int, extreme: bool
) -> NDArray[np.int16]:
    """Weights whose sums stay below 2^31 for inputs up to `most`; extreme ones come close to it."""
    filter_size = int(np.prod(shape[1:]))
    limit = min(largest, (2**31 - 2**24) // (filter_size * most), 32767)
    if extreme:
        return (rng.choice([-1, 1], shape) * limit).astype(np.int16)
    return np.clip(np.rint(rng.normal(0, limit / 4, shape)), -limit, limit).astype(np.int16)


def random_case(
    rng: np.random.Generator,
    inputs: int,
    outputs: int,
    count: int,
    width: int,
    blocks: int,
    first: int,
    last: int,
    side: int,
    *,
    extreme: bool = False,
    largest: int = 32767,
) -> Case:
    def shift(shape: tuple[int, ...]) -> int:
        """Let most values use their range, and some exceed it."""
        if extreme:
            return int(rng.integers(0, 19))
        return int(np.log2(np.sqrt(np.prod(shape)) * 64)) + int(rng.integers(0, 4))

    deep = (width, width, 3, 3)
    layers = [bounded(rng, deep, largest, 8191, extreme) for _ in range(2 * blocks)]
    return Case(
        bounded(rng, (width, inputs, first, first), largest, 32767, extreme),
        np.array(layers, np.int16).reshape(2 * blocks, *deep),
        bounded(rng, (count, width, last, last), largest, 8191, extreme),
        bounded(rng, (outputs * count, inputs, side, side), largest, 32767, extreme),
        int(rng.integers(-2, 9)),
        shift((inputs, first, first)),
        [shift((width, 3, 3)) for _ in range(2 * blocks)],
        shift((width, last, last)),
        shift((inputs, side, side)),
        int(rng.integers(1, 65536)) if extreme else int(rng.integers(1, 20)),
        int(rng.integers(-2, 9)),
    )


def samples_of(rng: np.random.Generator, rect: Rect, kind: str) -> NDArray[np.float32]:
    if kind == "zero":
        return np.zeros(rect.shape, np.float32)
    if kind == "extreme":
        special = [0, -0.0, 0.5, -1.5, 1e30, -1e30, np.inf, -np.inf, np.nan, 1e-40, 32767, -32767.5]
        return rng.choice(np.array(special, np.float32), rect.shape)
    return rng.normal(0, 100, rect.shape).astype(np.float32)


def planes_of(
    rng: np.random.Generator, case: Case, rects: list[Rect], components: int, kind: str = "normal"
) -> tuple[list[list[Plane]], list[list[Plane]]]:
    """Make the sources and targets; `rects` are those of the inputs, then those of the outputs."""
    inputs = case.first.shape[1]
    sources, targets = [], []
    for _ in range(components):
        planes = [(samples_of(rng, rect, kind), rect) for rect in rects]
        sources.append(planes[:inputs])
        targets.append([(samples_of(rng, rect, "normal"), rect) for _, rect in planes[inputs:]])
    return sources, targets


def copied(targets: list[list[Plane]]) -> list[list[Plane]]:
    return [[(samples.copy(), rect) for samples, rect in planes] for planes in targets]


def assert_same(targets: list[list[Plane]], expected: list[list[NDArray[np.float32]]]) -> None:
    for planes, arrays in zip(targets, expected, strict=True):
        for (samples, _), wanted in zip(planes, arrays, strict=True):
            np.testing.assert_array_equal(samples, wanted)


def compare(
    case: Case,
    sources: list[list[Plane]],
    targets: list[list[Plane]],
    *,
    shared: bool,
    sign: int = 1,
    sets: tuple[str, ...] = SETS,
    threads: tuple[int, ...] = (1,),
) -> None:
    expected = lifted(case, sources, targets, sign, shared)
    operator = case.operator
    for instructions in sets:
        for count in threads:
            result = copied(targets)
            operator.lift(sources, result, sign, shared=shared, threads=count, instructions=instructions)
            assert_same(result, expected)


def same_rects(case: Case, rect: Rect) -> list[Rect]:
    return [rect] * (case.first.shape[1] + len(case.proposals) // len(case.last))


# inputs, outputs, proposals, width, blocks, kernels of the first layer, the last layer and the proposals
SHAPES = [
    (1, 3, 9, 16, 2, 1, 3, 13),
    (3, 1, 9, 16, 2, 3, 3, 13),
    (1, 3, 16, 16, 2, 1, 3, 7),
    (1, 3, 8, 8, 1, 1, 3, 7),
    (3, 1, 8, 8, 1, 3, 3, 7),
    (3, 1, 32, 32, 2, 3, 3, 9),
    (1, 3, 6, 32, 1, 3, 1, 11),
    (1, 1, 1, 1, 0, 1, 1, 1),
    (2, 2, 2, 3, 1, 5, 5, 3),
    (2, 1, 5, 24, 3, 7, 1, 25),
    (3, 3, 7, 13, 0, 1, 7, 5),
    (1, 2, 32, 64, 4, 7, 7, 1),
    (3, 2, 17, 5, 4, 3, 5, 15),
    (1, 1, 3, 40, 1, 5, 3, 3),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("extreme", [False, True])
def test_operators_equal_their_definition(shape: tuple[int, ...], extreme: bool) -> None:
    rng = np.random.default_rng([*shape, extreme])
    for size in ((37, 53), (8, 20)):
        case = random_case(rng, *shape, extreme=extreme)
        rects = same_rects(case, Rect(3, -5, 3 + size[0], size[1] - 5))
        compare(case, *planes_of(rng, case, rects, 2), shared=bool(size[0] % 2))


@pytest.mark.parametrize("shape", SHAPES[:6], ids=str)
def test_small_weights(shape: tuple[int, ...]) -> None:
    """Twins of trained operators have weights of 12 bits: the layers then may use Winograd's algorithm."""
    rng = np.random.default_rng(shape)
    case = random_case(rng, *shape, largest=700)
    rects = same_rects(case, Rect(0, 0, 70, 131))
    compare(case, *planes_of(rng, case, rects, 3), shared=True, sign=-1)
    compare(case, *planes_of(rng, case, rects, 2, "extreme"), shared=False)


@pytest.mark.parametrize("weight", [454, -454, 455, 456, 3640, 3641])
def test_limits_of_winograd(weight: int) -> None:
    """Sums just below and above 2^29, and transformed weights just below and above 2^15, give the defined results."""
    rng = np.random.default_rng(abs(weight))
    width = 16 if abs(weight) < 1000 else 1
    case = random_case(rng, 1, 2, 3, width, 2, 1, 3, 3)
    case.first[...] = 30000 // width
    case.first_shift = 0
    case.blocks[:3] = weight
    case.blocks[3] = rng.choice([-weight, weight], case.blocks[3].shape)
    case.last[...] = rng.choice([-weight, weight], case.last.shape)
    case.block_shifts = [16, 17, 18, 15]
    rects = same_rects(case, Rect(0, 0, 23, 40))
    compare(case, *planes_of(rng, case, rects, 1, "extreme"), shared=False)


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 2), (1, 40), (40, 1), (2, 3), (3, 2), (5, 5), (7, 33), (34, 16)]
)
@pytest.mark.parametrize("shape", [SHAPES[0], SHAPES[4], SHAPES[9]], ids=str)
def test_small_and_odd_areas(shape: tuple[int, ...], size: tuple[int, int]) -> None:
    rng = np.random.default_rng([*shape, *size])
    case = random_case(rng, *shape)
    rects = same_rects(case, Rect(0, 0, *size))
    compare(case, *planes_of(rng, case, rects, 1), shared=False)


@pytest.mark.parametrize("shape", [SHAPES[0], SHAPES[5], SHAPES[8]], ids=str)
@pytest.mark.parametrize("kind", ["extreme", "zero"])
def test_extreme_samples(shape: tuple[int, ...], kind: str) -> None:
    """Infinite, tiny, huge and undefined samples give the defined results; zeros add zeros."""
    rng = np.random.default_rng(shape)
    for extreme in (False, True):
        case = random_case(rng, *shape, extreme=extreme)
        sources, targets = planes_of(rng, case, same_rects(case, Rect(0, 0, 21, 45)), 2, kind)
        targets[0][0][0][:3] = np.array([[np.nan], [-0.0], [np.inf]], np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            compare(case, sources, targets, shared=True, sign=-1)


def test_planes_of_unlike_areas() -> None:
    """Phases of a split plane may lack a row or a column at the borders; a plane may be far away, or empty."""
    rng = np.random.default_rng(7)
    for _ in range(25):
        shape = SHAPES[int(rng.integers(len(SHAPES)))]
        case = random_case(rng, *shape)
        rects = []
        for _ in same_rects(case, Rect(0, 0, 1, 1)):
            y, x = rng.integers(-3, 3, 2).tolist()
            height, width = rng.integers(0, 24, 2).tolist()
            rects.append(Rect(y, x, y + height, x + width))
        if rng.integers(4) == 0:
            rects[0] = Rect(1000, -2000, 1003, -1990)
        components = int(rng.integers(1, 4))
        shared = bool(rng.integers(2))
        compare(case, *planes_of(rng, case, rects, components), shared=shared, sign=int(rng.choice([-1, 1])))


@pytest.mark.parametrize("shape", [SHAPES[0], SHAPES[4]], ids=str)
@pytest.mark.parametrize("shared", [False, True])
def test_threads(shape: tuple[int, ...], shared: bool) -> None:
    rng = np.random.default_rng(shape)
    case = random_case(rng, *shape)
    rects = same_rects(case, Rect(0, 0, 150, 301))
    compare(case, *planes_of(rng, case, rects, 2), shared=shared, threads=(1, 2, 4, 7))


@pytest.mark.parametrize("instructions", SETS)
def test_parts_equal_the_whole(instructions: str) -> None:
    rng = np.random.default_rng(11)
    for shape in (SHAPES[0], SHAPES[1], SHAPES[8]):
        case = random_case(rng, *shape)
        operator = case.operator
        rect = Rect(-2, 5, 61, 180)
        sources, targets = planes_of(rng, case, same_rects(case, rect), 2)
        whole, parts = copied(targets), copied(targets)
        operator.lift(sources, whole, 1, shared=True, instructions=instructions)
        rows, columns = (-2, 7, 8, 40, 61), (5, 6, 77, 180)
        for y0, y1 in itertools.pairwise(rows):
            for x0, x1 in itertools.pairwise(columns):
                grid = Rect(y0, x0, y1, x1)
                operator.lift(sources, parts, 1, shared=True, grid=grid, instructions=instructions)
        assert_same(parts, [[samples for samples, _ in planes] for planes in whole])


def test_a_grid_limits_what_changes() -> None:
    rng = np.random.default_rng(12)
    case = random_case(rng, *SHAPES[3])
    grid = Rect(4, -10, 9, 12)
    sources, targets = planes_of(rng, case, same_rects(case, Rect(0, 0, 20, 30)), 1)
    expected = lifted(case, sources, targets, 1, False, grid)
    case.operator.lift(sources, targets, 1, shared=False, grid=grid)
    assert_same(targets, expected)
    case.operator.lift(sources, targets, 1, shared=False, grid=Rect(50, 50, 60, 60))
    assert_same(targets, expected)


def test_windows_of_larger_arrays() -> None:
    """The planes may be views with gaps between their rows, and with rows in reverse order."""
    rng = np.random.default_rng(13)
    case = random_case(rng, *SHAPES[0])
    rect = Rect(0, 0, 21, 30)
    sources, targets = planes_of(rng, case, same_rects(case, rect), 1)
    expected = lifted(case, sources, targets, -1, False)
    store = np.full((42, 80), 7, np.float32)
    views = [store[::2, :30], store[1::2, :30], store[20::-1, 40:70]]
    for view, (samples, _) in zip(views, targets[0], strict=True):
        view[...] = samples
    case.operator.lift(sources, [[(view, rect) for view in views]], -1, shared=False)
    for view, wanted in zip(views, expected[0], strict=True):
        np.testing.assert_array_equal(view, wanted)
    assert (store[:, 30:40] == 7).all()
    assert (store[:, 70:] == 7).all()


def test_sources_are_copied_where_necessary() -> None:
    rng = np.random.default_rng(14)
    case = random_case(rng, *SHAPES[3])
    rect = Rect(0, 0, 17, 17)
    sources, targets = planes_of(rng, case, same_rects(case, rect), 1)
    turned = [[(np.asfortranarray(samples), area) for samples, area in planes] for planes in sources]
    compare(case, turned, targets, shared=False)


def test_no_components_and_no_samples() -> None:
    rng = np.random.default_rng(15)
    case = random_case(rng, *SHAPES[3])
    case.operator.lift([], [], 1, shared=True)
    sources, targets = planes_of(rng, case, same_rects(case, Rect(4, 4, 4, 9)), 3)
    case.operator.lift(sources, targets, 1, shared=True, threads=4)


def plain_case(**changes: Any) -> Case:
    """A valid operator of one input and one output."""
    ones = np.ones((2, 1, 1, 1), np.int16)
    blocks = np.ones((2, 2, 2, 3, 3), np.int16)
    last, proposals = np.ones((2, 2, 3, 3), np.int16), np.ones((2, 1, 3, 3), np.int16)
    case = Case(ones, blocks, last, proposals, 6, 0, [1, 1], 1, 1, 1, 6)
    return dataclasses.replace(case, **changes)


def test_attributes() -> None:
    operator = random_case(np.random.default_rng(16), *SHAPES[8]).operator
    assert (operator.inputs, operator.outputs, operator.radius) == (2, 2, 6)
    assert plain_case(proposals=np.ones((2, 1, 25, 25), np.int16)).operator.radius == 12


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"first": np.ones((2, 1, 1, 1), np.int32)}, "int16"),
        ({"first": np.ones((2, 1, 3, 1), np.int16)}, "first layer must be int16 of 2 x 1 x 3 x 3"),
        ({"first": np.ones((2, 1, 9, 9), np.int16)}, "odd and at most 7, not 9"),
        ({"blocks": np.ones((3, 2, 2, 3, 3), np.int16)}, "two layers"),
        ({"blocks": np.ones((2, 2, 3, 3, 3), np.int16)}, "blocks must be int16"),
        ({"blocks": np.ones((10, 2, 2, 3, 3), np.int16), "block_shifts": [1] * 10}, "0 to 4|too many"),
        ({"block_shifts": [1]}, "1 shifts for 2 layers"),
        ({"block_shifts": [1, 31]}, "0 to 30, not 31"),
        ({"last": np.ones((2, 3, 3, 3), np.int16)}, "last layer must be int16"),
        ({"last": np.ones((2, 2, 2, 2), np.int16)}, "odd"),
        ({"last": np.ones((0, 2, 3, 3), np.int16)}, "multiple|proposals"),
        ({"proposals": np.ones((3, 1, 3, 3), np.int16)}, "no multiple of 2"),
        ({"proposals": np.ones((8, 1, 3, 3), np.int16)}, "1 to 3 outputs, not 4"),
        ({"proposals": np.ones((2, 1, 27, 27), np.int16)}, "odd and at most 25"),
        ({"proposals": np.ones((2, 2, 3, 3), np.int16)}, "proposals must be int16"),
        ({"offset": 0}, "1 to 65535, not 0"),
        ({"offset": 1 << 40}, "offset|int"),
        ({"input_bits": 17}, "-16 to 16, not 17"),
        ({"first_shift": -1}, "0 to 30, not -1"),
    ],
    ids=str,
)
def test_invalid_operators(changes: dict[str, Any], message: str) -> None:
    assert plain_case().operator.radius == 3
    with pytest.raises(ModelError, match=message):
        _ = plain_case(**changes).operator


def test_sums_must_fit_32_bits() -> None:
    """The bound counts positive and negative products, and the rounding."""

    def first(weight: int, shift: int) -> Case:
        weights = np.zeros((2, 1, 3, 3), np.int16)
        weights[1] = 7281  # 9 x 7281 = 65529; (65538 + w) x 32767 < 2^31 - 2^(shift - 1)
        weights[1, 0, 1, 1] += weight
        return plain_case(first=weights, first_shift=shift)

    assert first(9, 0).operator.radius
    with pytest.raises(ModelError, match="first layer are too large"):
        _ = first(10, 0).operator
    with pytest.raises(ModelError, match="first layer are too large"):
        _ = first(9, 17).operator
    with pytest.raises(ModelError, match="a block are too large"):
        _ = plain_case(blocks=np.full((2, 2, 2, 3, 3), -32768, np.int16)).operator
    with pytest.raises(ModelError, match="last layer are too large"):
        _ = plain_case(last=np.full((2, 2, 3, 3), 32767, np.int16)).operator
    with pytest.raises(ModelError, match="proposals are too large"):
        _ = plain_case(proposals=np.full((2, 1, 3, 3), -32768, np.int16)).operator


def test_invalid_steps() -> None:
    operator = plain_case().operator
    rect = Rect(0, 0, 4, 5)

    def plane() -> Plane:
        return np.zeros(rect.shape, np.float32), rect

    with pytest.raises(InputError, match="do not fit"):
        operator.lift([[plane()]], [], 1, shared=True)
    with pytest.raises(InputError, match="needs 1 planes"):
        operator.lift([[plane(), plane()]], [[plane()]], 1, shared=True)
    with pytest.raises(InputError, match="targets must be float32"):
        operator.lift([[plane()]], [[(np.zeros((4, 5)), rect)]], 1, shared=True)  # type: ignore[list-item]
    with pytest.raises(InputError, match="sources must be float32"):
        operator.lift([[(np.zeros((4, 4), np.float32), rect)]], [[plane()]], 1, shared=True)
    turned = np.zeros((5, 4), np.float32).T
    with pytest.raises(InputError, match="side by side"):
        operator.lift([[plane()]], [[(turned, rect)]], 1, shared=True)
    fixed = np.zeros(rect.shape, np.float32)
    fixed.flags.writeable = False
    with pytest.raises(InputError, match="writeable"):
        operator.lift([[plane()]], [[(fixed, rect)]], 1, shared=True)
    both = plane()
    with pytest.raises(InputError, match="overlaps"):
        operator.lift([[both]], [[both]], 1, shared=True)
    with pytest.raises(InputError, match="overlaps"):
        operator.lift([[plane()]] * 2, [[both], [both]], 1, shared=True)
    far = Rect(1 << 31, 0, (1 << 31) + 4, 5)
    with pytest.raises(InputError, match="32 bits"):
        operator.lift([[plane()]], [[(np.zeros(far.shape, np.float32), far)]], 1, shared=True)
    with pytest.raises(OptionError, match="sign"):
        operator.lift([[plane()]], [[plane()]], 2, shared=True)
    with pytest.raises(OptionError, match="instructions"):
        operator.lift([[plane()]], [[plane()]], 1, shared=True, instructions="mmx")
