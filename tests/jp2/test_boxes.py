"""JP2 boxes: where the iteration stops, which lengths it refuses, and how boxes are written."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import glymur
import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.core.peeking import peek_bytes
from j2klearn.errors import CodestreamError
from j2klearn.jp2 import boxes
from j2klearn.jp2.boxes import MAX_BOXES, Box, walk
from j2klearn.jp2.metadata import Metadata, add_metadata, read_metadata
from j2klearn.jp2.peek import top_boxes

_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content


def large_box(kind: bytes, content: bytes) -> bytes:
    """Return a box with a 64-bit length (XLBox)."""
    return struct.pack(">I4sQ", 1, kind, len(content) + 16) + content


def walked(data: bytes) -> list[Box]:
    return list(walk(peek_bytes(data), len(data)))


def test_lengths_of_every_kind() -> None:
    data = (
        box(b"aaaa", b"12345") + large_box(b"bbbb", b"123") + box(b"cccc", b"") + b"\0\0\0\0dddd" + bytes(9)
    )
    assert walked(data) == [
        (b"aaaa", 0, 8, 13),
        (b"bbbb", 13, 29, 32),
        (b"cccc", 32, 40, 40),
        (b"dddd", 40, 48, 57),
    ]
    assert [b.kind for b in walk(peek_bytes(data), len(data), 32)] == [b"cccc", b"dddd"]


def test_a_box_may_end_beyond_the_file() -> None:
    data = box(b"aaaa", b"12") + struct.pack(">I4s", 1000, b"bbbb") + b"123"
    assert walked(data)[1] == (b"bbbb", 10, 18, 1010)
    last = list(top_boxes(io.BytesIO(_SIGNATURE + data)))[-1]
    assert last == (b"bbbb", 22, 30, 33)


@pytest.mark.parametrize("length", [2, 3, 7])
def test_the_walk_ends_before_an_impossible_length(length: int) -> None:
    data = box(b"aaaa", b"12") + struct.pack(">I4s", length, b"bbbb") + box(b"cccc", b"")
    assert [b.kind for b in walked(data)] == [b"aaaa"]


@pytest.mark.parametrize("length", [0, 1, 8, 15])
def test_the_walk_ends_before_an_impossible_large_length(length: int) -> None:
    data = box(b"aaaa", b"12") + struct.pack(">I4sQ", 1, b"bbbb", length) + box(b"cccc", b"")
    assert [b.kind for b in walked(data)] == [b"aaaa"]


def test_no_length_leads_back() -> None:
    """Lengths must not be reduced modulo 2^64, and file objects must not be asked for offsets that they cannot seek."""
    data = _SIGNATURE + struct.pack(">I4sQ", 1, b"uuid", (1 << 64) - 1) + bytes(40)
    assert walked(data)[-1] == (b"uuid", 12, 28, 12 + (1 << 64) - 1)
    assert [b.end for b in top_boxes(io.BytesIO(data))] == [12, len(data)]
    assert not read_metadata(io.BytesIO(data))
    with pytest.raises(CodestreamError):
        boxes.find_codestream(data)


def test_where_the_bytes_end_so_does_the_walk() -> None:
    data = box(b"aaaa", b"12") + large_box(b"bbbb", b"345") + box(b"cccc", b"6")
    for size in range(len(data) + 1):
        kinds = [b.kind for b in walked(data[:size])]
        assert kinds == [b"aaaa"] * (size >= 8) + [b"bbbb"] * (size >= 26) + [b"cccc"] * (size >= 37)
        assert [b.kind for b in walk(peek_bytes(data), size)] == kinds


def test_the_number_of_boxes_has_a_bound() -> None:
    empty = box(b"free", b"")
    assert len(walked(empty * (MAX_BOXES + 5))) == MAX_BOXES
    file = _SIGNATURE + empty * MAX_BOXES + box(b"jp2c", b"\xff\x4f\xff\x51")
    with pytest.raises(CodestreamError, match="no codestream"):
        boxes.find_codestream(file)
    looks = 0

    def peek(at: int, size: int) -> bytes:
        nonlocal looks
        looks += 1
        return empty

    assert len(list(walk(peek, 1 << 62))) == looks == MAX_BOXES
    assert len(list(boxes.children(empty * (MAX_BOXES + 5)))) == MAX_BOXES


def test_children() -> None:
    content = box(b"aaaa", b"12") + large_box(b"bbbb", b"345") + b"\0\0\0\0cccc67"
    assert list(boxes.children(content)) == [(b"aaaa", b"12"), (b"bbbb", b"345"), (b"cccc", b"67")]
    assert list(boxes.children(content[:12])) == [(b"aaaa", b"12")]
    assert list(boxes.children(struct.pack(">I4s", 100, b"aaaa") + b"12")) == [(b"aaaa", b"12")]


@pytest.mark.parametrize("header", [box, large_box])
def test_another_size_in_the_image_header(header: Any) -> None:
    ihdr = header(b"ihdr", struct.pack(">II", 3, 4) + b"rest")
    data = (
        _SIGNATURE + box(b"ihdr", bytes(14)) + header(b"jp2h", ihdr + box(b"colr", b"")) + box(b"jp2c", b"1")
    )
    changed = boxes.resized(data, 70, 80)
    assert changed == data.replace(struct.pack(">II", 3, 4), struct.pack(">II", 70, 80))
    assert boxes.resized(data[:25], 70, 80) == data[:25]


def test_adding_to_the_header(tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    ftyp, colr, added = box(b"ftyp", b"x"), box(b"colr", b"y"), box(b"cdef", b"z")
    path.write_bytes(_SIGNATURE + ftyp + box(b"jp2h", colr) + box(b"jp2c", b"w"))
    boxes.add_to_header(path, added)
    assert path.read_bytes() == _SIGNATURE + ftyp + box(b"jp2h", colr + added) + box(b"jp2c", b"w")
    path.write_bytes(_SIGNATURE + ftyp)
    with pytest.raises(CodestreamError):
        boxes.add_to_header(path, added)


def test_metadata_before_a_codestream_box_with_a_large_length(grey: NDArray[np.uint8]) -> None:
    file = j2klearn.encode(grey[:40, :40], bpp=2)
    stream = boxes.find_codestream(file)
    large = file[: -len(stream) - 8] + large_box(b"jp2c", stream)
    added = add_metadata(large, Metadata(xmp=b"<x/>"))
    assert read_metadata(io.BytesIO(added)).xmp == b"<x/>"
    assert boxes.find_codestream(added) == stream


@pytest.mark.parametrize(
    ("components", "colours", "alpha", "precision", "signed"),
    [
        (1, None, False, 8, False),
        (2, None, True, 8, False),
        (3, None, False, 12, True),
        (3, 1, False, 16, False),
        (4, None, True, 8, False),
        (7, 3, True, 1, False),
        (255, 3, False, 16, True),
    ],
)
def test_the_boxes_of_a_file_are_those_that_glymur_writes(
    components: int, colours: int | None, alpha: bool, precision: int, signed: bool
) -> None:
    from glymur import jp2box

    file = boxes.wrap(b"stream", 30, 50, components, precision, signed=signed, colours=colours, alpha=alpha)
    colours = colours or (1 if components < 3 else 3)
    header: list[Any] = [
        jp2box.ImageHeaderBox(30, 50, num_components=components, bits_per_component=precision, signed=signed),
        jp2box.ColourSpecificationBox(colorspace=glymur.core.GREYSCALE if colours == 1 else glymur.core.SRGB),
    ]
    extra = components - colours
    if extra:
        kinds = [0] * colours + [1 if alpha else 65535] + [65535] * (extra - 1)
        association = [*range(1, colours + 1), 0 if alpha else 65535] + [65535] * (extra - 1)
        header.append(jp2box.ChannelDefinitionBox(channel_type=kinds, association=association))
    out = io.BytesIO()
    for each in (jp2box.JPEG2000SignatureBox(), jp2box.FileTypeBox(), jp2box.JP2HeaderBox(box=header)):
        each.write(out)
    assert file == out.getvalue() + box(b"jp2c", b"stream")


def test_headers_of_large_boxes() -> None:
    assert boxes.codestream_header(10) == struct.pack(">I4s", 18, b"jp2c")
    assert boxes.codestream_header((1 << 32) - 9) == struct.pack(">I4s", (1 << 32) - 1, b"jp2c")
    assert boxes.codestream_header((1 << 32) - 8) == struct.pack(">I4sQ", 1, b"jp2c", (1 << 32) + 8)
