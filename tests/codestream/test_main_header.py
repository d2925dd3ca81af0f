"""The main header: parsing, and rewriting of the declared precision."""

from __future__ import annotations

import warnings
from pathlib import Path

import glymur
import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.codestream.guard_bits import to_declared
from j2klearn.codestream.main_header import (
    HEADROOM,
    insert_comments,
    read_main_header,
    with_precision,
)
from j2klearn.core.geometry import Rect
from j2klearn.errors import CodestreamError, LimitError, SegmentError
from j2klearn.jp2 import boxes


@pytest.fixture(scope="module")
def stream(rgb: NDArray[np.uint8]) -> bytes:
    return j2klearn.encode(rgb, bpp=1, jp2=False, tile_size=(100, 128), offset=(3, 5), layers=2)


def test_facts(stream: bytes) -> None:
    header = read_main_header(stream)
    assert header.area == Rect(3, 5, 260, 388)
    assert header.tile_size == (100, 128)
    assert header.tiles == 12
    assert header.precisions == (8, 8, 8)
    assert header.signed == (False,) * 3
    assert (header.levels, header.layers, header.reversible, header.component_transform) == (
        5,
        2,
        False,
        True,
    )
    assert len(header.comments) == 1
    assert header.comments[0].data.startswith(b"J2KL")
    assert stream[header.end : header.end + 2] == b"\xff\x90"


def test_the_segment_is_the_last_of_the_main_header(stream: bytes) -> None:
    header = read_main_header(stream)
    assert header.comments[0].offset + header.comments[0].length == header.end


def test_the_declared_precision_keeps_the_bit_planes(stream: bytes) -> None:
    """Guard bits plus exponent minus one (T.800 equation E-2), the number of bit-planes, does not change."""
    header = read_main_header(stream)
    coded = with_precision(stream, header, 8 + HEADROOM, signed=True)
    declared = to_declared(coded, read_main_header(coded), 12, signed=True)
    changed = read_main_header(declared)
    assert (changed.precisions, changed.signed, changed.comments) == ((12,) * 3, (True,) * 3, ())
    assert changed.qcd.guard_bits == header.qcd.guard_bits + HEADROOM
    pairs = zip(changed.qcd.exponents, header.qcd.exponents, strict=True)
    assert all(new == old - HEADROOM for new, old in pairs)
    assert changed.qcd.mantissas == header.qcd.mantissas
    assert declared[changed.end :] == stream[header.end :]
    with pytest.raises(SegmentError):  # seven guard bits are the most
        to_declared(declared, changed, 12)


def test_an_ordinary_codestream_has_no_declared_precision(rgb: NDArray[np.uint8]) -> None:
    stream = j2klearn.encode(rgb, lossless=True, model=None, jp2=False)
    with pytest.raises(SegmentError):
        to_declared(stream, read_main_header(stream), 8)


def test_comments_come_last(stream: bytes) -> None:
    longer = insert_comments(stream, [b"one", b"two"])
    assert [c.data for c in read_main_header(longer).comments[1:]] == [b"one", b"two"]
    assert np.array_equal(j2klearn.decode(longer), j2klearn.decode(stream))


@pytest.mark.parametrize(
    ("offset", "value", "error"),
    [
        (8, b"\x00\x00\x00\x00", CodestreamError),  # Xsiz
        (24, b"\x00\x00\x00\x00", CodestreamError),  # XTsiz
        (24, b"\x00\x00\x00\x01\x00\x00\x00\x01", LimitError),  # tiles of one pixel
        (40, b"\x00\x00", CodestreamError),  # Csiz
        (40, b"\xff\xff", CodestreamError),
        (32, b"\x7f\xff\xff\xff", CodestreamError),  # XTOsiz
    ],
)
def test_impossible_sizes(stream: bytes, offset: int, value: bytes, error: type[Exception]) -> None:
    assert stream[2:4] == b"\xff\x51"
    broken = stream[:offset] + value + stream[offset + len(value) :]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of glymur
        with pytest.raises(error):
            read_main_header(broken)


class TestBoxes:
    """The JP2 file around the codestream."""

    def test_wrapped_is_found(self, stream: bytes) -> None:
        assert boxes.find_codestream(boxes.wrap(stream, 257, 383, 3, 8)) == stream
        assert boxes.find_codestream(stream) == stream

    def test_other_boxes_and_lengths(self, stream: bytes) -> None:
        file = boxes.wrap(stream, 257, 383, 3, 8)
        at = file.index(b"jp2c") - 4
        extra = (20).to_bytes(4, "big") + b"xml " + b"<a></a>     "
        assert boxes.find_codestream(file[:at] + extra + file[at:]) == stream
        to_the_end = file[:at] + b"\x00\x00\x00\x00jp2c" + stream
        assert boxes.find_codestream(to_the_end) == stream
        long = file[:at] + b"\x00\x00\x00\x01jp2c" + (len(stream) + 16).to_bytes(8, "big") + stream
        assert boxes.find_codestream(long) == stream

    @pytest.mark.parametrize("length", [2, 7, 10**6])
    def test_damaged_lengths(self, stream: bytes, length: int) -> None:
        file = boxes.wrap(stream, 257, 383, 3, 8)
        at = file.index(b"jp2h") - 4
        with pytest.raises(CodestreamError):
            boxes.find_codestream(file[:at] + length.to_bytes(4, "big") + file[at + 4 :])

    def test_glymur_reads_them(self, layered: bytes, tmp_path: Path) -> None:
        path = tmp_path / "a.jp2"
        path.write_bytes(layered)
        ids = [box.box_id for box in glymur.Jp2k(path).box]
        assert ids == ["jP  ", "ftyp", "jp2h", "jp2c"]
