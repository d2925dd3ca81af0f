"""The boxes and marker segments that ``j2klearn info`` lists, of whole files and of damaged ones."""

from __future__ import annotations

import re

import glymur
import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.cli.listing import list_file
from j2klearn.core.peeking import peek_bytes
from j2klearn.jp2.boxes import MAX_BOXES, SIGNATURE, box, find_codestream
from j2klearn.jp2.metadata import Metadata, add_metadata
from tests.support.jp2_files import icc_profile


def listed(data: bytes) -> list[str]:
    return list_file(peek_bytes(data), len(data))


@pytest.fixture(scope="module")
def plain(grey: NDArray[np.uint8]) -> bytes:
    picture = np.ascontiguousarray(grey[:40, :30])
    data = j2klearn.encode(picture, model=None, bpp=[2, 4], tile_size=32, tlm=False, plt=False)
    profile = icc_profile(b"GRAY", b"XYZ ", b"mntr", [b"wtpt", b"kTRC"])
    metadata = Metadata(icc_profile=profile, xmp=b"<xmp/>", dpi=(254.0, 127.0))
    return add_metadata(data, metadata, b"caf\xe9")


def test_every_box_and_marker_segment_has_a_line(plain: bytes) -> None:
    lines = [re.sub(r" at \d+", "", line) for line in listed(plain)]
    assert lines == [
        "JPEG 2000 Signature box (jP), 12 bytes",
        "File Type box (ftyp), 20 bytes",
        "JP2 Header box (jp2h), 263 bytes",
        "    Image Header box (ihdr), 22 bytes: 30 x 40, 1 component(s) of 8 bits",
        "    Colour Specification box (colr), 207 bytes: ICC profile",
        "    Resolution box (res), 26 bytes",
        "        Capture Resolution box (resc), 18 bytes: 5000 x 10000 pixels per metre",
        "UUID box (uuid), 30 bytes: XMP",
        f"Contiguous Codestream box (jp2c), {8 + len(find_codestream(plain))} bytes",
        "    SOC marker",
        "    SIZ marker segment, 41 bytes: 30 x 40, tiles of 32 x 32",
        "    COD marker segment, 12 bytes: 4 levels, 2 layer(s), 9-7",
        "    QCD marker segment, 29 bytes",
        f"    COM marker segment, 37 bytes: Created by OpenJPEG version {glymur.version.openjpeg_version}",
        "    COM marker segment, 8 bytes: café",
    ]


def test_offsets_are_those_of_the_file(plain: bytes) -> None:
    boxes = re.findall(r"\((\w+)\) at (\d+)", "\n".join(listed(plain)))
    assert all(plain[int(at) + 4 : int(at) + 8].strip() == kind.encode() for kind, at in boxes)
    codes = {"SOC": 0xFF4F, "SIZ": 0xFF51, "COD": 0xFF52, "QCD": 0xFF5C, "COM": 0xFF64}
    for data in (plain, find_codestream(plain)):
        segments = re.findall(r"(\w+) marker(?: segment)? at (\d+)", "\n".join(listed(data)))
        assert {name for name, _ in segments} == set(codes)
        assert all(int.from_bytes(data[int(at) :][:2], "big") == codes[name] for name, at in segments)


@pytest.mark.parametrize(
    ("part", "line"),
    [
        (
            box(b"ihdr", b"abc"),
            "Image Header box (ihdr) at 12, 11 bytes: damaged, its contents are too short",
        ),
        (
            box(b"ihdr", b"\0\0\0\1\0\0\0\2\0\4\xff\7\0\0"),
            "Image Header box (ihdr) at 12, 22 bytes: 2 x 1, 4 component(s) of different depths",
        ),
        (
            box(b"colr", b""),
            "Colour Specification box (colr) at 12, 8 bytes: damaged, its contents are too short",
        ),
        (box(b"cdef", b"\0\2\0\0\0\0\0\1"), "(cdef) at 12, 16 bytes: damaged, its contents are too short"),
        (box(b"pclr", b"\1\0\3"), "Palette box (pclr) at 12, 11 bytes: 256 entries of 3 columns"),
        (box(b"resc", bytes(10)), "(resc) at 12, 18 bytes: damaged, a divisor is 0"),
        (box(b"uuid", b"short"), "UUID box (uuid) at 12, 13 bytes: damaged, its contents are too short"),
        (box(b"lbl ", b"\x1b[31m\xff  red"), "Label box (lbl) at 12, 19 bytes: ?[31m? red"),
        (box(b"\x1bbox", b""), "Unknown box (?box) at 12, 8 bytes"),
        (box(b"free", bytes(9))[:-4], "Free box (free) at 12, 17 bytes, cut off at 25"),
        (b"\0\0\0\7none", "8 bytes at 12 that are not a box"),
        (box(b"jp2c", b"no codestream"), "    this is not a JPEG 2000 codestream"),
        (box(b"jp2c", b"\xff\x4f\xff\x51\0\3a"), "it is too short"),
        (box(b"free", b"") * (MAX_BOXES + 1), f"boxes after the first {MAX_BOXES} are not listed"),
    ],
)
def test_a_fault_is_in_the_line_of_its_box(part: bytes, line: str) -> None:
    assert any(found.endswith(line) for found in listed(SIGNATURE + part))


def test_nesting_is_bounded() -> None:
    nested = b""
    for _ in range(5000):
        nested = box(b"asoc", nested)
    lines = listed(SIGNATURE + nested)
    assert len(lines) < 30
    assert lines[-1].endswith("boxes nested too deep to be listed")


def test_damaged_files_are_listed(plain: bytes) -> None:
    rng = np.random.default_rng(1)
    for _ in range(500):
        damaged = bytearray(plain[: int(rng.integers(12, len(plain)))])
        for at in rng.integers(12, len(damaged) + 1, 4):
            damaged[int(at) - 1] = int(rng.integers(256))
        assert listed(bytes(damaged))


def test_every_codestream_has_its_own_marker_segments(plain: bytes) -> None:
    other = j2klearn.encode(np.zeros((9, 7), np.uint8), model=None, lossless=True, jp2=False)
    text = "\n".join(listed(plain + box(b"jp2c", other)))
    assert ": 30 x 40, tiles" in text
    assert ": 7 x 9, tiles" in text
