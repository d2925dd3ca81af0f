"""The classes of glymur where glymur itself finds no OpenJPEG, as beside a wheel that brings its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT

PROGRAM = """
import ctypes.util
import sys
find = ctypes.util.find_library
ctypes.util.find_library = lambda name: None if name == "openjp2" else find(name)
import glymur
import numpy as np
assert glymur.version.openjpeg_version == "0.0.0"
import j2klearn
picture = np.arange(4800, dtype=np.uint8).reshape(40, 40, 3)
file = j2klearn.Jp2k(sys.argv[1], data=picture, cratios=[3])
assert np.array_equal(file[4:30:2, ::2], j2klearn.decode(sys.argv[1], reduce=1)[2:15])
assert glymur.version.openjpeg_version.startswith("2.")
"""


def test_reading_and_writing(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(tmp_path / "a.jp2")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
