"""The iteration over marker segments: where it stops, and which data it refuses."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.codestream.main_header import main_header_end, read_main_header, walk_main_header
from j2klearn.codestream.markers import MAX_SEGMENTS, Marker, MarkerSegment, walk
from j2klearn.codestream.tile_parts import read_tile_part_header
from j2klearn.core.peeking import peek_bytes, peek_stream
from j2klearn.errors import CodestreamError, CodestreamWarning, LimitError
from j2klearn.jp2.peek import is_learned

_COM = b"\xff\x64\x00\x05\x00\x01x"
_SOT = b"\xff\x90\x00\x0a" + bytes(8)


def walked(data: bytes) -> list[MarkerSegment]:
    return list(walk(peek_bytes(data), 0, len(data)))


def test_segments_and_the_marker_that_ends_the_header() -> None:
    assert walked(_COM + b"\xff\x70\x00\x02" + _SOT) == [(0xFF64, 0, 7), (0xFF70, 7, 11), (0xFF90, 11, 13)]
    for marker in (Marker.SOT, Marker.SOD, Marker.EOC):
        assert walked(_COM + marker.code + b"anything") == [(0xFF64, 0, 7), (marker, 7, 9)]
    first = walked(_COM)[0]
    assert _COM[first.body] == b"\x00\x01x"


def test_markers_without_a_segment_are_skipped() -> None:
    assert walked(b"\xff\x30" + _COM + b"\xff\x3f\xff\x93") == [
        (0xFF30, 0, 2),
        (0xFF64, 2, 9),
        (0xFF3F, 9, 11),
        (0xFF93, 11, 13),
    ]


def test_where_the_bytes_end_so_does_the_walk() -> None:
    data = _COM + _COM + _SOT
    for size in range(len(data)):
        cut = data[:size]
        whole = (
            [(0xFF64, 0, 7)] * (size >= 7)
            + [(0xFF64, 7, 14)] * (size >= 14)
            + [(0xFF90, 14, 16)] * (size >= 16)
        )
        assert walked(cut) == whole
        # an `end` within the data is treated like the end of the data
        assert list(walk(peek_bytes(data), 0, size)) == whole
        # so is an `end` beyond the end of the data
        assert list(walk(peek_bytes(cut), 0, len(data)))[: len(whole)] == whole


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\x64\x00\x00" + bytes(9),
        b"\xff\x64\x00\x01" + bytes(9),
        b"\x00\x64\x00\x04" + bytes(9),
        b"\xff\x2f\x00\x04" + bytes(9),
        b"\xff\x40\x00\x04" + bytes(9),
        b"\xff\x4f\x00\x04" + bytes(9),
        b"\xff\x91\x00\x04" + bytes(9),
        b"\xff\x92\x00\x04" + bytes(9),
    ],
    ids=["length 0", "length 1", "no marker", "reserved", "reserved too", "SOC", "SOP", "EPH"],
)
def test_damage(data: bytes) -> None:
    with pytest.raises(CodestreamError):
        walked(data)
    with pytest.raises(CodestreamError):
        walked(_COM + data)


def test_the_number_of_segments_has_a_bound() -> None:
    """The iteration must stop even if `peek` returns marker segments without end."""
    looks = 0

    def peek(at: int, size: int) -> bytes:
        nonlocal looks
        looks += 1
        return b"\xff\x70\x00\x02"[:size]

    with pytest.raises(LimitError):
        for _ in walk(peek, 0, 1 << 62):
            pass
    assert looks == MAX_SEGMENTS
    with pytest.raises(LimitError):
        walked(b"\xff\x30" * (MAX_SEGMENTS + 1))
    assert len(walked(b"\xff\x30" * (MAX_SEGMENTS - 1) + b"\xff\x93")) == MAX_SEGMENTS


def test_the_main_header_ends_with_sot(grey: NDArray[np.uint8]) -> None:
    stream = j2klearn.encode(grey[:40, :40], bpp=2, jp2=False)
    end = stream.index(Marker.SOT.code)
    *segments, last = walk_main_header(peek_bytes(stream), len(stream))
    assert segments[0].marker == Marker.SIZ
    assert all(a.end == b.start for a, b in zip(segments, [*segments[1:], last], strict=True))
    assert last == (Marker.SOT, end, end + 2)
    assert main_header_end(peek_bytes(stream), len(stream)) == end
    for data in (
        stream[: end + 1],
        stream[:end] + Marker.SOD.code,
        stream[:end] + Marker.EOC.code,
        stream[:2] + stream[4:],
        b"",
    ):
        with pytest.raises(CodestreamError):
            read_main_header(data)
    # a reserved marker without a segment is skipped, although OpenJPEG warns
    spaced = stream[:end] + b"\xff\x30" + stream[end:]
    with pytest.warns(CodestreamWarning, match="Unknown marker"):
        assert np.array_equal(j2klearn.decode(spaced), j2klearn.decode(stream))


def test_headers_of_tile_parts() -> None:
    plt, com = b"\xff\x58\x00\x04\x00\x05", _COM
    header = plt + com + b"\xff\x93"
    sot = b"\xff\x90\x00\x0a" + struct.pack(">HIBB", 3, 12 + len(header) + 5, 1, 2)
    data = sot + header + b"12345"
    found = read_tile_part_header(data)
    assert found is not None
    assert (found.tile, found.index, found.count, found.size) == (3, 1, 2, 12 + len(header))
    assert (found.segments, found.packets, found.regular) == (com, [5], True)
    for size in range(len(sot) + len(header)):
        assert read_tile_part_header(data[:size]) is None
    short = data[:6] + struct.pack(">I", 20) + data[10:]  # Psot is smaller than the header
    for damaged in (
        short,
        sot + plt + sot,
        sot + plt + Marker.EOC.code,
        b"\xff\x93" + data[2:],
    ):
        with pytest.raises(CodestreamError):
            read_tile_part_header(damaged)


def test_looking_into_file_objects_stays_within_the_file(grey: NDArray[np.uint8]) -> None:
    peek, size = peek_stream(io.BytesIO(b"0123456789"))
    assert (size, peek(2, 3), peek(8, 5), peek(10, 1), peek(1 << 80, 4)) == (10, b"234", b"89", b"", b"")
    file = j2klearn.encode(grey[:40, :40], bpp=2)
    assert is_learned(io.BytesIO(file))
    segment = file.index(b"J2KL") - 6
    assert not is_learned(io.BytesIO(file[:segment]))
    assert not is_learned(io.BytesIO(j2klearn.encode(grey[:40, :40], bpp=2, model=None)))


def test_reading_loads_no_other_parser(grey: NDArray[np.uint8], tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    path.write_bytes(j2klearn.encode(grey[:60, :60], bpp=2, model=None, tile_size=32))
    script = """
import sys, j2klearn
from j2klearn.jp2.metadata import read_metadata
from j2klearn.jp2.peek import is_learned
path = sys.argv[1]
assert j2klearn.info(path).tiles == 4
assert j2klearn.decode(path, region=(3, 5, 40, 50)).shape == (37, 45)
with open(path, "rb") as stream:
    assert not is_learned(stream)
    assert not read_metadata(stream)
assert "glymur" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)
