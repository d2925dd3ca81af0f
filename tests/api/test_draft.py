"""Drafts: decoding without de-quantisation, by every way to read a file."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn import Jp2k, Jp2kr
from j2klearn.access.partial_codestream import PartialCodestream
from j2klearn.arrays import dask_array
from j2klearn.cli import main
from j2klearn.ebcot import learned_reader
from j2klearn.ebcot.learned_file import LearnedFile
from j2klearn.errors import OptionError
from j2klearn.io.sources import open_source
from j2klearn.metrics.psnr import psnr
from j2klearn.transform.colour import pixels

REGION = (31, 40, 120, 99)


@pytest.fixture(scope="module")
def path(rgb: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = j2klearn.encode(rgb[:190, :161], bpp=0.6, tile_size=96, fallback=False)
    path = tmp_path_factory.mktemp("draft") / "learned.jp2"
    path.write_bytes(data)
    return path


@pytest.fixture(scope="module")
def expected(path: Path) -> NDArray[np.uint8]:
    """The picture before de-quantisation, by a lower layer of the package."""
    file = LearnedFile.open(PartialCodestream(open_source(path)))
    assert file is not None
    out: NDArray[np.uint8] = pixels(file.synthesised(0), 8, ict=True, signed=False)
    return out


def test_a_draft_is_the_picture_before_dequantisation(
    path: Path, expected: NDArray[np.uint8], rgb: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = j2klearn.decode(path)
    assert psnr(rgb[:190, :161], expected, 8) < psnr(rgb[:190, :161], full, 8)

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a draft was de-quantised")

    monkeypatch.setattr(learned_reader, "dequantise", refuse)
    part = expected[REGION[0] : REGION[2], REGION[1] : REGION[3]]
    assert np.array_equal(j2klearn.decode(path, draft=True), expected)
    assert np.array_equal(j2klearn.decode(path, draft=True, region=REGION), part)
    for threads in (1, 3):
        assert np.array_equal(j2klearn.decode(path, draft=True, threads=threads, region=REGION), part)
    half = j2klearn.decode(path, reduce=1)
    assert np.array_equal(j2klearn.decode(path, draft=True, reduce=1), half)


def test_open(path: Path, expected: NDArray[np.uint8]) -> None:
    picture = j2klearn.open(path, draft=True)
    for opened in (picture, pickle.loads(pickle.dumps(picture)), copy.copy(picture)):
        assert np.array_equal(opened[31:120, 40:99], expected[31:120, 40:99])
    out = np.empty_like(expected)
    picture.copy_to(out, block=(64, 64))
    assert np.array_equal(out, expected)
    assert np.array_equal(dask_array(picture)[5:100, 7:50].compute(), expected[5:100, 7:50])
    assert not np.array_equal(j2klearn.open(path)[:], expected)


@pytest.mark.parametrize("kind", [Jp2k, Jp2kr])
def test_glymur(kind: type[Jp2kr], path: Path, expected: NDArray[np.uint8]) -> None:
    full, picture = kind(path)[:], kind(path, draft=True)
    assert np.array_equal(picture[:], expected)
    assert np.array_equal(pickle.loads(pickle.dumps(picture))[31:120, 40:99], expected[31:120, 40:99])
    picture.draft = False
    assert np.array_equal(picture[:], full)


def test_the_command_line(path: Path, expected: NDArray[np.uint8], tmp_path: Path) -> None:
    from PIL import Image

    for name in ("out.png", "out.npy"):
        assert main(["decode", str(path), str(tmp_path / name), "--draft"]) == 0
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out.png")), expected)
    assert np.array_equal(np.load(tmp_path / "out.npy"), expected)


def test_the_neural_profile(rgb: NDArray[np.uint8]) -> None:
    picture = rgb[:48, :64]
    file = j2klearn.open(j2klearn.encode(picture, profile="neural", quality=20))
    assert file.file.neural is not None
    assert any(file.file.neural.header.noise)
    opened = j2klearn.open(file.file.codestream.source.whole(), draft=True)
    draft, full = opened[:], file[:]
    assert psnr(picture, draft, 8) < psnr(picture, full, 8)
    assert np.array_equal(opened[8:40, 8:60], draft[8:40, 8:60])


def test_other_files_and_wrong_values(rgb: NDArray[np.uint8]) -> None:
    plain = j2klearn.encode(rgb[:40, :40], model=None)
    assert np.array_equal(j2klearn.decode(plain, draft=True), j2klearn.decode(plain))
    with pytest.raises(OptionError, match="draft"):
        j2klearn.decode(plain, draft="yes")  # type: ignore[call-overload]
