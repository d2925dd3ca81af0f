"""Decoding in a child process with limits: the same samples, warnings and errors, and an error if the child fails."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import j2klearn
from j2klearn.api import isolation
from j2klearn.core.process_limits import Isolation
from j2klearn.errors import CodestreamError, IsolationError, OptionError, TruncatedWarning


@pytest.fixture(scope="module")
def truncated(layered: bytes) -> bytes:
    return layered[: len(layered) * 3 // 4]


def test_samples_warnings_and_progress_come_back(truncated: bytes) -> None:
    options: dict[str, Any] = {"region": (3, 5, 40, np.int64(60)), "upsample": False}
    with pytest.warns(TruncatedWarning):
        wanted = j2klearn.decode(truncated, **options)
    shares = []
    with pytest.warns(TruncatedWarning, match="what was there has been decoded") as caught:
        got = j2klearn.decode(
            truncated, isolate=True, progress=lambda share, stage: shares.append(share), **options
        )
    assert caught[0].filename == __file__
    assert len(got) == len(wanted) == 3
    assert all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(got, wanted, strict=True))
    assert shares
    assert shares[-1] == 1


def test_errors_of_a_path_come_back(layered: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    path.write_bytes(layered)
    with pytest.raises(OptionError, match="reduce is an integer from 0 to"):
        j2klearn.decode(path, reduce=99, isolate=Isolation(1 << 28, 600))
    with pytest.raises(CodestreamError, match=r"no such file|cannot read"):
        j2klearn.decode(tmp_path / "b.jp2", isolate=True)


def test_memory_is_limited() -> None:
    """A small file that declares a large tile, for which OpenJPEG allocates 70 MB."""
    data = bytearray(
        j2klearn.encode(np.zeros((64, 64), np.uint8), model=None, lossless=True, levels=0, jp2=False)
    )
    at = data.index(b"\xff\x51")
    for offset in (6, 10, 22, 26):  # Xsiz, Ysiz, XTsiz, YTsiz
        struct.pack_into(">I", data, at + offset, 4200)
    assert j2klearn.decode(bytes(data)).shape == (4200, 4200)
    with pytest.raises(CodestreamError):
        j2klearn.decode(bytes(data), isolate=Isolation(1 << 26, 600))


def _answers(**message: Any) -> str:
    """Return a program that sends a message and waits."""
    text = json.dumps(message).encode()
    data = struct.pack(">I", len(text)) + text
    return f"import sys; sys.stdout.buffer.write({data!r}); sys.stdout.flush(); sys.stdin.buffer.read()"


_NO_ANSWER = r"no answer|ended with status 0"


@pytest.mark.parametrize(
    ("program", "limits", "text"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", Isolation(), "ended by signal SIGKILL"),
        ("import sys; sys.exit(3)", Isolation(), "ended with status 3"),
        ("import time; time.sleep(600)", Isolation(seconds=0.2), r"takes longer than the 0\.2 s"),
        ("print('x' * 5000)", Isolation(), _NO_ANSWER),
        (_answers(kind="memory"), Isolation(memory=1 << 30), "more than the 1073741824 bytes"),
        (_answers(kind="error", type="", text="RuntimeError()"), Isolation(), "RuntimeError"),
        (_answers(kind="error", type="J2KWarning", text="odd"), Isolation(), "odd"),
        (_answers(kind="samples", several=False, arrays=[["object", [1, 1]]]), Isolation(), _NO_ANSWER),
        (_answers(kind="samples", several=False, arrays=[["uint8", [1 << 40, 1]]]), Isolation(), _NO_ANSWER),
        (_answers(kind="samples", arrays=3), Isolation(), _NO_ANSWER),
        (_answers(kind="error", type="LimitError"), Isolation(), _NO_ANSWER),
    ],
    ids=lambda value: None,
)
def test_a_child_that_fails(
    monkeypatch: pytest.MonkeyPatch, program: str, limits: Isolation, text: str
) -> None:
    """It dies, is late, or says what no child should say: always the same type of error."""
    monkeypatch.setattr(isolation, "child_command", lambda _: [sys.executable, "-S", "-E", "-c", program])
    with pytest.raises(IsolationError, match=text):
        j2klearn.decode(b"a file", isolate=limits)


@pytest.mark.parametrize(
    "bad",
    [
        lambda: j2klearn.decode(b"", isolate=1),  # type: ignore[arg-type]
        lambda: Isolation(memory=1000),
        lambda: Isolation(seconds=0),
        lambda: Isolation(seconds=float("nan")),
        lambda: j2klearn.decode(b"", isolate=True, region=(0, 0, object(), 1)),  # type: ignore[arg-type]
        lambda: j2klearn.decode(b"", isolate=True, model=3),  # type: ignore[arg-type]
    ],
)
def test_wrong_options(bad: Any) -> None:
    with pytest.raises(OptionError):
        bad()
