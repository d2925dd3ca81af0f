"""What other readers see, against what j2klearn gains: the learned steps at parts of their strength.

    python benchmarks/carrier.py PICTURES [--first 8] [--model NAME|FILE] [--json FILE]

Readers without the learned transform show the carrier: the subbands before the learned steps are undone. The smaller
the predictions of these steps, the better the carrier, and the smaller the gain. The proposals of both steps, high to
low (h2l) and low to high (l2h), are multiplied by the strengths of a grid, without training again. For each pair of
strengths, RGB pictures are coded: the BD-rate against the 9/7 (one file with layers, 0.1 to 1 bpp), and the PSNR of
the carrier in Pillow at 1 bpp, on average and at worst.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

import j2klearn
from j2klearn.benchmark.environment import made_by
from j2klearn.core.text_table import text_table
from j2klearn.metrics.psnr import psnr
from j2klearn.models.model import Model
from j2klearn.models.registry import DEFAULT_MODEL, resolve
from j2klearn.training.transform.validation import Validation
from j2klearn.transform.integer.quantise import rounded_to_zero_sum

#: Strengths of h2l and l2h.
GRID = ((1.0, 1.0), (0.75, 1.0), (0.5, 1.0), (0.25, 1.0), (1.0, 0.5), (0.75, 0.75), (0.5, 0.5), (0.25, 0.25))

#: Bits per pixel at which the carrier is measured.
RATE = 1.0


def weakened(model: Model, h2l: float, l2h: float) -> Model:
    """Return an integer model with the proposals of both steps multiplied; those of l2h still sum to zero."""

    def scaled(name: str, strength: float, *, zero_sum: bool) -> NDArray[np.int16]:
        kernels = model.tensors[name].astype(np.float64) * strength
        rounded = rounded_to_zero_sum(kernels) if zero_sum else np.rint(kernels)
        return rounded.astype(np.int16)

    changed = {
        "h2l.proposals": scaled("h2l.proposals", h2l, zero_sum=False),
        "l2h.proposals": scaled("l2h.proposals", l2h, zero_sum=True),
    }
    return Model(model.config, {**model.tensors, **changed}, {"name": f"{model.name} at {h2l:g}, {l2h:g}"})


def carrier(image: NDArray[np.uint8], model: Model) -> float:
    """Return the PSNR in dB of the carrier of a picture."""
    data = j2klearn.encode(image, bpp=RATE, model=model, fallback=False)
    with Image.open(io.BytesIO(data)) as shown:
        return psnr(image, np.asarray(shown))


def main() -> int:
    """Measure the grid."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path, metavar="PICTURES", help="folder of pictures")
    parser.add_argument(
        "--first", type=int, default=8, metavar="N", help="how many, evenly spaced (default: 8)"
    )
    parser.add_argument("--model", default=DEFAULT_MODEL, help="learned transform (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    options = parser.parse_args()
    model = resolve(options.model)
    integers = model if model.integer else model.twin
    if integers is None:
        raise SystemExit(f"{model.name} has no integers")
    validation = Validation(options.pictures, options.first, rgb=True)
    rows = []
    for h2l, l2h in tqdm(GRID, unit=" strengths"):
        weak = weakened(integers, h2l, l2h)
        shown = [carrier(image, weak) for image in validation.pictures]
        rows.append(
            {
                "h2l": h2l,
                "l2h": l2h,
                "bd_rate": validation.bd_rate(weak),
                "carrier_mean": float(np.mean(shown)),
                "carrier_worst": min(shown),
            }
        )
    head = ["strength of h2l", "of l2h", "BD-rate", "carrier, mean", "carrier, worst"]
    lines = [
        [f"{row['h2l']:g}", f"{row['l2h']:g}", f"{row['bd_rate']:.2f} %"]
        + [f"{row[f'carrier_{what}']:.1f} dB" for what in ("mean", "worst")]
        for row in rows
    ]
    print(text_table([head, *lines]))
    if options.json:
        command = f"python benchmarks/carrier.py PICTURES --first {options.first}"
        result = {**made_by(command), "model": options.model, "rows": rows}
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
