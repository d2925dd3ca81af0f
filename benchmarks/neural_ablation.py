"""Two ablations of the neural profile with equal budgets: another transform, and chroma that does not depend on luma.

    python benchmarks/neural_ablation.py --data TRAIN --pictures PICTURES [--steps 600] [--patches 800] [--first 6]
    python benchmarks/neural_ablation.py ... --configs context97-unconditioned,context97-small --luma-steps 9000
    python benchmarks/neural_ablation.py ... --configs context97-unconditioned,context97-predicted --start RUNS

Entropy models of the same size are trained with the same number of steps on the same pictures, and measured on real
files (RGB, one file per quality): with the 9/7, with the learned transform, and with the learned transform and chroma
that does not depend on luma. A stopped study resumes. With --start the models take luma's networks from another study,
in the folder RUNS, and continue the training of its chroma networks. Writes benchmarks/results/neural-ablation.json, or
the file of --json.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from suites import condense

from j2klearn.benchmark.run import find_pictures
from j2klearn.cli import main as j2klearn

HERE = Path(__file__).parent

#: The anchor, and configurations that differ from it in one respect.
CONFIGS = ("context97-unconditioned", "context97-small", "context-base97")

#: With --start: configurations that begin with another configuration's networks.
BEGIN = {"context97-predicted": "context97-small"}

#: Configurations that share luma's network with another one.
SAME_LUMA = {"context97-small": "context97-unconditioned", "context53": "context53-unconditioned"}


def train(name: str, options: argparse.Namespace, runs: Path) -> Path:
    """Train an entropy model; return the path of its file."""
    folder = runs / name
    model = (
        folder / f"{name}.safetensors"
    )  # the benchmark takes the name of the file as the name of the codec
    if model.exists():
        return model
    folder.mkdir(parents=True, exist_ok=True)
    begin = options.start / BEGIN.get(name, name) if options.start else None
    same = (begin or runs / SAME_LUMA.get(name, name)) / "first.pt"
    if same.exists() and not (folder / "first.pt").exists():
        shutil.copy(same, folder)
    words = ["train-context", name, "--data", str(options.data), "--out", str(folder), "--resume"]
    words += ["--patches", str(options.patches), "--threads", "1"]
    if options.subsampled:
        words += ["--subsampled", str(options.subsampled)]
    parts = [["--steps", str(options.steps)]]
    if begin:
        parts = [["--part", "second", "--start", str(begin), *parts[0]]]
    elif options.luma_steps:
        parts = [["--part", "first", "--steps", str(options.luma_steps)], ["--part", "second", *parts[0]]]
    for part in parts:
        if j2klearn([*words, *part]):
            raise SystemExit(f"training {name} failed")
    return (folder / "model.safetensors").rename(model)


def options_of(text: str) -> argparse.ArgumentParser:
    """Return the parser with the options that both studies have."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="training pictures, or tar files of them")
    parser.add_argument("--pictures", type=Path, required=True, help="pictures to measure on")
    parser.add_argument("--first", type=int, default=6, help="use the first N of them (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=600, help="steps per network (default: %(default)s)")
    luma = parser.add_mutually_exclusive_group()
    luma.add_argument("--luma-steps", type=int, help="steps of luma's network (default: those of --steps)")
    luma.add_argument(
        "--start", type=Path, help="runs of another study, whose chroma networks are trained further"
    )
    parser.add_argument("--subsampled", type=float, help="share of the pictures whose chroma is subsampled")
    parser.add_argument(
        "--patches", type=int, default=800, help="number of training patches (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=HERE / "reports" / "neural-ablation",
        help="folder of the study (default: %(default)s)",
    )
    return parser


def runs_of(options: argparse.Namespace) -> Path:
    """Return the folder of the runs of a study."""
    before = f"{options.luma_steps}-" if options.luma_steps else ""
    if options.start:
        before = f"{options.start.name}-and-"
    folder: Path = options.out / f"{before}{options.steps}-steps"
    return folder


def command_of(script: str, options: argparse.Namespace) -> str:
    """Return the command of a study, for the file of results."""
    luma = f" --luma-steps {options.luma_steps}" if options.luma_steps else ""
    start = " --start RUNS" if options.start else ""
    share = f" --subsampled {options.subsampled}" if options.subsampled else ""
    return (
        f"python benchmarks/{script} --data TRAIN --pictures PICTURES --first {options.first} "
        f"--steps {options.steps}{luma}{start}{share} --patches {options.patches}"
    )


def main() -> int:
    parser = options_of(__doc__)
    parser.add_argument("--workers", type=int, default=1, help="worker processes of the benchmark")
    parser.add_argument(
        "--configs", default=",".join(CONFIGS), help="the anchor, then others (default: %(default)s)"
    )
    parser.add_argument(
        "--json", type=Path, default=HERE / "results" / "neural-ablation.json", help="results"
    )
    options = parser.parse_args()
    configs = options.configs.split(",")
    models = [train(name, options, runs_of(options)) for name in configs]
    report = options.out / "report"
    pictures = map(str, find_pictures([options.pictures])[: options.first])
    words = ["benchmark", *pictures, "--out", str(report), "--codecs", ",".join(map(str, models))]
    words += ["--anchor", models[0].stem, "--channels", "rgb", "--metrics", "psnr,psnr-y", "--crops", "0"]
    status = j2klearn([*words, "--workers", str(options.workers)])
    if status == 0:
        command = command_of("neural_ablation.py", options)
        if configs != list(CONFIGS):
            command += f" --configs {options.configs} --json benchmarks/results/{options.json.name}"
        found = condense(
            "entropy models at equal budgets", command, json.loads((report / "results.json").read_text())
        )
        options.json.write_text(json.dumps(found | {"steps": options.steps}, indent=1) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
