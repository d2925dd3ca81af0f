"""Rate options are converted to one target per layer, and contradictions are refused."""

from __future__ import annotations

from typing import Any

import pytest

from j2klearn.core.targets import read_targets
from j2klearn.errors import OptionError


def targets(**options: Any) -> Any:
    defaults = {"bpp": None, "ratio": None, "psnr": None, "lossless": False, "layers": 1}
    return read_targets(pixels=8000, raw_bytes=24000, **{**defaults, **options})


def test_units() -> None:
    assert targets(bpp=1).values == (1000,)
    assert targets(ratio=24).values == (1000,)
    assert targets().values == (1200,)
    assert targets(psnr=40).kind == "psnr"
    assert targets(lossless=True).values == (0,)


def test_layers_below_a_single_target_are_spread() -> None:
    assert targets(bpp=1, layers=3).values == (250, 500, 1000)
    many = targets(bpp=1, layers=20).values
    assert many[-1] == 1000
    assert many[0] == pytest.approx(1000 / 16)
    assert targets(psnr=40, layers=3).values == (34, 37, 40)
    assert targets(lossless=True, layers=2).values == (6000, 0)


def test_one_target_per_layer() -> None:
    assert targets(bpp=[0.1, 1]).values == (100, 1000)
    assert targets(ratio=[48, 24], layers=2).values == (500, 1000)


@pytest.mark.parametrize(
    "options",
    [
        {"bpp": 1, "ratio": 2},
        {"psnr": 40, "lossless": True},
        {"bpp": 0},
        {"bpp": -1},
        {"bpp": float("nan")},
        {"bpp": float("inf")},
        {"bpp": "1"},
        {"bpp": "x"},
        {"bpp": []},
        {"bpp": [1, 0.5]},
        {"ratio": [10, 20]},
        {"bpp": [0.5, 1], "layers": 3},
        {"layers": 0},
        {"layers": 101},
        {"layers": 2.0},
        {"psnr": 5, "layers": 5},
        {"bpp": [0.001 * (i + 1) for i in range(101)]},
    ],
)
def test_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        targets(**options)
