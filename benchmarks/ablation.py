"""P1's ablations: structures, operators and pre-training at equal budgets, trained, measured, and beside its Table II.

    python benchmarks/ablation.py --data TRAIN --pictures PICTURES [--steps 1200] [--configs A,B] [--out DIR]

Every configuration is trained for as many steps of as many samples, pre-training included, from the same seed, and
measured by ``j2klearn benchmark`` (luma, one file with layers per picture) against the 9/7 and the 5/3. A study that
was stopped goes on where it was: trainings from their last checkpoint, measurements picture by picture; configurations
can be added. Writes benchmarks/results/ablation.json.
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
from suites import condense

from j2klearn.benchmark.run import find_pictures
from j2klearn.cli import main as j2klearn
from j2klearn.core.text_table import text_table

HERE = Path(__file__).parent

#: Fig. 10 (pre-training), Fig. 11 (structures x operators), Table II (depth, channels, support).
CONFIGS = (
    *("custom4s-5c-random", "custom4s-5c-random-progressive"),
    *("custom4s-5c-none", "custom4s-5c", "custom4s-5c-oracle"),
    *("predict-update-iwave", "predict-update-iwavepp", "update-predict-5c", "update-predict-iwave"),
    *("hybrid53-5c", "hybrid97-5c", "custom4ms-5c", "custom5s-5c", "hybrid97-9c", "hybrid97-9c-compact"),
    "hybrid53-9c-compact",
)

#: Crops and batches that a study of all configurations can be had of in an hour or two of one core; pre-training takes
#: a fifth (progressive selection) or two sixths (oracle opacities) of all steps.
SETTINGS = ("crop=128", "batch=2", "pretraining_steps=4000", "steps=16000", "save_every=100")


def train(name: str, data: Path, folder: Path, steps: int, settings: list[str]) -> Path:
    """Train a configuration, or go on where that stopped; return its model."""
    model = folder / f"{name}.safetensors"  # benchmarks call a model by the name of its file
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
    """Return J over J of the base wavelet at the start and at the end of every stage of a training.

    Means over a tenth of the stage's logged steps, five at least.
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
    """Return the table beside P1's Fig. 10: what pre-training is worth for Custom-4S."""
    rows = [["configuration", "J / J(5/3) at first", "at the end", "BD-rate against the 5/3"]]
    for name, stages in found["training"].items():
        if name.startswith("custom4s"):
            gain = ours(found, "psnr", "5-3", name)
            ends = [next(iter(stages.values()))[0], stages["end-to-end"][1]]
            told = "-" if gain is None else f"{gain:+.1f} %"
            rows.append([name, *(f"{ratio:.3f}" for ratio in ends), told])
    return text_table(rows)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="training pictures, or tar files of them")
    parser.add_argument("--pictures", type=Path, required=True, help="folder of pictures to measure on")
    parser.add_argument("--first", type=int, help="so many pictures of that folder (default: all)")
    parser.add_argument("--steps", type=int, default=1200, help="of each training (default: %(default)s)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"settings of all trainings, beside {' '.join(SETTINGS)}",
    )
    parser.add_argument("--configs", default=",".join(CONFIGS), help="with commas (default: %(default)s)")
    parser.add_argument(
        "--rates", default="0.1,0.25,0.5,0.75,1.0", help="bits per pixel (default: %(default)s)"
    )
    parser.add_argument("--metrics", default="psnr", help="psnr, ssim, ms-ssim (default: %(default)s)")
    parser.add_argument("--workers", help="processes that measure (default: one per processor)")
    parser.add_argument(
        "--out", type=Path, default=HERE / "reports" / "ablation", help="(default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, default=HERE / "results" / "ablation.json", help="results")
    options = parser.parse_args()
    names = options.configs.split(",")
    settings = [*SETTINGS, *options.set]
    runs = options.out / "-".join([f"{options.steps}-steps", *options.set])
    models = [train(name, options.data, runs / name, options.steps, settings) for name in names]
    pictures = find_pictures([options.pictures])[: options.first]
    report = options.out / "report"
    words = ["benchmark", *map(str, pictures), "--out", str(report), "--crops", "0", "--no-fallback"]
    words += ["--rates", options.rates, "--metrics", options.metrics]
    words += ["--workers", options.workers] if options.workers else []
    codecs = ",".join([*map(str, models), "9-7", "5-3"])
    status = j2klearn([*words, "--codecs", codecs])
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
