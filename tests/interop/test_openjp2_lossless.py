"""Other programs get the exact samples of lossless learned files through the library in the place of OpenJPEG's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.errors import NativeLibraryError
from j2klearn.interop.openjp2 import environment, library
from j2klearn.io.pictures import read_picture
from tests.support.paths import ROOT
from tests.support.reversible_models import textured


def _has_library() -> bool:
    try:
        return library().is_file()
    except NativeLibraryError:
        return False


pytestmark = pytest.mark.skipif(
    not _has_library(), reason="the library for other programs is built on Linux only"
)


def _run(*command: object) -> str:
    variables = environment({**os.environ, "PYTHONPATH": str(ROOT)})
    done = subprocess.run(list(map(str, command)), env=variables, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _file(folder: Path, picture: NDArray[Any], **options: Any) -> Path:
    path = folder / "lossless.jp2"
    path.write_bytes(j2klearn.encode(picture, lossless=True, fallback=False, **options))
    return path


def test_every_way_of_calling(tmp_path: Path) -> None:
    picture = textured((100, 120, 3))
    file, out = _file(tmp_path, picture, tile_size=64, layers=3), tmp_path / "out.npz"
    _run(sys.executable, "-m", "tests.support.openjp2_calls", file, out)
    got, exact = np.load(out), np.moveaxis(picture, 2, 0)
    for way in ("whole", "no seek", "seek"):
        np.testing.assert_array_equal(got[way], exact)
    np.testing.assert_array_equal(got["at once"], np.stack([exact] * 8))
    np.testing.assert_array_equal(got["tile"], exact[:, :64, 64:])
    for name, own in (("tile 0 1", np.s_[:, :64, 64:]), ("tile 0 3", np.s_[:, 64:, 64:])):
        np.testing.assert_array_equal(got[name], exact[own].ravel())
    requests: dict[str, dict[str, Any]] = {
        "reduced": {"reduce": 1},
        "layer": {"layers": 1},
        "component": {"components": [1]},
    }
    for way, request in requests.items():
        expected = np.atleast_3d(j2klearn.decode(file, **request))
        np.testing.assert_array_equal(got[way], np.moveaxis(expected, 2, 0))
    assert got["warnings"] == ""


def test_opj_decompress(tmp_path: Path) -> None:
    program = shutil.which("opj_decompress")
    if program is None:
        pytest.skip("opj_decompress is not installed")
    picture = textured((90, 101, 3), 16)
    file, out = _file(tmp_path, picture), tmp_path / "out.ppm"
    assert "j2klearn" not in _run(program, "-i", file, "-o", out)
    np.testing.assert_array_equal(np.asarray(read_picture(out)), picture)
    _run(program, "-i", file, "-o", out, "-d", "7,5,70,61", "-r", "1")
    expected = j2klearn.decode(file, region=(5, 7, 61, 70), reduce=1)
    np.testing.assert_array_equal(np.asarray(read_picture(out)), expected)


_DECODE = """
import sys, warnings
import numpy as np
import j2klearn
warnings.simplefilter("error")
np.save(sys.argv[2], j2klearn.decode(sys.argv[1]))
"""


def test_j2klearn_itself(tmp_path: Path) -> None:
    """The library leaves the carriers alone that j2klearn decodes through OpenJPEG."""
    picture = textured((64, 64, 3))
    file, out = _file(tmp_path, picture), tmp_path / "out.npy"
    assert _run(sys.executable, "-c", _DECODE, file, out) == ""
    np.testing.assert_array_equal(np.load(out), picture)
