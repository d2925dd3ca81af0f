"""The learned-transform segment: written segments are parsed, and invalid ones are refused."""

from __future__ import annotations

import dataclasses
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from j2klearn.codestream.learned_segment import (
    Colour,
    Descriptor,
    Opacities,
    Transport,
    join_weights,
    read_comments,
    split_weights,
)
from j2klearn.core.limits import MAX_EMBEDDED_BYTES
from j2klearn.core.noise_table import NoiseTable
from j2klearn.core.normalisation import Normalisation
from j2klearn.core.reversible_steps import BandWeights, Steps
from j2klearn.errors import OptionError, SegmentError, UnsupportedError

DESCRIPTOR = Descriptor(
    transport=Transport.IRREVERSIBLE,
    precision=8,
    fraction_bits=1,
    levels=5,
    colour=Colour.ICT,
    components=3,
    opacities=Opacities.FIRST,
    model_id=bytes(range(32)),
)


def test_layout_is_the_documented_one() -> None:
    data = DESCRIPTOR.to_bytes()
    assert data[:4] == b"J2KL"
    assert list(data[4:14]) == [1, 0, 0, 8, 1, 5, 1, 3, 1, 0]
    assert data[14:46] == bytes(range(32))
    assert struct.unpack(">I", data[46:]) == (zlib.crc32(data[:46]),)


@given(st.integers(0, 10), st.integers(1, 255), st.integers(-14, 14), st.booleans())
def test_round_trip(levels: int, components: int, fraction_bits: int, scaled: bool) -> None:
    scales = tuple(1.0 + i / 4 for i in range(3 * levels + 1)) if scaled else ()
    made = dataclasses.replace(
        DESCRIPTOR, levels=levels, components=components, fraction_bits=fraction_bits, scales=scales
    )
    assert Descriptor.from_bytes(made.to_bytes()) == made


@pytest.mark.parametrize("noise", [None, NoiseTable(np.arange(12, dtype=np.uint8).reshape(3, 2, 2))])
@pytest.mark.parametrize("rules", [(), (Normalisation(4, 900), Normalisation(), Normalisation(15, -7))])
def test_base_chroma(noise: NoiseTable | None, rules: tuple[Normalisation, ...]) -> None:
    made = dataclasses.replace(DESCRIPTOR, noise=noise, normalisation=rules, base_chroma=True)
    data = made.to_bytes()
    assert data[4] == 4
    assert data[12] == Opacities.FIRST + 16 + (32 if rules else 0)
    assert len(data) == 55 + (12 if noise else 0) + 5 * len(rules)
    found = Descriptor.from_bytes(data)
    assert dataclasses.replace(found, noise=None) == dataclasses.replace(made, noise=None)
    assert (found.noise is None) == (noise is None)
    if noise is not None and found.noise is not None:
        assert np.array_equal(found.noise.codes, noise.codes)


@pytest.mark.parametrize(("offset", "value"), [(12, 17 + 64), (12, 19), (12, 17 + 32), (50, 1)])
def test_wrong_flags_and_lengths(offset: int, value: int) -> None:
    payload = bytearray(dataclasses.replace(DESCRIPTOR, base_chroma=True).to_bytes()[:-4])
    payload[offset] = value
    with pytest.raises(SegmentError):
        Descriptor.from_bytes(bytes(payload) + struct.pack(">I", zlib.crc32(payload)))


def _lossless(*levels: tuple[BandWeights, BandWeights, BandWeights]) -> Descriptor:
    steps = Steps((True, False, True), levels)
    return dataclasses.replace(
        DESCRIPTOR,
        transport=Transport.REVERSIBLE,
        fraction_bits=0,
        colour=Colour.RCT,
        steps=steps,
        layers=200,
    )


def test_version_5_has_weights_in_sixteenths() -> None:
    none = BandWeights()
    made = _lossless((none, BandWeights((508, 0, 0, 0), (-512, 0, 0, 0, 4, 0)), none))
    data = made.to_bytes()
    assert data[4] == 5
    assert data[46:-4] == bytes([1, 0, 1, 1, 0, 0, 0, 127, 128, 1, 0, 0, 0])
    assert Descriptor.from_bytes(data) == made


def test_version_6_has_weights_in_steps_that_grow() -> None:
    first = BandWeights((1, -64, 64, 72), (-576, 568, -72, 0, 63, -1))
    made = _lossless((first, BandWeights(), BandWeights(second=(0, 0, 0, 8, 0, 0))))
    data = made.to_bytes()
    assert data[4] == 6
    codes = [1, 192, 64, 65, 128, 127, 191, 0, 63, 255, *(0,) * 17, 8, 0, 0]
    assert data[46:-4] == bytes([1, 0, 1, 1, *codes])
    assert Descriptor.from_bytes(data) == made
    payload = data[:-4]
    for damaged, said in (
        (payload[:-1], "invalid steps"),
        (payload[:-30], "invalid steps"),
        (payload[:49] + b"\x06" + payload[50:] + bytes(30 * 5), "levels"),
    ):
        with pytest.raises(SegmentError, match=said):
            Descriptor.from_bytes(damaged + struct.pack(">I", zlib.crc32(damaged)))


