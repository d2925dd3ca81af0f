"""The environment variable that limits the instruction sets: what it allows, and that samples do not depend on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.core.processor import SETS, VARIABLE
from j2klearn.native.instructions import INSTRUCTIONS, available_instructions

#: Prints the sets that may be used, then digests of a file and of its samples: lossy, with regions, and lossless.
SCRIPT = """
import hashlib, sys
import numpy as np
import j2klearn
from j2klearn.native.instructions import available_instructions
print(*available_instructions())
picture = np.load(sys.argv[1])
integer53, lossless = {"ratio": 9, "model": "hybrid53-9c-compact"}, {"lossless": True, "model": None}
for options in ({"bpp": 2, "fallback": False}, integer53, lossless):
    data = j2klearn.encode(picture, threads=2, **options)
    samples = j2klearn.decode(data), j2klearn.decode(data, region=(9, 30, 70, 66), draft=True)
    print(hashlib.sha256(data).hexdigest(), *(hashlib.sha256(part.tobytes()).hexdigest() for part in samples))
"""


def run(path: Path, limit: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    if limit:
        environment[VARIABLE] = limit
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, path], env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def path(rgb: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("instructions") / "rgb.npy"
    np.save(path, rgb[:120, :131])
    return path


def test_limits(path: Path) -> None:
    found = {limit: run(path, limit) for limit in ("", *SETS)}
    lines = {limit: done.stdout.splitlines() for limit, done in found.items()}
    assert len(lines[""]) == 4, found[""].stderr
    supported = lines[""][0].split()
    for limit in SETS:
        allowed = INSTRUCTIONS[: INSTRUCTIONS.index(limit) + 1]
        assert lines[limit][0].split() == [name for name in supported if name in allowed]
        assert lines[limit][1:] == lines[""][1:], limit


def test_a_wrong_limit(path: Path) -> None:
    done = run(path, "sse2")
    assert done.returncode
    assert "OptionError: the environment variable J2KLEARN_CPU is one of portable, avx2" in done.stderr


def test_this_process_has_its_limit() -> None:
    limit = os.environ.get(VARIABLE, "")
    found = available_instructions()
    assert found[0] == "best"
    assert not limit or INSTRUCTIONS.index(found[-1]) <= INSTRUCTIONS.index(limit)
    assert j2klearn.decode(j2klearn.encode(np.zeros((8, 8), np.uint8), model=None)).shape == (8, 8)
