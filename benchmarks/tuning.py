"""What the option `tune` changes: BD-rates of ``tune="visual"`` against ``tune="psnr"``, by several metrics.

    python benchmarks/tuning.py NAME PICTURES [--first 8] [--codecs default 9-7]

RGB, one file per rate, real bytes. NAME is that of the pictures, for example kodak. Writes
benchmarks/results/tuning-NAME.json.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

import j2klearn
from j2klearn.benchmark.environment import made_by
from j2klearn.benchmark.run import find_pictures
from j2klearn.ebcot.visual_weights import TUNES
from j2klearn.io.pictures import read_picture
from j2klearn.metrics.bd_rate import Curve, compare
from j2klearn.metrics.luma import luma
from j2klearn.metrics.suite import measure
from j2klearn.models.registry import DEFAULT_MODEL

RATES = (0.25, 0.5, 1.0, 2.0)

#: MS-SSIM of luma is measured too: that of RGB counts errors of red and blue as much as those of green.
METRICS = ("psnr", "ms-ssim", "ms-ssim-y", "ssimulacra2")
CODECS = {"default": "auto", "9-7": None}


def measured(image: np.ndarray, decoded: np.ndarray) -> dict[str, float]:
    """Return the metrics of a decoded picture; MS-SSIM in dB, which spreads its points."""
    found = measure(image, decoded, 8, ("psnr", "ms-ssim", "ssimulacra2"))
    found["ms-ssim-y"] = measure(luma(image), luma(decoded), 8, ("ms-ssim",))["ms-ssim"]
    values = {name: value for name, value in found.items() if value is not None}
    for name in ("ms-ssim", "ms-ssim-y"):
        values[name] = -10 * math.log10(1 - values[name])
    return values


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="name of the pictures")
    parser.add_argument("pictures", type=Path, help="folder of pictures")
    parser.add_argument("--first", type=int, default=8, help="use the first N of them (default: %(default)s)")
    parser.add_argument("--codecs", nargs="+", choices=CODECS, default=list(CODECS))
    parser.add_argument("--json", type=Path, help="results (default: benchmarks/results/tuning-NAME.json)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    files = find_pictures([options.pictures])[: options.first]
    rows = []
    for codec in options.codecs:
        points: dict[tuple[str, str], dict[str, Curve]] = {}
        for path in tqdm(files, unit=" pictures", desc=codec):
            image = read_picture(path)
            for tune in TUNES:
                rates, values = [], []
                for bpp in RATES:
                    data = j2klearn.encode(image, bpp=bpp, model=CODECS[codec], tune=tune, threads=1)
                    rates.append(8 * len(data) / (image.shape[0] * image.shape[1]))
                    values.append(measured(image, j2klearn.decode(data, threads=1)))
                for metric in METRICS:
                    curve = Curve.of(rates, [value[metric] for value in values])
                    points.setdefault((tune, metric), {})[path.name] = curve
        for metric in METRICS:
            found = compare(points["psnr", metric], points["visual", metric])
            rows.append({"codec": codec, "metric": metric, **found})
            print(f"{codec} {metric}: {found['bd_rate']:+.2f} %, {found['bd_metric']:+.3f}", flush=True)
    command = f"python benchmarks/tuning.py {options.name} PICTURES --first {options.first}"
    if options.codecs != list(CODECS):
        command += f" --codecs {' '.join(options.codecs)}"
    made = made_by(command)
    document = {
        **made,
        "name": options.name,
        "model": DEFAULT_MODEL,
        "pictures": [path.name for path in files],
        "rates": RATES,
        "rows": rows,
    }
    target = options.json or Path(__file__).parent / "results" / f"tuning-{options.name}.json"
    target.write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
