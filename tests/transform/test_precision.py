"""Files depend neither on the number of threads nor on the process; and the variable that limits the processor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
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
from j2klearn.ebcot import effort, fitting
effort._FIRST_ROUNDS = effort._LATER_ROUNDS = fitting._START_ROUNDS = 2  # enough to show a difference
rgb = np.load(sys.argv[1])
fine = rgb[..., 1].astype(np.uint16) * 251
for picture, options in (
    (rgb, {"ratio": 10, "fallback": False}),
    (fine, {"ratio": 8, "tile_size": 64}),
    (rgb, {"psnr": 34, "model": "hybrid97-9c-compact"}),
    (rgb[:24, :24, 0].copy(), {"bpp": 4, "effort": 2, "levels": 1, "model": "hybrid97-8p7-dq", "fallback": False}),
):
    data = j2klearn.encode(picture, **options)
    print(hashlib.sha256(data).hexdigest(), hashlib.sha256(j2klearn.decode(data).tobytes()).hexdigest())
"""


def _run(script: str, *arguments: str, **environment: str) -> str:
    command = [sys.executable, "-c", script, *arguments]
    environment = {**os.environ, **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_files_and_pictures_do_not_depend_on_threads(rgb: NDArray[np.uint8], tmp_path: Path) -> None:
    np.save(tmp_path / "rgb.npy", rgb[:90, :110])
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


#: Prints an answer for each of the environments. The variables are read at the first question, so a new process asks
#: each; loading PyTorch takes far longer than the question, so these processes are forks of one that has loaded it.
ASK = """
import json, os, sys
from j2klearn.transform.precision import fast_bfloat16
for variables in json.loads(sys.argv[1]):
    child = os.fork()
    if not child:
        os.environ.update(variables)
        print(fast_bfloat16(), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""


def answers(environments: Sequence[Mapping[str, str]]) -> list[bool]:
    limits = (VARIABLE, "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
    kept = {key: value for key, value in os.environ.items() if key not in limits}
    command = [sys.executable, "-c", ASK, json.dumps(environments)]
    printed = subprocess.run(command, env=kept, capture_output=True, text=True, check=True).stdout.split()
    return [{"True": True, "False": False}[word] for word in printed]


def test_limits_turn_bfloat16_off() -> None:
    off = [
        *({VARIABLE: limit} for limit in SETS),
        {"ATEN_CPU_CAPABILITY": "avx2"},
        {"ONEDNN_MAX_CPU_ISA": "AVX2"},
        {"ONEDNN_MAX_CPU_ISA": "avx512_core"},
        {"DNNL_MAX_CPU_ISA": "AVX2_VNNI"},
    ]
    natively: list[dict[str, str]] = [
        {},
        {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"},
        {"ONEDNN_MAX_CPU_ISA": "unknown"},
        {"ONEDNN_MAX_CPU_ISA": "ALL", "DNNL_MAX_CPU_ISA": "AVX2"},  # the first name counts
    ]
    found = answers([*off, *natively])
    assert not any(found[: len(off)])
    assert found[len(off) :] == [found[len(off)]] * len(natively)


@pytest.mark.skipif(VARIABLE not in os.environ, reason="the processor is not limited")
def test_pytorch_is_limited_too() -> None:
    assert torch.backends.cpu.get_cpu_capability() in ("AVX2", "DEFAULT")
    assert os.environ["ONEDNN_MAX_CPU_ISA"] == "AVX2"
