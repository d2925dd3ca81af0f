"""Files depend neither on the number of threads nor on the process; and the variable that limits the processor."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import j2klearn
from j2klearn.core.processor import SETS, VARIABLE

#: Prints digests of files and of their decoded samples: by rate, with tiles, by PSNR, with fitted coefficients.
WRITE = """
import hashlib, sys
import numpy as np
import j2klearn
rgb = np.load(sys.argv[1])
fine = rgb[..., 1].astype(np.uint16) * 251
for picture, options in (
    (rgb, {"ratio": 10}),
    (fine, {"ratio": 8, "tile_size": 64}),
    (rgb, {"psnr": 34, "model": "hybrid97-9c-compact"}),
    (rgb[:24, :24, 0].copy(), {"bpp": 4, "effort": 2, "levels": 1, "fallback": False}),
):
    data = j2klearn.encode(picture, **options)
    print(hashlib.sha256(data).hexdigest(), hashlib.sha256(j2klearn.decode(data).tobytes()).hexdigest())
"""


def _run(script: str, *arguments: str, **environment: str) -> str:
    command = [sys.executable, "-c", script, *arguments]
    environment = {**os.environ, **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_files_and_pictures_do_not_depend_on_threads(rgb: NDArray[np.uint8], tmp_path: Path) -> None:
    np.save(tmp_path / "rgb.npy", rgb[:150, :170])
    # passive: with more threads than processors, active waiting is slow
    found = [
        _run(WRITE, str(tmp_path / "rgb.npy"), OMP_NUM_THREADS=str(count), OMP_WAIT_POLICY="passive")
        for count in (1, 3)
    ]
    assert len(found[0].splitlines()) == 4
    assert found[1] == found[0]


@pytest.mark.parametrize("size", [(20, 33), (70, 9), (128, 130)])
def test_regions_are_the_crop_of_the_whole(size: tuple[int, int], grey16: NDArray[np.uint16]) -> None:
    """For any size, in 16 bits: the networks read the same samples in other blocks."""
    data = j2klearn.encode(grey16, ratio=6)
    whole = j2klearn.decode(data)
    for y, x in ((0, 0), (61, 37), (110, 200)):
        region = (y, x, y + size[0], x + size[1])
        assert np.array_equal(j2klearn.decode(data, region=region), whole[y : y + size[0], x : x + size[1]])


@pytest.mark.parametrize("limit", SETS)
def test_a_limit_turns_bfloat16_off(limit: str) -> None:
    script = "from j2klearn.transform.precision import fast_bfloat16; print(fast_bfloat16())"
    assert _run(script, J2KLEARN_CPU=limit) == "False"


@pytest.mark.skipif(VARIABLE not in os.environ, reason="the processor is not limited")
def test_pytorch_is_limited_too() -> None:
    assert torch.backends.cpu.get_cpu_capability() in ("AVX2", "DEFAULT")
    assert os.environ["ONEDNN_MAX_CPU_ISA"] == "AVX2"
