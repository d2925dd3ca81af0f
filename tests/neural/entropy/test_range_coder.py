"""The range coder: integers under mixtures to bytes, and decoding."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from j2klearn.errors import CodestreamError, InputError
from j2klearn.neural.entropy.backends import mixture
from j2klearn.neural.entropy.mixture import KINDS, Mixture, NumpyMixture, patterns
from j2klearn.neural.entropy.range_coder import MAX_MAGNITUDE, Decoder, Encoder, cost_bits
from tests.neural.entropy.test_mixture import random_parameters, sample


def steps_of(count: int, steps: int) -> list[slice]:
    return [slice(a, b) for a, b in pairwise(np.linspace(0, count, steps + 1).astype(int))]


def encoded(
    values: NDArray[np.integer], parameters: NDArray[np.int16], which: Mixture, steps: int = 1
) -> Encoder:
    encoder = Encoder(which)
    for part in steps_of(len(values), steps):
        encoder.encode(values[part], parameters[part])
    return encoder


def write(
    values: NDArray[np.integer], parameters: NDArray[np.int16], which: Mixture, steps: int = 1
) -> bytes:
    return encoded(values, parameters, which, steps).finish()


def bits_used(encoder: Encoder) -> float:
    """Return the bits of the last interval. A segment is shorter if a number that ends in zeros is in the interval."""
    position, (_, extent) = encoder._coder.pos()
    return 32 * int(position) + 64 - float(np.log2(float(extent)))


def read(data: bytes, parameters: NDArray[np.int16], which: Mixture, steps: int = 1) -> NDArray[np.int32]:
    decoder = Decoder(data, which)
    return np.concatenate([decoder.decode(parameters[part]) for part in steps_of(len(parameters), steps)])


def near(rng: np.random.Generator, parameters: NDArray[np.int16]) -> NDArray[np.int64]:
    """Return integers near the means of their mixtures."""
    bins = mixture().bins(parameters)
    return bins.centre + np.rint(rng.normal(size=len(parameters)) * 2.0**bins.width).astype(np.int64)


@given(
    kind=st.sampled_from(KINDS),
    components=st.integers(1, 4),
    wild=st.booleans(),
    far=st.sampled_from([0, 0.01, 1]),
    count=st.integers(0, 400),
    steps=st.integers(1, 5),
    seed=st.integers(0, 2**32 - 1),
)
@example("logistic", 3, False, 0, 0, 1, 0)
@example("logistic", 3, True, 1, 1, 1, 0)
@example("gaussian", 1, True, 1, 3, 1, 12010152)  # ends in zeros by luck
@settings(max_examples=150, deadline=None)
def test_what_is_encoded_is_decoded(
    kind: str, components: int, wild: bool, far: float, count: int, steps: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    parameters = random_parameters(rng, count, components, wild=wild)
    values = near(rng, parameters)
    away = (2.0 ** rng.uniform(0, 29, count) * rng.choice([-1, 1], count)).astype(np.int64)
    values = np.where(rng.random(count) < far, away, values)
    which = mixture(kind, threads=2)
    encoder = encoded(values, parameters, which, steps)
    used, data = bits_used(encoder), encoder.finish()
    got = read(data, parameters, NumpyMixture(kind), steps)  # with the other implementation
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, values)
    assert data == write(values.astype(np.int32), parameters, NumpyMixture(kind), steps)
    costs = [cost_bits(values[part], parameters[part], which) for part in steps_of(count, steps)]
    bits = float(np.concatenate(costs).sum())
    assert bits - 0.01 <= used <= 1.001 * bits + 1
    assert len(data) <= used / 8 + 1
    assert all((cost > -1e-9).all() for cost in costs)


@pytest.mark.parametrize("magnitude", [0, 1, 7, 8, 9, 127, 2**15, 2**16, 2**29, MAX_MAGNITUDE - 1])
@pytest.mark.parametrize("scale", [-32768, -256, 0, 300, 640, 32767])
def test_magnitudes_up_to_the_largest(magnitude: int, scale: int) -> None:
    parameters = np.zeros((6, 3, 2), np.int16)
    parameters[:, 2] = scale
    parameters[2:4, 1] = [[32767], [-32768]]
    values = np.array([magnitude, -magnitude] * 3)
    np.testing.assert_array_equal(read(write(values, parameters, mixture()), parameters, mixture()), values)


@pytest.mark.parametrize("scale", [0.07, 0.1, 0.3, 1, 8, 300])
def test_files_are_as_large_as_symbols_cost(scale: float) -> None:
    rng = np.random.default_rng(1)
    parameters = np.zeros((200_000, 3, 1), np.int16)  # more than a block
    parameters[:, 2] = round(64 * np.log(scale))
    values, _ = sample(rng, "logistic", parameters)
    data = write(values, parameters, mixture())
    bits = cost_bits(values, parameters, mixture()).sum()
    assert bits / 8 - 1 <= len(data) <= 1.001 * bits / 8 + 8
    np.testing.assert_array_equal(read(data, parameters, mixture()), values)


def test_certain_zeros_cost_nothing() -> None:
    parameters = np.zeros((100_000, 3, 1), np.int16)
    parameters[:, 2] = -256
    values = np.zeros(100_000, np.int32)
    data = write(values, parameters, mixture())
    assert len(data) <= 1
    np.testing.assert_array_equal(read(data, parameters, mixture()), values)


def test_no_integers_are_no_bytes() -> None:
    nothing = np.zeros((0, 3, 3), np.int16)
    assert write(np.zeros(0, np.int32), nothing, mixture()) == b""
    assert Decoder(b"", mixture()).decode(nothing).shape == (0,)
    assert cost_bits(np.zeros(0, np.int32), nothing, mixture()).shape == (0,)


def test_every_step_finds_its_place() -> None:
    """Calls of all sizes append to one coder. A reader may stop early."""
    rng = np.random.default_rng(2)
    parameters = random_parameters(rng, 3000, 3)
    values = near(rng, parameters)
    encoder, decoder_steps = Encoder(mixture()), []
    at = 0
    while at < len(values):
        step = slice(at, at + int(rng.integers(0, 40)))
        encoder.encode(values[step], parameters[step])
        decoder_steps.append(step)
        at = step.stop
    decoder = Decoder(encoder.finish(), mixture())
    for step in decoder_steps[: len(decoder_steps) // 2]:
        np.testing.assert_array_equal(decoder.decode(parameters[step]), values[step])


def test_a_segment_may_be_taken_before_it_ends() -> None:
    rng = np.random.default_rng(3)
    parameters = random_parameters(rng, 200, 3)
    values = near(rng, parameters)
    encoder = Encoder(mixture())
    encoder.encode(values[:100], parameters[:100])
    first = encoder.finish()
    encoder.encode(values[100:], parameters[100:])
    np.testing.assert_array_equal(read(first, parameters[:100], mixture()), values[:100])
    np.testing.assert_array_equal(read(encoder.finish(), parameters, mixture(), 2), values)


def test_the_coder_is_the_one_that_is_described() -> None:
    """A range decoder in Python integers reads the symbols of bin 0, given the documented rows."""
    rng = np.random.default_rng(4)
    parameters = np.zeros((400, 3, 1), np.int16)
    parameters[:, 2] = rng.integers(-150, -100, (400, 1))
    values, _ = sample(rng, "logistic", parameters)
    values = np.clip(values, 0, 1)
    data = write(values, parameters, mixture()) + bytes(1000)
    lower, extent, at = 0, 2**64 - 1, 8
    point = int.from_bytes(data[:8], "big")
    got: list[int] = []
    for row in patterns(mixture().bins(parameters).inside).astype(int) + 1:
        scale = extent >> 24
        quantile = (point - lower) % 2**64 // scale
        symbol = int((row.cumsum() <= quantile).sum())
        lower = (lower + scale * int(row[:symbol].sum())) % 2**64
        extent = scale * int(row[symbol])
        if extent < 2**32:
            lower, extent = lower << 32 & 2**64 - 1, extent << 32
            point = point << 32 & 2**64 - 1 | int.from_bytes(data[at : at + 4], "big")
            at += 4
        got += [symbol >> i & 1 for i in range(4)]
    assert got == values.tolist()


def test_the_bytes_stay_the_same() -> None:
    """Files have to stay readable: other bytes would need another version of the format."""
    digests = []
    for kind in KINDS:
        noise = (np.random.Philox(5).random_raw(20_000) >> 48).astype(
            np.int64
        ) - 2**15  # numpy guarantees that this stream stays the same
        parameters = noise[:18_000].reshape(2000, 3, 3)
        parameters[:1500] //= np.array([128, 64, 96])[:, None]
        parameters = parameters.astype(np.int16)
        bins = NumpyMixture(kind).bins(parameters)
        values = bins.centre + ((noise[18_000:] >> 8) << bins.width >> 4)
        digests.append(hashlib.sha256(write(values, parameters, mixture(kind), 3)).hexdigest()[:16])
    assert digests == ["3ef630343af9cc2e", "04ac7d09ca329339"]


@given(
    data=st.binary(max_size=300),
    wild=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=200, deadline=None)
def test_any_bytes_give_bounded_integers_or_an_error(data: bytes, wild: bool, seed: int) -> None:
    parameters = random_parameters(np.random.default_rng(seed), 300, 3, wild=wild)
    try:
        values = read(data, parameters, mixture(), 3)
    except CodestreamError:
        return
    assert np.abs(values.astype(np.int64)).max() < MAX_MAGNITUDE


@given(seed=st.integers(0, 2**32 - 1), cut=st.booleans())
@settings(max_examples=100, deadline=None)
def test_damaged_segments_give_bounded_integers_or_an_error(seed: int, cut: bool) -> None:
    rng = np.random.default_rng(seed)
    parameters = random_parameters(rng, 500, 3)
    data = bytearray(write(near(rng, parameters), parameters, mixture()))
    if cut:
        del data[int(rng.integers(0, len(data))) :]
    else:
        data[int(rng.integers(0, len(data)))] ^= int(rng.integers(1, 256))
    try:
        values = read(bytes(data), parameters, mixture())
    except CodestreamError:
        return
    assert np.abs(values.astype(np.int64)).max() < MAX_MAGNITUDE


def test_bytes_that_no_encoder_writes_are_an_error() -> None:
    parameters = random_parameters(np.random.default_rng(6), 100, 3)
    with pytest.raises(CodestreamError, match="damaged"):
        Decoder(b"\xff" * 40, mixture()).decode(parameters)


@pytest.mark.parametrize(
    ("values", "count"),
    [
        (np.zeros(3, np.float32), 3),
        (np.zeros(3, np.int32), 4),
        (np.zeros((3, 1), np.int32), 3),
        (np.array([0, MAX_MAGNITUDE, 0]), 3),
        (np.array([0, -MAX_MAGNITUDE, 0]), 3),
        (np.array([-(2**63), 0, 0]), 3),
    ],
)
def test_what_cannot_be_coded_is_refused(values: NDArray[np.integer], count: int) -> None:
    parameters = np.zeros((count, 3, 1), np.int16)
    encoder = Encoder(mixture())
    with pytest.raises(InputError):
        encoder.encode(values, parameters)
    with pytest.raises(InputError):
        cost_bits(values, parameters, mixture())
    assert encoder.finish() == b""
