"""Damaged files give typed errors by every entry point, and take no longer than their size allows."""

from __future__ import annotations

import contextlib
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from glymur.jp2box import InvalidJp2kError

import j2klearn
from j2klearn.codestream import packets
from j2klearn.errors import J2KError, LimitError
from tests.support.mutations import run


def test_damaged_files_are_read_or_refused() -> None:
    assert [finding[:2] for finding in run(seed=20, count=90)] == []


@pytest.mark.parametrize("side", [4, 8])
def test_a_short_file_that_declares_many_tiles(side: int) -> None:
    """OpenJPEG would take seconds for tiles that are not there."""
    data = bytearray(
        j2klearn.encode(np.zeros((64, 64), np.uint8), model=None, lossless=True, jp2=False, levels=2)
    )
    at = data.index(b"\xff\x51")
    struct.pack_into(">II", data, at + 6, 1020, 1024)
    struct.pack_into(">II", data, at + 22, side, side)
    for options in ({}, {"reduce": 1}, {"region": (0, 0, 1024, 1000)}):
        start = time.process_time()
        with pytest.raises(LimitError, match="too many tiles"):
            j2klearn.decode(bytes(data), **options)
        assert time.process_time() - start < 3


def test_a_short_file_that_declares_many_packets() -> None:
    image = np.tile(np.arange(128, dtype=np.uint8), (128, 1))
    small = {"codeblock_size": (4, 4), "precincts": [(4, 4)], "levels": 1}
    data = bytearray(j2klearn.encode(image, model=None, bpp=0.2, jp2=False, **small))
    at = data.index(b"\xff\x52")
    struct.pack_into(">H", data, at + 6, 5000)  # layers
    for options in ({}, {"reduce": 1}, {"region": (0, 0, 100, 100)}):
        start = time.process_time()
        with pytest.raises(LimitError, match="too many packets"):
            j2klearn.decode(bytes(data[:-20]), **options)
        assert j2klearn.decode(bytes(data), **options).size  # OpenJPEG stops at the end of the data
        assert time.process_time() - start < 6
    struct.pack_into(">H", data, at + 6, 20)
    with pytest.warns(j2klearn.errors.TruncatedWarning):
        assert j2klearn.decode(bytes(data[:-20])).shape == image.shape


