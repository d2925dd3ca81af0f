"""Mixtures in integers: the native library agrees with numpy, and both approximate the mixtures well."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from j2klearn.errors import InputError, OptionError
from j2klearn.neural.entropy.backends import mixture
from j2klearn.neural.entropy.mixture import KINDS, NumpyMixture, patterns, tables
from j2klearn.neural.entropy.native import NativeMixture
from j2klearn.neural.entropy.range_coder import cost_bits
from j2klearn.neural.integer import tables as shipped
from tests.support.paths import ROOT

SCRIPT = ROOT / "scripts" / "neural_tables.py"
TABLES = Path(shipped.__file__).with_name("tables.safetensors")
DISTRIBUTIONS = {"logistic": expit, "gaussian": ndtr}

#: The tables are part of the file format: other tables need another version of the format.
DIGEST = "ea738a845c1aadc3ee056a13f3f4270262000c1385d814f1cccef8e818f014f9"


def random_parameters(
    rng: np.random.Generator, count: int, components: int, *, wild: bool = False
) -> NDArray[np.int16]:
    if wild:
        return rng.integers(-32768, 32768, (count, 3, components)).astype(np.int16)
    logits, means, scales = (
        rng.integers(-most, most + 1, (count, components)) for most in (300, rng.integers(1, 3000), 400)
    )
    return np.stack([logits, means, scales], 1).astype(np.int16)


def test_tables_are_those_that_the_script_makes() -> None:
    spec = importlib.util.spec_from_file_location("neural_tables", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert safetensors.numpy.save(script.make()) == TABLES.read_bytes()
    assert hashlib.sha256(TABLES.read_bytes()).hexdigest() == DIGEST


@pytest.mark.parametrize("kind", KINDS)
def test_tables_hold_what_they_are_called(kind: str) -> None:
    held = tables(kind)
    places = np.arange(-1152, 1153) / 64
    assert np.abs(held.cumulative - 2.0**24 * DISTRIBUTIONS[kind](places)).max() <= 0.501
    assert (np.diff(held.cumulative) >= 0).all()
    assert (held.cumulative[0], held.cumulative[-1]) == (0, 2**24)
    np.testing.assert_allclose(held.exponential, 2.0**15 * np.exp(-np.arange(768) / 64), atol=0.501)
    scales = np.exp(np.arange(-256, 641) / 64)
    np.testing.assert_allclose(held.reciprocal, 2.0**25 / scales, atol=0.501)
    factor = np.pi**2 / 3 if kind == "logistic" else 1
    np.testing.assert_allclose(held.variance, 1024 * factor * scales**2, atol=0.501)


@given(
    kind=st.sampled_from(KINDS),
    components=st.integers(1, 4),
    wild=st.booleans(),
    threads=st.integers(1, 3),
    count=st.sampled_from([0, 1, 2, 5000]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_the_native_library_and_numpy_agree(
    kind: str, components: int, wild: bool, threads: int, count: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    parameters = random_parameters(rng, count, components, wild=wild)
    ours, native = NumpyMixture(kind), NativeMixture(kind, threads)
    bins = ours.bins(parameters)
    for expected, got in zip(bins, native.bins(parameters), strict=True):
        assert got.dtype == expected.dtype == np.int32
        np.testing.assert_array_equal(got, expected)
    outside = ours.outside(parameters, bins.centre, bins.width)
    np.testing.assert_array_equal(native.outside(parameters, bins.centre, bins.width), outside)
    step, bits = (rng.integers(low, high, count).astype(np.int32) for low, high in ((0, 15), (1, 5)))
    low = (bins.centre + (rng.integers(-8, 8, count) << bins.width)).astype(np.int32)
    digits = ours.digits(parameters, low, step, bits)
    np.testing.assert_array_equal(native.digits(parameters, low, step, bits), digits)
    for rows in (outside, digits, patterns(bins.inside)):
        assert rows.dtype == np.float32
        assert (rows == np.rint(rows)).all()
        assert (rows >= 0).all()
        assert (rows.astype(np.float64).sum(1) == 2**24 - rows.shape[1]).all()
    assert (digits[np.arange(16) >= (1 << bits)[:, None]] == 0).all()


def test_bins_are_where_the_mixture_is() -> None:
    rng = np.random.default_rng(1)
    parameters = random_parameters(rng, 3000, 3)
    weights = np.exp(parameters[:, 0] / 64.0)
    weights /= weights.sum(1, keepdims=True)
    means, scales = parameters[:, 1] / 32.0, np.exp(np.clip(parameters[:, 2], -256, 640) / 64.0)
    mean = (weights * means).sum(1)
    variance = (weights * (scales**2 * np.pi**2 / 3 + (means - mean[:, None]) ** 2)).sum(1)
    bins = NumpyMixture("logistic").bins(parameters)
    assert np.abs(bins.centre - mean).max() < 0.54
    octaves = 0.5 * np.log2(variance)
    assert (bins.width >= np.floor(octaves - 0.02).clip(0)).all()
    assert (bins.width <= np.floor(octaves + 0.02).clip(0)).all()
    edges = bins.centre[:, None] - 0.5 + np.array([0, 1]) * 2.0 ** bins.width[:, None]
    below, above = (
        (weights * expit((edge[:, None] - means) / scales)).sum(1) for edge in (edges[:, 0], edges[:, 1])
    )
    np.testing.assert_allclose(bins.inside / 2.0**24, above - below, atol=2e-4)


def test_groups_have_the_probabilities_of_their_members() -> None:
    rng = np.random.default_rng(2)
    inside = rng.integers(0, 2**24 + 1, 41).astype(np.int32)
    inside[:4] = [0, 2**24, 2**24, 0]
    rows = (patterns(inside) + 1) / 2.0**24
    assert rows.shape == (11, 16)
    own = np.ones(44)
    own[:41] = inside / 2.0**24
    for row, group in zip(rows, own.reshape(11, 4), strict=True):
        for symbol, got in enumerate(row):
            expected = np.prod([1 - p if symbol >> i & 1 else p for i, p in enumerate(group)])
            assert got == pytest.approx(expected, abs=2.5e-6)
    assert rows[-1, 2:].max() == 2.0**-24  # the integers that complete the last group are inside


def sample(
    rng: np.random.Generator, kind: str, parameters: NDArray[np.int16]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return integers drawn from mixtures in floating point, and their bits under these mixtures."""
    logits, means, log_scales = np.moveaxis(parameters.astype(np.float64), 1, 0)
    weights = np.exp(logits / 64 - logits.max(1, keepdims=True) / 64)
    weights /= weights.sum(1, keepdims=True)
    means, scales = means / 32, np.exp(log_scales / 64)
    k = (weights.cumsum(1) < rng.random((len(means), 1))).sum(1).clip(0, means.shape[1] - 1)
    every = np.arange(len(k))
    noise = rng.logistic(size=len(k)) if kind == "logistic" else rng.normal(size=len(k))
    values = np.rint(means[every, k] + scales[every, k] * noise).astype(np.int64)
    above, below = ((values[:, None] + half - means) / scales for half in (0.5, -0.5))
    upper = above + below > 0  # the tail with more digits
    above, below = np.where(upper, -below, above), np.where(upper, -above, below)
    cumulative = DISTRIBUTIONS[kind]
    return values, -np.log2((weights * (cumulative(above) - cumulative(below))).sum(1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("scale", [0.1, 0.2, 0.5, 1, 2, 5, 20, 100, 1000])
def test_integers_cost_what_the_float_mixture_says(kind: str, components: int, scale: float) -> None:
    rng = np.random.default_rng(3)
    count = 30_000
    logits = rng.normal(size=(count, components)) * 64
    means = np.clip(rng.normal(size=(count, components)) * scale * 32, -30000, 30000)
    scales = (np.log(scale) + rng.normal(size=(count, components)) * 0.5 * (components > 1)) * 64
    parameters = np.rint(np.stack([logits, means, scales], 1)).astype(np.int16)
    values, expected = sample(rng, kind, parameters)
    # 0.3 % is the requirement; 4e-6 bits each are the least frequencies of the symbols of groups
    assert cost_bits(values, parameters, mixture(kind)).sum() <= 1.003 * expected.sum() + 4e-6 * count


@pytest.mark.parametrize("make", [NumpyMixture, NativeMixture])
def test_wrong_parameters_are_refused(make: type[NumpyMixture] | type[NativeMixture]) -> None:
    for shape, dtype in [
        ((5, 3, 3), np.int32),
        ((5, 3, 0), np.int16),
        ((5, 3, 5), np.int16),
        ((5, 2, 3), np.int16),
        ((5, 9), np.int16),
    ]:
        with pytest.raises(InputError):
            make("logistic").bins(np.zeros(shape, dtype))
    with pytest.raises(OptionError, match="poisson"):
        make("poisson")


def test_the_environment_chooses_the_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("J2KLEARN_NEURAL_BACKEND", raising=False)
    assert isinstance(mixture("gaussian"), NativeMixture)
    monkeypatch.setenv("J2KLEARN_NEURAL_BACKEND", "torch")
    assert isinstance(mixture("gaussian"), NumpyMixture)
    assert mixture("gaussian").kind == mixture("gaussian", "native").kind == "gaussian"
