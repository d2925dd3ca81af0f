"""Other programs get the exact samples of lossless learned files through the library in the place of OpenJPEG's."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.io.pictures import read_picture
from tests.support.openjp2 import needs_library, run
from tests.support.reversible_models import textured

pytestmark = needs_library


def _file(folder: Path, picture: NDArray[Any], **options: Any) -> Path:
    path = folder / "lossless.jp2"
    path.write_bytes(j2klearn.encode(picture, lossless=True, fallback=False, **options))
    return path


def test_opj_decompress(tmp_path: Path) -> None:
    """Whole pictures, resolutions, layers, regions and tiles, as OpenJPEG reads files."""
    program = shutil.which("opj_decompress")
    if program is None:
        pytest.skip("opj_decompress is not installed")
    out = tmp_path / "out.ppm"
    requests: dict[str, dict[str, Any]] = {
        "": {},
        "-r 1": {"reduce": 1},
        "-l 1": {"layers": 1},
        "-d 7,5,70,61 -r 1": {"region": (5, 7, 61, 70), "reduce": 1},
        "-t 3": {"region": (64, 64, 90, 101)},
    }
    for depth in (8, 16):
        picture = textured((90, 101, 3), depth)
        file = _file(tmp_path, picture, tile_size=64, layers=3)
        for words, request in requests.items():
            said = run([program, "-i", str(file), "-o", str(out), *words.split()])
            assert "j2klearn" not in said
            expected = j2klearn.decode(file, **request)
            np.testing.assert_array_equal(np.asarray(read_picture(out)), expected, err_msg=words)
            assert words or np.array_equal(expected, picture)


_READ = """
import sys, warnings
import numpy as np
from PIL import Image
import j2klearn
warnings.simplefilter("error")
for reader, read in (("pillow", lambda path: np.asarray(Image.open(path))), ("j2klearn", j2klearn.decode)):
    np.save(f"{sys.argv[2]}/{reader}.npy", read(sys.argv[1]))
"""


def test_python(tmp_path: Path) -> None:
    """Pillow reads through functions of its own; the library leaves the carriers alone that j2klearn decodes."""
    picture = textured((64, 64, 3))
    assert run([sys.executable, "-c", _READ, str(_file(tmp_path, picture)), str(tmp_path)]) == ""
    for reader in ("pillow", "j2klearn"):
        np.testing.assert_array_equal(np.load(tmp_path / f"{reader}.npy"), picture)
