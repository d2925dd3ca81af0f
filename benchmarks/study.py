"""P1's Table II from the trained weights of this repository: structures and operators on real files, several metrics.

    python benchmarks/study.py NAME PICTURES [--first N] [--out DIR] [--workers N]

Measures the transforms of benchmarks/weights that belong to the study (study-CONFIGURATION.safetensors), all of them
trained for as many steps, against the 9/7 and the 5/3: luma, one file with layers per picture. ``ablation.py`` trains
such weights. A stopped measurement resumes. Writes benchmarks/results/study-NAME.json, and prints P1's
Table II beside it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from paper_table import table
from suites import condense

from j2klearn.benchmark.run import find_pictures
from j2klearn.cli import main as j2klearn

HERE = Path(__file__).parent
METRICS = ("psnr", "ssim", "ms-ssim")
_PREFIX = "study-"


def copied(folder: Path) -> list[Path]:
    """Copy the weights of the study to a folder by the names of their configurations, which the benchmark shows."""
    found = sorted((HERE / "weights").glob(f"{_PREFIX}*.safetensors"))
    return [Path(shutil.copyfile(path, folder / path.name.removeprefix(_PREFIX))) for path in found]


def benchmarked(models: list[Path], pictures: list[Path], report: Path, options: argparse.Namespace) -> int:
    """Run ``j2klearn benchmark`` with models and both wavelets in luma, without fallback; return its exit status."""
    words = ["benchmark", *map(str, pictures), "--out", str(report), "--crops", "0", "--no-fallback"]
    words += ["--rates", options.rates, "--metrics", options.metrics]
    words += ["--workers", options.workers] if options.workers else []
    return j2klearn([*words, "--codecs", ",".join([*map(str, models), "9-7", "5-3"])])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="name of the pictures, for example kodak")
    parser.add_argument("pictures", type=Path, help="folder of pictures to measure on")
    parser.add_argument("--first", type=int, metavar="N", help="use the first N pictures (default: all)")
    parser.add_argument(
        "--rates", default="0.1,0.25,0.5,0.75,1.0", help="bits per pixel (default: %(default)s)"
    )
    parser.add_argument("--workers", help="worker processes of the benchmark (default: one per processor)")
    parser.add_argument(
        "--out", type=Path, help="folder of the report (default: benchmarks/reports/study-NAME)"
    )
    parser.add_argument("--json", type=Path, help="results (default: benchmarks/results/study-NAME.json)")
    parser.set_defaults(metrics=",".join(METRICS))
    options = parser.parse_args()
    name = f"{_PREFIX}{options.name}"
    report = options.out or HERE / "reports" / name
    pictures = find_pictures([options.pictures])[: options.first]
    with tempfile.TemporaryDirectory() as folder:
        status = benchmarked(copied(Path(folder)), pictures, report, options)
    if status == 0:
        command = f"python benchmarks/study.py {options.name} PICTURES"
        command += f" --first {options.first}" if options.first else ""
        suite = f"{options.name}, {len(pictures)} pictures"
        found = condense(suite, command, json.loads((report / "results.json").read_text(encoding="utf-8")))
        target = options.json or HERE / "results" / f"{name}.json"
        target.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        for metric in METRICS:
            for anchor in ("5-3", "9-7"):
                print(f"\nBD-rate in % for {metric.upper()}, against the {anchor}\n")
                print(table(metric, anchor, [found]))
    return status


if __name__ == "__main__":
    sys.exit(main())
