"""P1's ablations: structures, operators and pre-training at equal budgets, trained, measured, and beside its Table II.

    python benchmarks/ablation.py --data TRAIN --pictures PICTURES [--steps 1000] [--configs A,B] [--out DIR]

Every configuration is trained for as many steps, pre-training included, from the same seed, and measured by
``j2klearn benchmark`` (luma, one file with layers per picture) against the 9/7 and the 5/3. What is there already is
not done again, so a stopped study goes on, and a configuration can be added. Writes benchmarks/results/ablation.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from paper_table import table
from suites import condense

from j2klearn.cli import main as j2klearn

HERE = Path(__file__).parent

#: Fig. 10 (pre-training), Fig. 11 (structures x operators), Table II (depth, channels, support).
CONFIGS = (
    *("custom4s-5c-random", "custom4s-5c", "custom4s-5c-oracle"),
    *("predict-update-iwave", "predict-update-iwavepp", "update-predict-5c", "update-predict-iwave"),
    *("hybrid53-5c", "hybrid97-5c", "custom4ms-5c", "custom5s-5c", "hybrid97-9c", "hybrid97-9c-compact"),
)


def train(name: str, data: Path, folder: Path, steps: int) -> Path:
    """Train a configuration, or go on where that stopped; return its model."""
    words = ["train", name, "--data", str(data), "--out", str(folder), "--steps", str(steps)]
    if (folder / "checkpoint.pt").exists():
        words.append("--resume")
    if j2klearn(words):
        raise SystemExit(f"training {name} failed")
    model = folder / f"{name}.safetensors"  # benchmarks call a model by the name of its file
    model.write_bytes((folder / "model.safetensors").read_bytes())
    return model


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="training pictures, or tar files of them")
    parser.add_argument("--pictures", type=Path, required=True, help="pictures to measure on")
    parser.add_argument("--steps", type=int, default=1000, help="of each training (default: %(default)s)")
    parser.add_argument("--configs", default=",".join(CONFIGS), help="with commas (default: %(default)s)")
    parser.add_argument(
        "--out", type=Path, default=HERE / "reports" / "ablation", help="(default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, default=HERE / "results" / "ablation.json", help="results")
    options = parser.parse_args()
    names = options.configs.split(",")
    runs = options.out / f"{options.steps}-steps"
    models = [train(name, options.data, runs / name, options.steps) for name in names]
    report = options.out / "report"
    words = ["benchmark", str(options.pictures), "--out", str(report), "--crops", "0"]
    codecs = ",".join([*map(str, models), "9-7", "5-3"])
    status = j2klearn([*words, "--codecs", codecs])
    if status == 0:
        command = f"python benchmarks/ablation.py --data TRAIN --pictures PICTURES --steps {options.steps}"
        suite = f"{options.pictures.name}, {options.steps} steps each"
        found = condense(suite, command, json.loads((report / "results.json").read_text()))
        found["steps"] = options.steps
        options.json.write_text(json.dumps(found, indent=1) + "\n")
        for anchor in ("5-3", "9-7"):
            print(f"\nBD-rate in % for PSNR, against the {anchor}\n\n{table('psnr', anchor, [found])}")
    return status


if __name__ == "__main__":
    sys.exit(main())
