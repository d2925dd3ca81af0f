"""Gain of parts of the codec: BD-rates of the whole codec against the codec without the part.

    python benchmarks/parts.py PICTURES [--first 8]

Luma, one file with layers per picture, real bytes. Writes benchmarks/results/parts.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from unittest.mock import patch

from tqdm import tqdm

from j2klearn.benchmark.codecs.j2k import Learned
from j2klearn.benchmark.environment import made_by
from j2klearn.benchmark.run import find_pictures
from j2klearn.ebcot.learned_file import LearnedFile
from j2klearn.io.pictures import read_picture
from j2klearn.metrics.bd_rate import Curve, compare
from j2klearn.metrics.luma import luma
from j2klearn.metrics.psnr import psnr
from j2klearn.models.registry import DEFAULT_MODEL

RATES = (0.1, 0.25, 0.5, 0.75, 1.0)


@contextmanager
def midpoints() -> Iterator[None]:
    """Reconstruct coefficients at midpoints. The native reader, which has a table of its own, is left out."""
    with patch("j2klearn.ebcot.reconstruction._BIAS", 0.0), patch.object(LearnedFile, "native", None):
        yield


#: By part: the model with it, the model without it, and a patch that disables the part.
PARTS: dict[str, tuple[str, str, Callable]] = {
    "learned de-quantisation": (DEFAULT_MODEL, "hybrid97-16p7", nullcontext),
    "reconstruction below the middle": (
        DEFAULT_MODEL,
        DEFAULT_MODEL,
        midpoints,
    ),
    "scales of the subbands, on the 5/3": (
        "hybrid53-9c-compact",
        "hybrid53-9c-compact",
        lambda: patch("j2klearn.models.transport_scales.transport_scales", lambda *_: ()),
    ),
}


def curves(model: str, files: Sequence[Path]) -> dict[str, Curve]:
    codec, found = Learned(model, fallback=False), {}
    for path in tqdm(files, desc=model, unit=" pictures", leave=False):
        image = luma(read_picture(path))
        made = codec.layered(image, RATES, 8)
        sizes = [8 * len(data) / image.size for data in made]
        found[path.name] = Curve.of(sizes, [psnr(image, codec.decode(data)) for data in made])
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path, help="folder of pictures")
    parser.add_argument("--first", type=int, default=8, help="use the first N of them (default: %(default)s)")
    results = Path(__file__).parent / "results" / "parts.json"
    parser.add_argument("--json", type=Path, default=results, help="results")
    options = parser.parse_args()
    files = find_pictures([options.pictures])[: options.first]
    whole = {model: curves(model, files) for model in {model: None for model, _, _ in PARTS.values()}}
    rows = []
    for name, (model, other, change) in PARTS.items():
        with change():
            without = curves(other, files)
        found = compare(without, whole[model])
        if not found["bd_rate"]:
            raise SystemExit(f"{name}: leaving it out changes nothing")
        print(f"{name}: {found['bd_rate']:+.2f} %, {found['bd_metric']:+.2f} dB")
        rows.append({"part": name, "model": model, **found})
    made = made_by(f"python benchmarks/parts.py PICTURES --first {options.first}")
    document = {**made, "pictures": [path.name for path in files], "rates": RATES, "parts": rows}
    options.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
