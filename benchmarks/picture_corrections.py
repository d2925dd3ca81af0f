"""What a picture could gain by corrections of its own to learned de-quantisation, told in the file (decision 048).

    python benchmarks/picture_corrections.py PICTURES [--first N] [--model MODEL]

codes the luma of pictures at several rates, and fits by least squares what would have to be added to the output of the
network: a multiple of the correction, a filter of it, and filters of the correction and of the decoded samples. The
gains in dB are upper bounds: the numbers would take bits. PICTURES is a folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from engine import pictures
from numpy.typing import NDArray

import j2klearn
from j2klearn.metrics.luma import luma
from j2klearn.models.registry import DEFAULT_MODEL

Plane = NDArray[np.float64]

RATES = (0.2, 0.5, 1.0)

#: Samples of 16 bits, so that the rounding of decoded samples does not matter.
_SCALE = 257


def neighbours(plane: Plane) -> list[Plane]:
    """Return the nine planes shifted by up to one sample."""
    return [np.roll(plane, (dy, dx), (0, 1)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]


def gain(error: Plane, correction: Plane, sources: list[Plane]) -> float:
    """Return the dB that the best weights of some sources gain over the correction as it is."""
    inner = (slice(2, -2), slice(2, -2))
    columns = np.stack([source[inner].ravel() for source in sources], 1)
    wanted = error[inner].ravel()
    weights = np.linalg.lstsq(columns, wanted, rcond=None)[0]
    before = np.square(wanted - correction[inner].ravel()).mean()
    return float(10 * np.log10(before / np.square(wanted - columns @ weights).mean()))


def gains(image: NDArray[np.uint8], bpp: float, model: str) -> list[float]:
    """Return the gains of 1, 9 and 17 numbers for a picture."""
    samples = np.rint(luma(image)).astype(np.uint16) * _SCALE
    data = j2klearn.encode(samples, bpp=bpp, model=model, fallback=False)
    full, draft = (j2klearn.decode(data, draft=draft) / _SCALE for draft in (False, True))
    correction, error = full - draft, samples / _SCALE - draft
    around = [plane - draft for plane in neighbours(draft)]
    del around[4]  # the sample itself
    filters: list[list[Any]] = [[correction], neighbours(correction), neighbours(correction) + around]
    return [gain(error, correction, sources) for sources in filters]


def main() -> None:
    """Print the gains at each rate."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path, metavar="PICTURES")
    parser.add_argument("--first", type=int, metavar="N", help="pictures, evenly chosen (default: all)")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    options = parser.parse_args()
    images = [samples for _, samples in pictures(options.pictures, options.first)]
    print("gain in dB, mean (largest): a factor, 3x3 of the correction, and 3x3 of the samples too")
    for bpp in RATES:
        found = np.array([gains(image, bpp, options.model) for image in images])
        columns = (f"{mean:.3f} ({most:.3f})" for mean, most in zip(found.mean(0), found.max(0), strict=True))
        print(f"{bpp} bpp: ", ", ".join(columns), flush=True)


if __name__ == "__main__":
    main()