@pytest.mark.parametrize(("red_first", "green"), [(True, False), (False, True), (True, True)])
def test_version_7_has_the_order_of_chroma(red_first: bool, green: bool) -> None:
    made = _lossless((BandWeights((4, 0, 0, 0)), BandWeights(), BandWeights(second=(0, 0, 0, 0, 72, 0))))
    assert made.steps is not None
    steps = dataclasses.replace(made.steps, red_first=red_first, green=green)
    made = dataclasses.replace(made, steps=steps, colour=Colour.GREEN if green else Colour.RCT)
    data = made.to_bytes()
    assert (data[4], data[10]) == (7, 3 if green else 2)
    assert data[46:-4] == bytes([1, 0, 1, red_first, 1, 4, *(0,) * 27, 65, 0])
    assert Descriptor.from_bytes(data) == made
    payload = data[:-4]
    for damaged, said in (
        (payload[:49] + b"\x02" + payload[50:], "invalid steps"),
        (payload[:4] + b"\x06" + payload[5:], "invalid steps|fit its transport"),
        (payload[:10] + b"\x00" + payload[11:], "levels or components"),
    ):
        with pytest.raises(SegmentError, match=said):
            Descriptor.from_bytes(damaged + struct.pack(">I", zlib.crc32(damaged)))
    alone = dataclasses.replace(made, steps=dataclasses.replace(steps, weights=(), red_first=False))
    payload = bytearray(alone.to_bytes()[:-4])
    if green:  # no other version has it
        payload[4:5], payload[49:50] = b"\x06", b""
        with pytest.raises(SegmentError, match="transport"):
            Descriptor.from_bytes(bytes(payload) + struct.pack(">I", zlib.crc32(payload)))


@given(st.sampled_from([*range(-64, 65), *range(72, 569, 8), *range(-576, -64, 8)]))
def test_every_weight_that_a_segment_can_hold_comes_back(weight: int) -> None:
    made = _lossless((BandWeights((weight, 0, 0, 1)), BandWeights(), BandWeights()))
    assert Descriptor.from_bytes(made.to_bytes()) == made


@given(st.integers(0, 10_000))
def test_every_flipped_bit_is_noticed(bit: int) -> None:
    data = bytearray(DESCRIPTOR.to_bytes())
    bit %= 8 * len(data)
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SegmentError, match="damaged"):
        Descriptor.from_bytes(bytes(data))


@pytest.mark.parametrize(
    ("offset", "value", "error"),
    [
        (4, 5, SegmentError),  # version 5 needs steps
        (4, 6, SegmentError),  # so does version 6
        (4, 8, UnsupportedError),  # version
        (6, 7, SegmentError),  # transport
        (7, 0, SegmentError),  # precision
        (7, 17, SegmentError),
        (9, 33, SegmentError),  # levels
        (10, 9, SegmentError),  # colour
        (11, 0, SegmentError),  # number of components
        (12, 3, SegmentError),  # opacities
        (13, 1, SegmentError),  # number of scales
    ],
)
def test_fields_out_of_range(offset: int, value: int, error: type[Exception]) -> None:
    payload = bytearray(DESCRIPTOR.to_bytes()[:-4])
    payload[offset] = value
    with pytest.raises(error):
        Descriptor.from_bytes(bytes(payload) + struct.pack(">I", zlib.crc32(payload)))


def test_components_that_share_opacities() -> None:
    def groups(opacities: Opacities, components: int) -> list[list[int]]:
        made = dataclasses.replace(DESCRIPTOR, opacities=opacities, components=components)
        return [list(range(components))[group] for group in made.groups]

    assert groups(Opacities.FIRST, 5) == [[0, 1, 2, 3, 4]]
    assert groups(Opacities.OWN, 3) == [[0], [1], [2]]
    assert groups(Opacities.COLOUR, 5) == [[0, 1, 2], [3], [4]]
    assert groups(Opacities.COLOUR, 3) == [[0, 1, 2]]


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), 0.0, -1.0, 1e9])
def test_impossible_scales(scale: float) -> None:
    made = dataclasses.replace(DESCRIPTOR, levels=0, scales=(scale,))
    with pytest.raises(SegmentError, match="scales"):
        Descriptor.from_bytes(made.to_bytes())


def test_weights_travel_in_parts() -> None:
    weights = bytes(i % 251 for i in range(200_000))
    parts = split_weights(weights)
    assert all(len(part) + 4 <= 65_535 for part in parts)
    assert join_weights(parts) == weights
    assert join_weights(parts[::-1]) == weights
    with pytest.raises(SegmentError, match="missing"):
        join_weights(parts[:-1])
    with pytest.raises(SegmentError, match="damaged"):
        join_weights([parts[0][:-1]])


def test_comments_of_others_are_passed_over() -> None:
    assert read_comments([b"", b"J2K", b"J2KL", b"\x00" * 100]) == (None, None)
    assert read_comments([b"whatever", DESCRIPTOR.to_bytes()]) == (DESCRIPTOR, None)
    for payloads in ([DESCRIPTOR.to_bytes()] * 2, [b"J2KL\x01\x07 of another kind"], split_weights(b"alone")):
        with pytest.raises(SegmentError, match="exactly one"):
            read_comments(payloads)


def test_large_models_do_not_travel() -> None:
    assert join_weights(split_weights(bytes(MAX_EMBEDDED_BYTES))) == bytes(MAX_EMBEDDED_BYTES)
    with pytest.raises(OptionError, match="carry"):
        split_weights(bytes(MAX_EMBEDDED_BYTES + 1))
