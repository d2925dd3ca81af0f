"""P1's ablations: train structures, operators and pre-training with equal budgets, and compare with its Table II.

    python benchmarks/ablation.py --data TRAIN --pictures PICTURES [--steps 1200] [--configs A,B] [--out DIR]

All configurations have the same number of steps, pre-training included, the same number of samples per step and the
same seed. ``j2klearn benchmark`` measures them (luma, one file with layers per picture) against the 9/7 and the 5/3. A
stopped study resumes: trainings from their last checkpoint, measurements picture by picture. Configurations can be
added. Writes benchmarks/results/ablation.json.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import sys
from pathlib import Path

from paper_table import ours, table
from study import benchmarked
from suites import condense

from j2klearn.benchmark.run import find_pictures
from j2klearn.cli import main as j2klearn
from j2klearn.core.text_table import text_table

HERE = Path(__file__).parent

#: Fig. 10 (pre-training), Fig. 11 (structures x operators), Table II (depth, channels, support).
CONFIGS = (
    *("custom4s-5c-random", "custom4s-5c-random-progressive"),
    *("custom4s-5c-none", "custom4s-5c", "custom4s-5c-oracle"),
    *("predict-update-iwave", "predict-update-iwavepp", "hybrid97-iwave", "hybrid97-iwavepp"),
    *("update-predict-5c", "update-predict-iwave", "update-predict-iwavepp"),
    *("hybrid53-5c", "hybrid97-5c", "custom4ms-5c", "custom5s-5c", "hybrid97-9c", "hybrid97-9c-compact"),
    "hybrid53-9c-compact",
)

#: Small crops and batches, so that a study of all configurations takes an hour or two on one core. Pre-training takes a
#: fifth (progressive selection) or two sixths (oracle opacities) of all steps.
SETTINGS = ("crop=128", "batch=2", "pretraining_steps=4000", "steps=16000", "save_every=100")


def train(name: str, data: Path, folder: Path, steps: int, settings: list[str]) -> Path:
    """Train a configuration, or resume its training; return the path of the model."""
    model = (
        folder / f"{name}.safetensors"
    )  # the benchmark takes the name of the file as the name of the codec
    if model.exists():
        return model
    words = [
        "train",
        name,
        "--data",
        str(data),
        "--out",
        str(folder),
        "--steps",
        str(steps),
        "--threads",
        "1",
    ]
    words += [word for setting in settings for word in ("--set", setting)]
    if (folder / "checkpoint.pt").exists():
        words.append("--resume")
    if j2klearn(words):
        raise SystemExit(f"training {name} failed")
    whole = folder / "whole.tmp"
    shutil.copyfile(folder / "model.safetensors", whole)
    os.replace(whole, model)
    return model


def course(folder: Path) -> dict[str, list[float]]:
    """Return J divided by J of the base wavelet, at the start and at the end of every stage of a training.

    Both are means over a tenth of the stage's logged steps, but at least five.
    """
    stages: dict[str, list[float]] = {}
    with (folder / "log.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            stages.setdefault(row["stage"], []).append(float(row["J"]) / float(row["J(base)"]))

    def mean(values: list[float]) -> float:
        return round(sum(values) / len(values), 4)

    few = {name: max(5, len(ratios) // 10) for name, ratios in stages.items()}
    return {name: [mean(ratios[: few[name]]), mean(ratios[-few[name] :])] for name, ratios in stages.items()}


def pre_training(found: dict) -> str:
    """Return a table to compare with P1's Fig. 10: the effect of pre-training on Custom-4S."""
    rows = [["configuration", "J / J(5/3) at first", "at the end", "BD-rate against the 5/3"]]
    for name, stages in found["training"].items():
        if name.startswith("custom4s"):
            gain = ours(found, "psnr", "5-3", name)
            ends = [next(iter(stages.values()))[0], stages["end-to-end"][1]]
            shown = "-" if gain is None else f"{gain:+.1f} %"
            rows.append([name, *(f"{ratio:.3f}" for ratio in ends), shown])
    return text_table(rows)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="training pictures, or tar files of them")
    parser.add_argument("--pictures", type=Path, required=True, help="folder of pictures to measure on")
    parser.add_argument("--first", type=int, help="use the first N pictures of that folder (default: all)")
    parser.add_argument("--steps", type=int, default=1200, help="steps per training (default: %(default)s)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"settings of all trainings, in addition to {' '.join(SETTINGS)}",
    )
    parser.add_argument(
        "--configs", default=",".join(CONFIGS), help="names, separated by commas (default: %(default)s)"
    )
    parser.add_argument(
        "--rates", default="0.1,0.25,0.5,0.75,1.0", help="bits per pixel (default: %(default)s)"
    )
    parser.add_argument("--metrics", default="psnr", help="psnr, ssim, ms-ssim (default: %(default)s)")
    parser.add_argument("--workers", help="worker processes of the benchmark (default: one per processor)")
    parser.add_argument(
        "--out",
        type=Path,
        default=HERE / "reports" / "ablation",
        help="folder of the study (default: %(default)s)",
    )
    parser.add_argument("--json", type=Path, default=HERE / "results" / "ablation.json", help="results")
    options = parser.parse_args()
    names = options.configs.split(",")
    settings = [*SETTINGS, *options.set]
    runs = options.out / "-".join([f"{options.steps}-steps", *options.set])
    models = [train(name, options.data, runs / name, options.steps, settings) for name in names]
    pictures = find_pictures([options.pictures])[: options.first]
    report = options.out / "report"
    status = benchmarked(models, pictures, report, options)
    if status == 0:
        command = f"python benchmarks/ablation.py --data TRAIN --pictures PICTURES --steps {options.steps}"
        command += f" --first {options.first}" if options.first else ""
        command += "".join(f" --set {setting}" for setting in options.set)
        suite = f"{options.pictures.name}, {len(pictures)} pictures, {options.steps} steps each"
        found = condense(suite, command, json.loads((report / "results.json").read_text()))
        found["steps"], found["settings"] = options.steps, settings
        found["training"] = {name: course(runs / name) for name in names}
        options.json.write_text(json.dumps(found, indent=1) + "\n")
        for anchor in ("5-3", "9-7"):
            print(f"\nBD-rate in % for PSNR, against the {anchor}\n\n{table('psnr', anchor, [found])}")
        print(f"\nPre-training of Custom-4S (P1, Fig. 10)\n\n{pre_training(found)}")
    return status


if __name__ == "__main__":
    sys.exit(main())
