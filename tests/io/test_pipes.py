"""Pipes and devices, which are read or written once."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import pytest

from j2klearn.errors import CodestreamError, WriteError
from j2klearn.io.atomic import write_whole
from j2klearn.io.pipes import is_pipe
from j2klearn.io.sources import is_buffer, open_source


def test_what_a_pipe_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"")
    os.symlink("pipe", tmp_path / "link")
    for name, expected in {
        "pipe": True,
        "link": True,
        "file": False,
        ".": False,
        "none": False,
        "\0": False,
    }.items():
        assert is_pipe(tmp_path / name) is expected


def test_a_pipe_is_read_once_and_to_its_end(tmp_path: Path) -> None:
    path, data = tmp_path / "pipe", bytes(range(256)) * 1000
    os.mkfifo(path)
    threading.Thread(target=path.write_bytes, args=(data,), daemon=True).start()
    source = open_source(path)
    assert source.size == len(data)
    assert source.read([(5, 9), (255_999, 256_000)]) == [data[5:9], b"\xff"]
    assert source.peek(255_990, 99) == data[255_990:]


def test_a_pipe_is_written_and_stays(tmp_path: Path) -> None:
    path, data = tmp_path / "pipe", bytes(range(256)) * 1000
    os.mkfifo(path)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(path.read_bytes()), daemon=True)
    reader.start()
    write_whole(path, data)
    reader.join(30)
    assert found == [data]
    assert path.is_fifo()
    assert list(tmp_path.iterdir()) == [path]
    if Path("/dev/full").exists():
        with pytest.raises(WriteError, match="No space left"):
            write_whole(Path("/dev/full"), data)


def test_what_a_buffer_is() -> None:
    assert all(map(is_buffer, (b"", bytearray(), memoryview(b""))))
    assert not any(map(is_buffer, ("", 3, None, [1], io.BytesIO())))


def test_a_folder_and_a_name_with_a_null_character(tmp_path: Path) -> None:
    for place, message in ((tmp_path, "it is a folder"), ("a\0b", "null character"), ("", "No such file")):
        with pytest.raises(CodestreamError, match=message):
            open_source(place)
