"""Speed of training transforms on one core in float32: native lifting steps, beside those that PyTorch computes.

    python benchmarks/training_speed.py [--configs A,B] [--crop 192] [--batch 4] [--rounds 5] [--json FILE]

A step is the objective of a batch and its gradient. The batch is cut out of scikit-image's astronaut. The two ways take
turns in every round, and medians are shown.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import torch
from skimage import color, data

from j2klearn.benchmark.environment import made_by
from j2klearn.core.text_table import text_table
from j2klearn.models.build import build
from j2klearn.training.settings import read_config
from j2klearn.training.shipped import TRANSFORM, find_config
from j2klearn.training.transform.objective import Objective
from j2klearn.transform import convolution

CONFIGS = (
    *("hybrid97-8p7", "hybrid97-16p7", "hybrid97-32p9", "hybrid97-9c-compact", "hybrid97-5c"),
    *("update-predict-5c", "custom4s-5c", "predict-update-iwave", "predict-update-iwavepp"),
)


def _batch(count: int, crop: int) -> torch.Tensor:
    luma = torch.from_numpy(color.rgb2gray(data.astronaut()).astype("float32") * 255 - 128)
    places = [(67 * i % (512 - crop), 131 * i % (512 - crop)) for i in range(count)]
    return torch.stack([luma[None, y : y + crop, x : x + crop] for y, x in places])


def _seconds(objective: Objective, x: torch.Tensor, natively: bool) -> float:
    ratios = [1.0] * (3 * objective.settings.levels + 1)
    with mock.patch.object(convolution, "_native_is_fast", return_value=natively):
        start = time.perf_counter()
        objective(x, x.new_tensor(16.0), "end-to-end", 0.5, ratios, 0).backward()
        return time.perf_counter() - start


def measure(name: str, x: torch.Tensor, rounds: int) -> dict[str, Any]:
    """Return the patches per second of a configuration."""
    config, settings = read_config(find_config(name, TRANSFORM), {"bfloat16": False, "relative": False})
    torch.manual_seed(0)
    objective = Objective(build(config).train(), settings)
    times = []
    for at in range(rounds + 1):
        both = {natively: _seconds(objective, x, natively) for natively in (False, True)}
        if at:  # the first round loads libraries
            times.append(both)
    return {
        "config": name,
        "pytorch": round(len(x) / median(both[False] for both in times), 2),
        "native": round(len(x) / median(both[True] for both in times), 2),
        "ratio": round(median(both[False] / both[True] for both in times), 3),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--configs", default=",".join(CONFIGS), help="names, separated by commas")
    parser.add_argument("--crop", type=int, default=192, help="side of a patch (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=4, help="patches per step (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="how often (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    x = _batch(options.batch, options.crop)
    cases, rows = [], [["configuration", "PyTorch", "native", "ratio"]]
    for name in options.configs.split(","):
        case = measure(name, x, options.rounds)
        cases.append(case)
        rows.append([name, f"{case['pytorch']:.1f}/s", f"{case['native']:.1f}/s", f"{case['ratio']:.2f}"])
        print(text_table(rows[:1] + rows[-1:]), flush=True)
    if options.json:
        words = f"--crop {options.crop} --batch {options.batch} --rounds {options.rounds}"
        result = {
            **made_by(f"python benchmarks/training_speed.py {words}"),
            "instructions": torch.backends.cpu.get_cpu_capability(),
            "crop": options.crop,
            "batch": options.batch,
            "cases": cases,
        }
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
