"""Quality of a file in a reader without the learned transform: Pillow's picture against the original.

    python benchmarks/other_readers.py PICTURES... [--bpp 1] [--model NAME|FILE] [--json FILE]

RGB pictures are coded at one rate. The results are the PSNR of each picture in Pillow, the mean and the worst.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

import j2klearn
from j2klearn.benchmark.environment import made_by
from j2klearn.benchmark.run import find_pictures
from j2klearn.io.pictures import read_picture
from j2klearn.metrics.psnr import psnr
from j2klearn.models.registry import DEFAULT_MODEL


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path, nargs="+", help="pictures, or folders of pictures")
    parser.add_argument("--bpp", type=float, default=1.0, help="bits per pixel (default: %(default)s)")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="learned transform (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    options = parser.parse_args()
    files = find_pictures(options.pictures)
    values = {}
    for path in tqdm(files, unit=" pictures"):
        image = read_picture(path)
        data = j2klearn.encode(image, bpp=options.bpp, model=options.model)
        with Image.open(io.BytesIO(data)) as decoded:
            values[path.name] = psnr(image, np.asarray(decoded))
    mean, worst = float(np.mean(list(values.values()))), min(values, key=values.__getitem__)
    print(
        f"an ordinary reader reaches {mean:.1f} dB on average at {options.bpp:g} bpp, and {values[worst]:.1f} dB at "
        f"worst ({worst})"
    )
    if options.json:
        result = {
            **made_by(f"python benchmarks/other_readers.py PICTURES --bpp {options.bpp:g}"),
            "model": options.model,
            "bpp": options.bpp,
            "mean_psnr": mean,
            "worst_psnr": values[worst],
            "psnr": values,
        }
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
