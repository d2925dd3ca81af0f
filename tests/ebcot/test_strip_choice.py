"""The choice of the transform for pictures that are coded in parts, on some windows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from tests.support.judges import psnr


def encoded(path: Path, image: NDArray[Any], **options: Any) -> tuple[Any, NDArray[Any]]:
    size = j2klearn.encode_file(image, path, tile_size=256, **options)
    assert size == path.stat().st_size <= image.nbytes / options["ratio"] + 1
    return j2klearn.info(path), j2klearn.decode(path)


def drawing() -> NDArray[np.uint8]:
    random = np.random.default_rng(2)
    cells = np.where(random.random((75, 138)) > 0.9, random.integers(0, 200, (75, 138)), 255)
    return cells.astype(np.uint8).repeat(8, 0).repeat(8, 1)


@pytest.mark.slow
def test_a_large_photograph_of_12_bits_is_learned(tmp_path: Path, photograph: NDArray[np.uint8]) -> None:
    image = photograph[:600, :1100, 1].astype(np.uint16) * 16
    facts, ours = encoded(tmp_path / "a.jp2", image, ratio=16)
    assert facts.learned
    _, theirs = encoded(tmp_path / "b.jp2", image, ratio=16, model=None)
    assert psnr(image, ours, 65535) > psnr(image, theirs, 65535) - 0.1


@pytest.mark.slow
@pytest.mark.parametrize("size", [(600, 1100), (200, 300)])
def test_a_drawing_is_as_good_as_with_the_9_7(tmp_path: Path, size: tuple[int, int]) -> None:
    image = drawing()[: size[0], : size[1]]
    facts, ours = encoded(tmp_path / "a.jp2", image, ratio=12)
    assert facts.learned != facts.measured
    _, theirs = encoded(tmp_path / "b.jp2", image, ratio=12, model=None)
    assert psnr(image, ours) > psnr(image, theirs) - 0.1
