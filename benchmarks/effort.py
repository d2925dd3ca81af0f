"""Effect of the option `effort`: BD-rate and time, against effort 0.

    python benchmarks/effort.py PICTURES [--first 4]

Luma, one file per rate, real bytes, the default model. Writes benchmarks/results/effort.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch
from tqdm import tqdm

import j2klearn
from j2klearn.benchmark.environment import made_by
from j2klearn.benchmark.run import find_pictures
from j2klearn.ebcot.effort import EFFORTS
from j2klearn.io.pictures import read_picture
from j2klearn.metrics.bd_rate import Curve, compare
from j2klearn.metrics.luma import luma
from j2klearn.metrics.psnr import psnr

RATES = (0.25, 0.5, 0.75, 1.0)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path, help="folder of pictures")
    parser.add_argument("--first", type=int, default=4, help="use the first N of them (default: %(default)s)")
    parser.add_argument(
        "--efforts",
        type=int,
        nargs="+",
        choices=EFFORTS[1:],
        default=EFFORTS[1:],
        help="which (default: all)",
    )
    results = Path(__file__).parent / "results" / "effort.json"
    parser.add_argument("--json", type=Path, default=results, help="results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    files = find_pictures([options.pictures])[: options.first]
    efforts = (0, *options.efforts)
    curves: dict[int, dict[str, Curve]] = {effort: {} for effort in efforts}
    seconds, pixels = dict.fromkeys(efforts, 0.0), 0
    for path in tqdm(files, unit=" pictures"):
        image = luma(read_picture(path))
        if not pixels:  # imports and first uses are not counted
            j2klearn.encode(image[:32, :32], bpp=1, effort=max(efforts), threads=1)
        pixels += image.size * len(RATES)
        for effort in efforts:
            points = []
            for rate in RATES:
                begun = time.process_time()
                data = j2klearn.encode(image, bpp=rate, effort=effort, threads=1)
                seconds[effort] += time.process_time() - begun
                points.append((8 * len(data) / image.size, psnr(image, j2klearn.decode(data, threads=1))))
            curves[effort][path.name] = Curve.of(*zip(*points, strict=True))
    rows = []
    for effort in efforts[1:]:
        found = compare(curves[0], curves[effort])
        spent = {
            "seconds_per_megapixel": seconds[effort] / pixels * 1e6,
            "times": seconds[effort] / seconds[0],
        }
        rows.append({"effort": effort, **found, **spent})
        print(
            f"effort {effort}: {found['bd_rate']:+.2f} %, {found['bd_metric']:+.2f} dB, "
            f"{spent['times']:.0f} x the time, {spent['seconds_per_megapixel']:.0f} s per megapixel"
        )
    made = made_by(f"python benchmarks/effort.py PICTURES --first {options.first}")
    document = {**made, "pictures": [path.name for path in files], "rates": RATES, "efforts": rows}
    options.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
