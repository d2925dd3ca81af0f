"""Other software opens our files, decodes the picture, and reports no errors."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import glymur
import numpy as np
import pytest
from jpylyzer import jpylyzer
from numpy.typing import NDArray
from PIL import Image

import j2klearn
from tests.support.judges import opj_decompress, psnr

KINDS: dict[str, dict[str, Any]] = {
    "rgb": {},
    "grey": {},
    "grey 16": {},
    "grey 12": {"bit_depth": 12},
    "layers": {"layers": 5},
    "tiled": {"tile_size": 128},
    "offset": {"offset": (7, 9)},
    "embedded": {"embed_model": True, "model": "hybrid97-8p7-dq"},
    "marked": {"plt": True, "tlm": True, "sop": True, "eph": True, "progression": "RPCL"},
    "ordinary": {"model": None},
    "bare": {"jp2": False},
}


@pytest.fixture(scope="module", params=KINDS)
def case(
    request: pytest.FixtureRequest,
    photograph: NDArray[np.uint8],
) -> tuple[str, NDArray[Any], bytes]:
    image: NDArray[Any] = photograph[300:556, 700:1056]
    options = dict(KINDS[request.param])
    bpp = 1.0
    if "grey" in request.param:
        image = image[:, :, 1]
        depth = int(request.param.removeprefix("grey").strip() or 8)
        image = image if depth == 8 else image.astype(np.uint16) << (depth - 8)
    if options.get("embed_model"):
        bpp += 7  # for the weights
    return request.param, image, j2klearn.encode(image, bpp=bpp, **options)


def _peak(image: NDArray[Any], name: str) -> float:
    return 4095.0 if "12" in name else float(np.iinfo(image.dtype).max)


def test_pillow(case: tuple[str, NDArray[Any], bytes]) -> None:
    name, image, data = case
    if name == "grey 12":
        pytest.skip("Pillow shifts 12-bit samples up to 16 bits")
    with Image.open(io.BytesIO(data)) as picture:
        assert psnr(image, np.asarray(picture), _peak(image, name)) > 24


def test_glymur(case: tuple[str, NDArray[Any], bytes], tmp_path: Path) -> None:
    name, image, data = case
    path = tmp_path / ("a.j2k" if name == "bare" else "a.jp2")
    path.write_bytes(data)
    with warnings.catch_warnings():
        # glymur compares the size in IHDR with Xsiz and Ysiz without subtracting the offset (T.800 I.5.3.1)
        warnings.filterwarnings("ignore", message="The IHDR dimensions")
        picture = glymur.Jp2k(path)
    assert picture.dtype == image.dtype
    assert psnr(image, picture[:], _peak(image, name)) > 24


def test_opj_decompress(case: tuple[str, NDArray[Any], bytes], tmp_path: Path) -> None:
    name, image, data = case
    path = tmp_path / ("a.j2k" if name == "bare" else "a.jp2")
    path.write_bytes(data)
    seen = opj_decompress(path)
    assert psnr(image, seen.reshape(image.shape), _peak(image, name)) > 24


def test_jpylyzer(case: tuple[str, NDArray[Any], bytes], tmp_path: Path) -> None:
    name, _, data = case
    path = tmp_path / "a.jp2"
    path.write_bytes(data)
    result = jpylyzer.checkOneFile(str(path), "j2c" if name == "bare" else "jp2")
    assert result.findtext("isValid") == "True"


def test_ordinary_files_of_others(tmp_path: Path, rgb: NDArray[np.uint8]) -> None:
    """A file without the learned-transform segment decodes exactly as OpenJPEG decodes it."""
    for options in ({}, {"irreversible": True, "cratios": [10]}, {"tilesize": (64, 64)}):
        path = tmp_path / "other.jp2"
        theirs = glymur.Jp2k(path, data=rgb, **options)
        assert np.array_equal(j2klearn.decode(path), theirs[:])
        assert np.array_equal(j2klearn.decode(path, reduce=1), theirs[::2, ::2])
        assert np.array_equal(j2klearn.decode(path, region=(5, 7, 100, 90)), theirs[5:100, 7:90])
        assert not j2klearn.info(path).learned


def test_our_ordinary_files_are_openjpegs_own(rgb: NDArray[np.uint8], tmp_path: Path) -> None:
    ours = j2klearn.encode(rgb, ratio=16, model=None)
    theirs = glymur.Jp2k(tmp_path / "a.jp2", data=rgb, irreversible=True, cratios=[16])
    assert len(ours) == pytest.approx(theirs.path.stat().st_size, rel=0.005)
    assert psnr(rgb, j2klearn.decode(ours)) == pytest.approx(psnr(rgb, theirs[:]), abs=0.02)
