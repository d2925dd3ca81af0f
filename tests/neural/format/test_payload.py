"""The header and the segments of the payload, valid and invalid."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest

from j2klearn.errors import CodestreamError, J2KError, SegmentError, UnsupportedError
from j2klearn.neural.format.payload import MOST_HEADER, Header, Segments, read_payload, write_payload

PLAIN = Header(
    height=512,
    width=768,
    components=3,
    precision=8,
    is_signed=False,
    component_transform=True,
    levels=7,
    lossless=False,
    model_prefix=b"abcdefgh",
    code=-700,
    shifts=((3, -2), (-32, 32)),
)
SEGMENTS = [bytes([at]) * (5 + 40 * at) for at in range(7)]

HEADERS = {
    "colour": PLAIN,
    "noise": replace(PLAIN, noise=(80, 0, 255)),
    "expected": replace(PLAIN, expected=True),
    "grey": replace(PLAIN, components=1, component_transform=False, shifts=((0, 1),)),
    "lossless": replace(PLAIN, lossless=True, code=0, shifts=(), precision=16, is_signed=True),
    "one sample": replace(
        PLAIN, height=1, width=1, levels=0, components=255, component_transform=False, shifts=((0, 0),)
    ),
    "large": replace(PLAIN, height=(1 << 32) - 1, width=1 << 31, levels=29),
}


def opened(data: bytes, size: int | None = None, declared: int | None = None) -> tuple[Header, Segments]:
    there = data if size is None else data[:size]

    def read(start: int, end: int) -> bytes:
        assert 0 <= start <= end <= len(there)
        return there[start:end]

    return read_payload(read, len(there), len(data) if declared is None else declared)


def segments_of(header: Header) -> list[bytes]:
    return [bytes([at % 256]) * (1 + at) for at in range(max(1, header.levels))]


@pytest.mark.parametrize("name", HEADERS)
def test_there_and_back(name):
    header = HEADERS[name]
    parts = segments_of(header)
    data = write_payload(header, parts)
    again, segments = opened(data)
    assert again == replace(header, lengths=tuple(map(len, parts)))
    assert segments.first(len(parts)) == parts
    for count in range(1, len(parts) + 1):
        assert segments.first(count) == parts[:count]
    assert len(data) - sum(map(len, parts)) < MOST_HEADER


def test_every_byte_counts():
    # 7 segments of a Kodak picture; those up to 64 samples per side share the header's checksum
    header = replace(PLAIN, lengths=())
    assert header.coarse == 3
    assert len(write_payload(header, [b""] * 7)) == 2 + 4 + 3 + 8 + 2 + 4 + 7 + 4 * 4 + 4


def test_what_readers_ask_of_every_picture():
    assert PLAIN.area.shape == PLAIN.tile_size == (512, 768)
    assert PLAIN.precisions == (8, 8, 8)
    assert PLAIN.signed == (False, False, False)
    assert PLAIN.step == pytest.approx(2 ** (-700 / 256))
    assert HEADERS["lossless"].step is None
    assert [PLAIN.shifts_of(at) for at in range(3)] == [(3, -2), (-32, 32), (-32, 32)]
    assert HEADERS["one sample"].shifts_of(2) == (0, 0)


def test_cut_off():
    data = write_payload(PLAIN, SEGMENTS)
    header, segments = opened(data)
    start = len(data) - sum(map(len, SEGMENTS))
    for size in range(len(data)):
        whole = sum(start + sum(map(len, SEGMENTS[: at + 1])) <= size for at in range(7))
        if whole < header.coarse:
            with pytest.raises(CodestreamError):
                opened(data, size)
        else:
            _, segments = opened(data, size)
            assert segments.there(size) == whole
            assert segments.first(whole) == SEGMENTS[:whole]


def test_lengths_that_lie():
    data = write_payload(PLAIN, SEGMENTS)
    for declared in (len(data) - 1, len(data) + 1):
        with pytest.raises(SegmentError, match="add up"):
            opened(data, declared=declared)


@pytest.mark.parametrize("name", HEADERS)
def test_every_flipped_byte(name):
    """A change of any byte of the payload raises an error."""
    header = HEADERS[name]
    parts = segments_of(header)
    data = write_payload(header, parts)
    for at in range(len(data)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(data)
            damaged[at] ^= flip
            with pytest.raises(J2KError):
                opened(bytes(damaged))[1].first(len(parts))


def test_damage_in_a_finer_segment_spares_the_coarser_ones():
    data = bytearray(write_payload(PLAIN, SEGMENTS))
    data[-1] ^= 1
    _, segments = opened(bytes(data))
    assert segments.first(6) == SEGMENTS[:6]
    with pytest.raises(SegmentError, match="segment"):
        segments.first(7)


def sealed(fields: bytes) -> bytes:
    return fields + zlib.crc32(fields).to_bytes(4, "big")


@pytest.mark.parametrize(
    "change",
    [
        {"width": 0},
        {"height": 0},
        {"components": 0},
        {"precision": 0},
        {"precision": 17},
        {"levels": 33},
        {"components": 2},
        {"code": -2049},
        {"code": 2033},
        {"shifts": ((65, 0), (0, 0))},
        {"shifts": ((0, 0), (0, -65))},
    ],
)
def test_fields_out_of_range(change):
    header = replace(PLAIN, **change)
    segments = [b""] * max(1, header.levels)
    with pytest.raises(SegmentError, match="out of range"):
        opened(write_payload(header, segments))


def test_later_versions():
    data = bytearray(write_payload(PLAIN, SEGMENTS))
    for at, value in ((0, 2), (1, 64 | data[1])):
        other = bytearray(data)
        other[at] = value
        with pytest.raises(UnsupportedError, match="later version"):
            opened(bytes(other))


def test_numbers_that_never_end():
    for tail in (b"\x80" * 2000, b"\xff" * 2000, b"\x90" * 5 + b"\x00"):
        with pytest.raises(SegmentError):
            opened(b"\x01\x00" + tail)


def test_empty_and_random_bytes():
    for data in (b"", b"\x01", bytes(40), bytes(range(256))):
        with pytest.raises(J2KError):
            opened(data)
