"""Times of the shipped models: writing and reading a photograph with one thread, beside OpenJPEG's 9/7.

    python benchmarks/model_times.py [--rounds 7] [--json FILE]

The photograph is scikit-image's astronaut (512 x 512, RGB), at 1 bpp. All models take turns in every round. The ratio
to the 9/7 is taken within a round, so that another load of the machine changes it little. Medians are shown.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from skimage import data

import j2klearn
from j2klearn.benchmark.environment import made_by
from j2klearn.core.text_table import text_table

_ORDINARY = "9-7"

#: The models, with the names that `encode` takes; the 9/7 comes first.
MODELS = (
    _ORDINARY,
    "hybrid97-16p7-guided",
    "hybrid97-8p7-dq",
    "hybrid97-32p9-guided",
    "hybrid97-16p7-dq",
    "hybrid97-9c-compact-guided",
    "hybrid97-9c-compact-dq",
    "hybrid97-16p7",
    "hybrid97-9c-compact",
    "hybrid53-9c-compact",
)


def _seconds(image: Any, model: str) -> dict[str, float]:
    start = time.perf_counter()
    data = j2klearn.encode(image, bpp=1, model=None if model == _ORDINARY else model, threads=1)
    written = time.perf_counter()
    j2klearn.decode(data, threads=1)
    return {"encode": written - start, "decode": time.perf_counter() - written}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7, help="how often (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    options = parser.parse_args()
    image = np.asarray(data.astronaut())
    rounds = []
    for at in range(options.rounds + 1):
        times = {model: _seconds(image, model) for model in MODELS}
        if at:  # the first round loads models and libraries
            rounds.append(times)
    cases, rows = [], [["model", "encoding", "ratio", "decoding", "ratio"]]
    for model in MODELS:
        case: dict[str, Any] = {"model": model}
        for what in ("encode", "decode"):
            case[f"{what}_s"] = median(each[model][what] for each in rounds)
            case[f"{what}_ratio"] = median(each[model][what] / each[_ORDINARY][what] for each in rounds)
        cases.append(case)
        rows.append(
            [model]
            + [
                cell
                for what in ("encode", "decode")
                for cell in (f"{case[f'{what}_s']:.3f} s", f"{case[f'{what}_ratio']:.1f}")
            ]
        )
    print(text_table(rows))
    if options.json:
        result = {
            **made_by(f"python benchmarks/model_times.py --rounds {options.rounds}"),
            "picture": "astronaut, 512 x 512, RGB, 1 bpp",
            "cases": cases,
        }
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
