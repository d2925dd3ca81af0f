"""Integer convolutions: every backend and instruction set agrees with plain integer arithmetic."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from j2klearn.errors import InputError, ModelError, OptionError
from j2klearn.native.instructions import available_instructions
from j2klearn.neural.integer.backends import BACKENDS, kernels
from j2klearn.neural.integer.layer import Layer, TorchKernels
from j2klearn.neural.integer.native import NativeKernels

CHANNELS = [1, 3, 15, 27, 32, 48, 64]


def random_layer(
    rng: np.random.Generator, cin: int, cout: int, size: int, *, extreme: bool = False, bound: int = 4095
) -> Layer:
    """Return a layer whose sums may come close to 32 bits."""
    most = min(32767, (2**31 - 3 * 10**8) // (size * size * cin * bound))
    shape = (cout, size, size, cin)
    weights = rng.choice([-most, most], shape) if extreme else rng.integers(-most, most + 1, shape)
    low, high = sorted(rng.integers(-32768, 32768, 2).tolist())
    return Layer(
        weights.astype(np.int16),
        rng.integers(-(10**8), 10**8, cout).astype(np.int32),
        rng.integers(0, 28, cout).astype(np.int32),
        low,
        high,
        bound,
    )


def random_plane(
    rng: np.random.Generator, shape: tuple[int, ...], bound: int, *, extreme: bool = False
) -> NDArray[np.int16]:
    plane = rng.choice([-bound, bound], shape) if extreme else rng.integers(-bound, bound + 1, shape)
    return plane.astype(np.int16)


def plain(x: NDArray[np.int16], layer: Layer, residual: NDArray[np.int16] | None) -> NDArray[np.int64]:
    """Apply a layer by its definition, pixel by pixel, with sums in Python integers."""
    reach = layer.size // 2
    padded = np.pad(x.astype(np.int64), ((reach, reach), (reach, reach), (0, 0)))
    out = np.empty((*x.shape[:2], layer.cout), np.int64)
    for i, j, c in np.ndindex(*out.shape):
        patch = padded[i : i + layer.size, j : j + layer.size]
        total = int((patch * layer.weights[c]).sum()) + int(layer.bias[c])
        shift = int(layer.shift[c])
        value = (total + ((1 << shift) >> 1) >> shift) + (0 if residual is None else int(residual[i, j, c]))
        out[i, j, c] = min(max(value, layer.low), layer.high)
    return out


@given(
    cin=st.sampled_from(CHANNELS),
    cout=st.sampled_from(CHANNELS),
    size=st.sampled_from([1, 3, 5]),
    height=st.integers(1, 12),
    width=st.integers(1, 40),
    extreme=st.booleans(),
    residual=st.booleans(),
    instructions=st.sampled_from(available_instructions()),
    threads=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
)
@example(64, 64, 5, 1, 1, True, True, "best", 1, 0)
@example(1, 1, 1, 1, 1, True, False, "best", 4, 0)
@example(27, 15, 3, 70, 80, False, True, "best", 3, 0)
@settings(max_examples=150, deadline=None)
def test_the_native_library_and_torch_agree(
    cin: int,
    cout: int,
    size: int,
    height: int,
    width: int,
    extreme: bool,
    residual: bool,
    instructions: str,
    threads: int,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    layer = random_layer(rng, cin, cout, size, extreme=extreme)
    x = random_plane(rng, (height, width, cin), layer.input_bound, extreme=extreme)
    more = random_plane(rng, (height, width, cout), 32767) if residual else None
    expected = TorchKernels().conv(x, layer, residual=more)
    got = NativeKernels(threads, instructions).conv(x, layer, residual=more)
    assert got.dtype == np.int16
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("size", [1, 3, 5])
def test_backends_compute_what_is_defined(backend: str, size: int) -> None:
    rng = np.random.default_rng(size)
    for cin, cout, bound in [(1, 2, 32768), (5, 3, 4095), (16, 17, 100)]:
        layer = random_layer(rng, cin, cout, size, bound=bound, extreme=cin == 5)
        x = random_plane(rng, (6, 5, cin), min(bound, 32767), extreme=cin == 5)
        more = random_plane(rng, (6, 5, cout), 32767)
        for residual in (None, more):
            got = kernels(backend).conv(x, layer, residual=residual)
            np.testing.assert_array_equal(got, plain(x, layer, residual))


@pytest.mark.parametrize("backend", BACKENDS)
def test_sums_may_come_as_close_to_32_bits_as_is_proven(backend: str) -> None:
    """All products of one sign, at the largest sum that a layer may have."""
    cin = 64
    bias = 2**31 - 1 - 32768 - cin * 9 * 32767 * 100
    for sign in (1, -1):
        layer = Layer(
            np.full((3, 3, 3, cin), 100, np.int16),
            np.full(3, sign * bias, np.int32),
            np.zeros(3, np.int32),
            input_bound=32767,
        )
        assert layer.sum_bounds.max() == 2**31 - 1
        x = np.full((3, 4, cin), sign * 32767, np.int16)
        more = np.full((3, 4, 3), sign * 32767, np.int16)
        got = kernels(backend).conv(x, layer, residual=more)
        np.testing.assert_array_equal(got, plain(x, layer, more))


@pytest.mark.parametrize("backend", BACKENDS)
def test_rows_are_planes_of_one_row(backend: str) -> None:
    rng = np.random.default_rng(2)
    layer = random_layer(rng, 33, 20, 1)
    rows, more = random_plane(rng, (57, 33), 4095), random_plane(rng, (57, 20), 3000)
    which = kernels(backend)
    np.testing.assert_array_equal(
        which.dense(rows, layer, residual=more), which.conv(rows[None], layer, residual=more[None])[0]
    )
    assert which.dense(rows[:0], layer).shape == (0, 20)
    with pytest.raises(InputError):
        which.dense(rows, random_layer(rng, 33, 20, 3))
    with pytest.raises(InputError):
        which.dense(rows[None], layer)


@pytest.mark.parametrize("backend", BACKENDS)
def test_input_may_lie_in_memory_as_it_likes(backend: str) -> None:
    rng = np.random.default_rng(3)
    layer = random_layer(rng, 6, 8, 3)
    x, more = random_plane(rng, (9, 10, 6), 4095), random_plane(rng, (9, 10, 8), 4095)
    expected = kernels(backend).conv(x, layer, residual=more)
    apart = np.repeat(x, 2, 1)[:, ::2]
    turned = np.asfortranarray(more)
    np.testing.assert_array_equal(kernels(backend).conv(apart, layer, residual=turned), expected)


def test_taps_that_are_zero_change_nothing() -> None:
    """Taps that are zero for all outputs of a block are skipped."""
    rng = np.random.default_rng(4)
    layer = random_layer(rng, 16, 100, 3)
    weights = layer.weights.copy()
    weights[:, 1, 1:] = weights[:, 2] = 0
    weights[:64, :, :, 3:9] = 0
    for sparse in (weights, np.zeros_like(weights)):
        masked = Layer(sparse, layer.bias, layer.shift, layer.low, layer.high)
        x = random_plane(rng, (11, 13, 16), 4095)
        np.testing.assert_array_equal(NativeKernels().conv(x, masked), TorchKernels().conv(x, masked))


def test_a_layer_serves_several_threads_at_once() -> None:
    rng = np.random.default_rng(5)
    layer = random_layer(rng, 32, 32, 3)
    x = random_plane(rng, (40, 50, 32), 4095)
    which = NativeKernels(threads=2)
    expected = TorchKernels().conv(x, layer)
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(lambda _: which.conv(x, layer), range(12)):
            np.testing.assert_array_equal(got, expected)


def layer_with(**changes: Any) -> Layer:
    parts: dict[str, Any] = {
        "weights": np.ones((2, 3, 3, 4), np.int16),
        "bias": np.zeros(2, np.int32),
        "shift": np.zeros(2, np.int32),
    }
    return Layer(**{**parts, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"weights": np.ones((2, 3, 3, 4), np.int32)},
        {"weights": np.ones((2, 2, 2, 4), np.int16)},
        {"weights": np.ones((2, 3, 1, 4), np.int16)},
        {"weights": np.ones((2, 7, 7, 4), np.int16)},
        {"weights": np.ones((2, 3, 3, 0), np.int16)},
        {"weights": np.ones((3, 3, 3, 4), np.int16)},
        {"bias": np.zeros(2, np.int64)},
        {"bias": np.zeros(3, np.int32)},
        {"shift": np.zeros((2, 1), np.int32)},
        {"shift": np.array([0, 31], np.int32)},
        {"shift": np.array([-1, 0], np.int32)},
        {"low": 5, "high": 4},
        {"low": -32769},
        {"high": 32768},
        {"input_bound": 0},
        {"input_bound": 32769},
        {"weights": np.full((2, 3, 3, 4), -32768, np.int16)},
        {"bias": np.array([0, -(2**31)], np.int32)},
        {"bias": np.array([2**31 - 36 * 4095 - 32768, 0], np.int32)},
    ],
)
def test_layers_that_cannot_be_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        layer_with(**changes)


def test_a_layer_knows_its_bounds() -> None:
    layer = layer_with(bias=np.array([2**31 - 1 - 36 * 4095 - 32768, -7], np.int32), low=-100, high=50)
    assert layer.sum_bounds.tolist() == [2**31 - 1, 36 * 4095 + 7 + 32768]
    assert (layer.cout, layer.size, layer.cin, layer.output_bound) == (2, 3, 4, 100)
    assert layer_with(shift=np.array([0, 3], np.int32)).rounding.tolist() == [0, 4]
    with pytest.raises(ValueError, match="read-only"):
        layer.weights[0] = 2


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("x", "residual"),
    [
        (np.zeros((3, 3, 5), np.int16), None),
        (np.zeros((3, 3, 4), np.int32), None),
        (np.zeros((3, 4), np.int16), None),
        (np.zeros((3, 3, 4), np.int16), np.zeros((3, 3, 4), np.int16)),
        (np.zeros((3, 3, 4), np.int16), np.zeros((3, 3, 2), np.int32)),
    ],
)
def test_wrong_input_is_refused(
    backend: str, x: NDArray[np.int16], residual: NDArray[np.int16] | None
) -> None:
    with pytest.raises(InputError):
        kernels(backend).conv(x, layer_with(), residual=residual)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("shape", [(0, 5, 4), (5, 0, 4), (0, 0, 4)])
def test_nothing_gives_nothing(backend: str, shape: tuple[int, int, int]) -> None:
    assert kernels(backend).conv(np.zeros(shape, np.int16), layer_with()).shape == (*shape[:2], 2)


def test_the_environment_chooses_the_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("J2KLEARN_NEURAL_BACKEND", raising=False)
    assert kernels().name == "native"
    monkeypatch.setenv("J2KLEARN_NEURAL_BACKEND", "torch")
    assert kernels().name == "torch"
    assert kernels("native").name == "native"
    monkeypatch.setenv("J2KLEARN_NEURAL_BACKEND", "abacus")
    with pytest.raises(OptionError, match="abacus"):
        kernels()
