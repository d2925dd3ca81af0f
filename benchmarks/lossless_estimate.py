"""The estimate of what the steps of a lossless file save, beside what they do save: whether it may decide alone.

    python benchmarks/lossless_estimate.py PICTURES [--first N]

Every picture of the folder is tried as it is, in luma, and changed in ways that are hard for the estimate: JPEG, noise,
enlarged, reduced, posterised, dithered, in 12 and in 16 bits, and with every second pixel black. Prints the number of
pictures for which the encoder leaves out the 5/3, the least gain among them, and those where the 5/3 is smaller.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from j2klearn.benchmark.run import find_pictures
from j2klearn.core.picture import Picture
from j2klearn.ebcot.coders import OrdinaryCoder
from j2klearn.ebcot.layout import Layout
from j2klearn.ebcot.lossless_choice import surely_smaller
from j2klearn.ebcot.reversible_coder import ReversibleCoder
from j2klearn.metrics.luma import luma
from j2klearn.models.registry import DEFAULT_LOSSLESS_MODEL, resolve

_LEVELS = 5


def variants(image: NDArray[np.uint8], rng: np.random.Generator) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield an RGB picture and changed ones by name."""
    height, width = image.shape[:2]
    picture = Image.fromarray(image)
    yield "as it is", image
    for quality in (40, 75, 92):
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=quality)
        yield f"JPEG {quality}", np.asarray(Image.open(stream))
    yield (
        "enlarged",
        np.asarray(picture.resize((width * 13 // 10, height * 13 // 10), Image.Resampling.BILINEAR)),
    )
    yield "reduced", np.asarray(picture.resize((width // 2, height // 2), Image.Resampling.LANCZOS))
    for deviation in (4, 20):
        noisy = image + rng.normal(0, deviation, image.shape)
        yield f"noise of {deviation}", noisy.clip(0, 255).astype(np.uint8)
    yield "posterised", image // 8 * 8
    yield "dithered", np.asarray(picture.quantize(64).convert("RGB"))
    for bits, deviation in ((12, 3), (16, 200)):
        deep = image * (((1 << bits) - 1) / 255) + rng.normal(0, deviation, image.shape)
        yield f"{bits} bits", deep.clip(0, (1 << bits) - 1).astype(np.uint16)
    dark = np.indices((height, width)).sum(0) % 2 == 1
    yield "every second pixel black", np.where(dark[..., None], image, np.uint8(0))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path, help="folder of pictures in 8 bits")
    parser.add_argument("--first", type=int, help="only the first N pictures")
    options = parser.parse_args()
    model, rng = resolve(DEFAULT_LOSSLESS_MODEL), np.random.default_rng(0)
    gains: list[tuple[float, str]] = []
    count = 0
    for path in tqdm(find_pictures([options.pictures])[: options.first], unit="picture"):
        with Image.open(path) as opened:
            image = np.asarray(opened.convert("RGB"))
        for name, changed in variants(image, rng):
            for kind, samples in ((name, changed), (f"{name}, luma", luma(changed))):
                count += 1
                picture = Picture(samples)
                layout = Layout(levels=_LEVELS)
                coder = ReversibleCoder(picture, layout, model)
                if not surely_smaller(coder):
                    continue
                learned = len(coder.code([0.0]))
                ordinary = len(OrdinaryCoder(picture, layout, reversible=True).code([0.0]))
                gains.append((100 * (learned / ordinary - 1), f"{path.name}, {kind}"))
    print(f"of {count} pictures, {len(gains)} are coded without a comparison with the 5/3")
    if gains:
        mean, (least, which) = np.mean([gain for gain, _ in gains]), max(gains)
        print(f"mean gain {mean:+.2f} %, least gain {least:+.2f} %: {which}")
    for gain, name in sorted(gains, reverse=True):
        if gain > 0:
            print(f"larger by {gain:.2f} %: {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