def test_jp2k_of_a_damaged_size(rgb: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "a.j2k"
    data = bytearray(j2klearn.encode(rgb[:40, :50], model=None, lossless=True, jp2=False))
    at = data.index(b"\xff\x51")
    numbers = [
        (at + 2, 0x0005),
        (at + 2, 0x0030),
        (at + 2, 0x0031),
        (at + 38, 0xFFFF),
        (at + 38, 0),
        (at + 10, 0),
    ]
    numbers += [(at + 14, 0xFFFF), (at + 18, 0xFFFF)]  # the picture ends before it begins
    for start, value in numbers:
        longer = (
            max(0, value - 0x2F) if start == at + 2 else 0
        )  # Lsiz says that there are more bytes, and there are
        path.write_bytes(
            data[:start]
            + value.to_bytes(2, "big")
            + data[start + 2 : at + 49]
            + bytes(longer)
            + data[at + 49 :]
        )
        for read in (
            lambda file: file[:4, :4],
            lambda file: file.tilesize,
            lambda file: file[:0, :0],
            lambda file: file[0],
        ):
            with contextlib.suppress(J2KError):
                read(j2klearn.Jp2k(path))


@pytest.mark.filterwarnings("ignore:The IHDR dimensions")
@pytest.mark.parametrize(
    "size", [(1, 50, 3), (0, 50, 3), (40, 1, 3), (40, 50, 1), (40, 50, 4), (2**32 - 1, 50, 0)]
)
@pytest.mark.parametrize("kind", ["learned", "ordinary", "grey"])
def test_jp2k_of_boxes_that_contradict_the_codestream(
    rgb: np.ndarray, tmp_path: Path, kind: str, size: tuple[int, int, int]
) -> None:
    """SIZ says what slices refer to, whatever the image header box says."""
    path = tmp_path / "a.jp2"
    image = rgb[:40, :50] if kind != "grey" else rgb[:40, :50, 0]
    options: dict[str, Any] = {"fallback": False} if kind == "learned" else {"model": None}
    data = bytearray(j2klearn.encode(image, bpp=4, **options))
    whole = j2klearn.decode(bytes(data))
    struct.pack_into(">IIH", data, data.index(b"ihdr") + 4, *size)
    path.write_bytes(data)
    file = j2klearn.Jp2k(path)
    assert file.shape == image.shape
    for index in (np.s_[:], 0, np.s_[..., 0], np.s_[-1:, 2:5], np.s_[5, 5], np.s_[:0, :0]):
        assert np.array_equal(file[index], whole[index])


def test_jp2k_of_decoded_samples_that_contradict_the_headers(
    grey: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jp2"
    path.write_bytes(j2klearn.encode(grey[:16, :16], model=None, lossless=True))
    file = j2klearn.Jp2k(path)
    for shape in ((16, 16), (1, 16, 3)):
        monkeypatch.setattr(j2klearn.Jp2k, "_read", lambda self, shape=shape, **_: np.zeros(shape, np.uint8))
        with pytest.raises(J2KError, match="declare a picture of shape"):
            file[0]


@pytest.mark.parametrize("psot", [1, 12, 13])
def test_jp2k_of_a_tile_part_shorter_than_its_header(grey: np.ndarray, tmp_path: Path, psot: int) -> None:
    """glymur's parser would read such a tile-part for ever."""
    path = tmp_path / "a.jp2"
    data = bytearray(j2klearn.encode(grey[:16, :16], model=None, lossless=True))
    path.write_bytes(data)
    segments = j2klearn.Jp2k(path).get_codestream(header_only=False).segment
    assert [segment.marker_id for segment in segments[-3:]] == ["SOT", "SOD", "EOC"]
    struct.pack_into(">I", data, data.index(b"\xff\x90\0\x0a") + 6, psot)
    path.write_bytes(data)
    with pytest.raises(InvalidJp2kError, match="shorter than its header"):
        j2klearn.Jp2k(path).get_codestream(header_only=False)


def overlapping(count: int) -> bytes:
    """Return superboxes, each with a box that reaches to the end of all: its boxes are parsed twice, and so on."""
    return b"".join(
        struct.pack(">I4sI4s", 16, b"asoc", 16 * (count - at) - 8, b"asoc") for at in range(count)
    )


@pytest.mark.parametrize(
    ("boxes", "said"),
    [
        (struct.pack(">I4sQ", 1, b"jp2h", 0), "the box at byte 32 has a length of 0"),
        (struct.pack(">I4sI4sQ", 24, b"asoc", 1, b"xml ", 0), "the box at byte 40 has a length of 0"),
        (overlapping(20), "it has more than 10000 boxes to parse"),
        (struct.pack(">I4s", 0, b"asoc") * 65, "boxes are nested more than 64 deep"),
    ],
    ids=["no length", "no length inside", "overlapping", "deep"],
)
def test_jp2k_of_boxes_that_glymur_parses_for_ever(
    grey: np.ndarray, tmp_path: Path, boxes: bytes, said: str
) -> None:
    data = j2klearn.encode(grey[:32, :32], bpp=2, model=None)
    path = tmp_path / "boxes.jp2"
    path.write_bytes(data[:32] + boxes + data[32:])
    with pytest.raises(J2KError, match=said):
        j2klearn.Jp2k(path)


def test_a_short_file_that_declares_a_million_precincts() -> None:
    """There is no need to list the precincts of a file that has fewer bytes than packets."""
    image = np.zeros((19, 25), np.uint8)
    small = {"precincts": [(8, 8)], "codeblock_size": (4, 4), "levels": 2}
    data = bytearray(j2klearn.encode(image, model=None, lossless=True, jp2=False, **small)[:-20])
    at = data.index(b"\xff\x51")
    for offset in (6, 10, 22, 26):  # Xsiz, Ysiz, XTsiz, YTsiz
        struct.pack_into(">I", data, at + offset, 12000)
    start = time.process_time()
    with pytest.raises(LimitError, match="too many packets"):
        j2klearn.decode(bytes(data), region=(0, 0, 8, 8))
    assert time.process_time() - start < 3


@pytest.mark.parametrize("kind", ["ordinary", "learned"])
def test_a_short_file_that_declares_many_layers(
    grey: np.ndarray, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of a million packets is not computed, and OpenJPEG is told how many layers the file can hold."""
    options: dict[str, Any] = {"model": None} if kind == "ordinary" else {"fallback": False}
    parts: list[dict[str, Any]] = [{}, {"region": (5, 5, 20, 30), "reduce": 1}]
    data = bytearray(j2klearn.encode(grey[:64, :96], bpp=2, jp2=False, levels=2, **options))
    wanted = [j2klearn.decode(bytes(data), **part) for part in parts]
    struct.pack_into(">H", data, data.index(b"\xff\x52") + 6, 65535)
    monkeypatch.setattr(packets, "_order", None)
    for part, picture in zip(parts, wanted, strict=True):
        assert np.array_equal(j2klearn.decode(bytes(data), **part), picture)


def test_an_empty_slice_of_components_that_differ(tmp_path: Path) -> None:
    """The smallest dtype that holds all samples; `dtype` itself is an error, as in glymur."""
    path = tmp_path / "a.j2k"
    data = bytearray(j2klearn.encode(np.zeros((8, 8, 3), np.uint8), model=None, lossless=True, jp2=False))
    data[data.index(b"\xff\x51") + 40] = 11  # the first component has 12 bits
    path.write_bytes(data)
    file = j2klearn.Jp2k(path)
    assert file[:0, :0].dtype == np.uint16
    with pytest.raises(J2KError, match="no common dtype") as raised:
        print(file.dtype)
    assert isinstance(raised.value, TypeError)


def test_a_file_with_many_tiles_is_read(grey: np.ndarray) -> None:
    image = grey[:200, :200]
    data = j2klearn.encode(image, model=None, lossless=True, tile_size=4, levels=1)
    assert j2klearn.info(data).tiles == 2500
    assert np.array_equal(j2klearn.decode(data, region=(60, 70, 100, 150)), image[60:100, 70:150])
    with pytest.warns(j2klearn.errors.TruncatedWarning, match="tiles is missing"):
        part = j2klearn.decode(data[: len(data) // 2])
    assert part.shape == image.shape
