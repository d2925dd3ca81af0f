"""P1's Table II next to our results: BD-rates by structure, metric and anchor.

    python benchmarks/paper_table.py [RESULTS...]

RESULTS are files of benchmarks/results that have learned codecs and both standard wavelets (default: those of luma).
The paper's pictures differ from ours, so compare the order of the columns, not the single numbers. ``j2klearn
structures`` prints Table III.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from j2klearn.core.text_table import text_table
from j2klearn.metrics.bd_rate import Curve, bd_rate

HERE = Path(__file__).parent
PAPER = HERE / "paper" / "table2.json"


def ours(result: dict, metric: str, anchor: str, codec: str) -> float | None:
    curves = result["curves"]
    if not all(metric in curves.get(name, {}) for name in (anchor, codec)):
        return None
    pair = [Curve.of(curves[name]["bpp"], curves[name][metric]) for name in (anchor, codec)]
    return bd_rate(*pair)


def table(metric: str, anchor: str, results: list[dict]) -> str:
    paper = json.loads(PAPER.read_text())[metric][anchor]
    configurations = list(next(iter(paper.values())))
    for result in results:
        learned = (codec["name"] for codec in result["codecs"] if codec["kind"] == "learned")
        configurations += [name for name in learned if name not in configurations]
    rows = [["", *configurations]]
    for pictures, figures in paper.items():
        rows.append(
            [f"P1: {pictures}", *(f"{figures[c]:+.1f}" if c in figures else "" for c in configurations)]
        )
    for result in results:
        values = [ours(result, metric, anchor, c) for c in configurations]
        rows.append([f"ours: {result['suite']}", *("" if v is None else f"{v:+.1f}" for v in values)])
    return text_table(rows)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, nargs="*", help="files of benchmarks/results")
    options = parser.parse_args()
    files = options.results or sorted((HERE / "results").glob("*-luma.json"))
    results = [json.loads(path.read_text()) for path in files]
    for metric in ("psnr", "ssim", "ms-ssim"):
        for anchor in ("5-3", "9-7"):
            print(f"BD-rate in % for {metric.upper()}, against the {anchor.replace('-', '/')}\n")
            print(table(metric, anchor, results) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
