"""Warnings say what is so: `TruncatedWarning` for data that is missing, `CodestreamWarning` for other remarks."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.cli.main import main
from j2klearn.errors import CodestreamWarning, J2KWarning, TruncatedWarning
from j2klearn.jp2.boxes import box
from tests.support.odd_files import plain_parts

MODELS = [None, "auto"]


def cielab(data: bytes) -> bytes:
    """The colours are CIELab, with its parameters (T.801 M.11.7.4.1), which OpenJPEG does not expect of three bands."""
    at = data.find(b"colr") - 4
    (length,) = struct.unpack_from(">I", data, at)
    colour = box(b"colr", struct.pack(">BbBI7I", 1, 0, 0, 14, 100, 0, 170, 85, 200, 75, 0x443530))
    header = data.find(b"jp2h") - 4
    size = struct.unpack_from(">I", data, header)[0] + len(colour) - length
    return data[:header] + struct.pack(">I", size) + data[header + 4 : at] + colour + data[at + length :]


def fewer_tile_parts(data: bytes) -> bytes:
    head, parts, tail = plain_parts(data)
    for part in parts:
        part[11] -= 1
    return head + b"".join(parts) + tail


def more_tile_parts(data: bytes) -> bytes:
    head, parts, tail = plain_parts(data)
    for part in parts:
        part[11] += 1
    return head + b"".join(parts) + tail


def unknown_marker(data: bytes) -> bytes:
    head, parts, tail = plain_parts(data)
    at = head.find(b"jp2c") - 4
    head = head[:at] + struct.pack(">I", 0) + head[at + 4 :] + b"\xff\x30"
    return head + b"".join(parts) + tail


def bytes_after_the_end(data: bytes) -> bytes:
    at = data.find(b"jp2c") - 4
    return data[:at] + struct.pack(">I", 0) + data[at + 4 :] + bytes(30)


def a_box_after_the_end(data: bytes) -> bytes:
    return data + box(b"free", bytes(20))


#: Complete files, and whether there is a remark on them.
WHOLE: dict[str, tuple[Callable[[bytes], bytes], bool]] = {
    "plain": (lambda data: data, False),
    "CIELab": (cielab, True),
    "fewer tile-parts": (fewer_tile_parts, False),
    "more tile-parts": (more_tile_parts, True),
    "unknown marker": (unknown_marker, True),
    "bytes after the end": (bytes_after_the_end, False),
    "a box after the end": (a_box_after_the_end, False),
}


@pytest.fixture(scope="module")
def files(rgb: NDArray[np.uint8]) -> dict[str | None, bytes]:
    picture = np.ascontiguousarray(rgb[:100, :120])
    options: dict[str, Any] = {
        "tile_size": 64,
        "levels": 3,
        "progression": "RPCL",
        "plt": False,
        "tlm": False,
    }
    return {
        None: j2klearn.encode(picture, model=None, lossless=True, component_transform=False, **options),
        "auto": j2klearn.encode(picture, bpp=2, **options),
    }


READERS: dict[str, Callable[[bytes], Any]] = {
    "decode": j2klearn.decode,
    "region": lambda data: j2klearn.decode(data, region=(0, 0, 100, 110)),
    "file": lambda data: j2klearn.decode(io.BytesIO(data), reduce=1),
    "open": lambda data: j2klearn.open(data)[:],
    "slice": lambda data: j2klearn.open(data)[3:99, 60:90],
    "Jp2k": lambda data: j2klearn.Jp2k(data)[:],
    "slice of Jp2k": lambda data: j2klearn.Jp2k(data)[3:99, 60:90],
}


def said_of(read: Callable[[bytes], Any], data: bytes) -> list[warnings.WarningMessage]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read(data)
    return [each for each in caught if issubclass(each.category, J2KWarning)]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", WHOLE)
def test_complete_files(files: dict[str | None, bytes], name: str, model: str | None, reader: str) -> None:
    change, _ = WHOLE[name]
    caught = said_of(READERS[reader], change(files[model]))
    assert {each.category for each in caught} <= {CodestreamWarning}, [str(each.message) for each in caught]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("model", MODELS)
def test_truncated_files(files: dict[str | None, bytes], model: str | None, reader: str) -> None:
    data = files[model]
    for end in (len(data) // 2, len(data) - 40):
        caught = said_of(READERS[reader], data[:end])
        assert [each.category for each in caught] == [TruncatedWarning], [
            str(each.message) for each in caught
        ]


@pytest.mark.parametrize("name", WHOLE)
def test_remarks_say_what_is_so(files: dict[str | None, bytes], name: str) -> None:
    change, remarked = WHOLE[name]
    caught = said_of(j2klearn.decode, change(files[None]))
    print(name, [str(each.message) for each in caught])
    assert bool(caught) == remarked


@pytest.mark.parametrize("model", MODELS)
def test_command_line(
    files: dict[str | None, bytes], model: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each warning is one line, and printed once, also where a picture is read by blocks."""
    source, out = tmp_path / "in.jp2", tmp_path / "out.png"
    source.write_bytes(unknown_marker(files[model]))
    assert main(["decode", str(source), str(out)]) == 0
    assert capsys.readouterr().err.splitlines() == ["warning: OpenJPEG remarks on this file: Unknown marker"]
    source.write_bytes(files[model][:-300])
    assert main(["decode", str(source), str(out)]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: the codestream is truncated")


def test_warnings_are_of_one_kind() -> None:
    assert issubclass(TruncatedWarning, J2KWarning)
    assert issubclass(CodestreamWarning, J2KWarning)
    assert not issubclass(CodestreamWarning, TruncatedWarning)
