"""BD-rate of transform models against the 9/7, as training validates them: luma, one file with layers, 0.1 to 1 bpp.

    python benchmarks/bd_rate.py MODEL [MODEL ...] --pictures FOLDER [--first N] [--rgb]

MODEL is the name of a model or a model file, in floating point or in integers. Prints a line per model:
the BD-rate of the averaged curves in per cent (negative: fewer bits at equal PSNR).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from j2klearn.models.registry import resolve
from j2klearn.training.transform.validation import Validation


def main() -> None:
    """Measure the models of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--pictures", type=Path, required=True, metavar="FOLDER")
    parser.add_argument(
        "--first",
        type=int,
        default=1000,
        metavar="N",
        help="how many pictures, evenly spaced (default: all)",
    )
    parser.add_argument("--rgb", action="store_true", help="keep the colours (default: luma)")
    options = parser.parse_args()
    validation = Validation(options.pictures, options.first, rgb=options.rgb)
    for name in options.models:
        print(f"{name}  {validation.bd_rate(resolve(name)):.2f} %", flush=True)


if __name__ == "__main__":
    main()
