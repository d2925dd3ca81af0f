"""``python -m j2klearn.demo``: code a photograph with and without the learned transform, and compare the files."""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .api.decode import decode
from .api.describe import info
from .api.encode import encode
from .core.text_table import text_table
from .metrics.psnr import psnr
from .models.registry import DEFAULT_MODEL

__all__ = ["main"]

T = TypeVar("T")
Samples = NDArray[Any]

#: Rates of the quality layers that the demonstration codes, in bits per pixel.
LAYERS = (0.125, 0.25, 0.5, 1.0)
_SHOWN_LAYER = 2  # the layer in the comparison, counted from 1
_CROP = 240  # side of the crops in pixels
_ZOOM = 2


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def _plain_reader(data: bytes) -> Samples:
    """Decode a file with Pillow, which ignores the learned transform."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture)


def _busiest(image: Samples, learned: Samples, ordinary: Samples) -> tuple[int, int]:
    """Return the corner (y, x) of the crop in which the two codecs differ most."""
    difference = np.abs(learned.astype(np.int32) - ordinary).sum(axis=2)
    best, corner = -1, (0, 0)
    for y in range(0, image.shape[0] - _CROP + 1, _CROP // 2):
        for x in range(0, image.shape[1] - _CROP + 1, _CROP // 2):
            value = int(difference[y : y + _CROP, x : x + _CROP].sum())
            if value > best:
                best, corner = value, (y, x)
    return corner


def _side_by_side(panels: list[tuple[str, Samples]]) -> Image.Image:
    side, caption, gap = _CROP * _ZOOM, 34, 8
    sheet = Image.new("RGB", (len(panels) * (side + gap) - gap, side + caption), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(18)
    for index, (title, crop) in enumerate(panels):
        x = index * (side + gap)
        sheet.paste(Image.fromarray(crop).resize((side, side), Image.Resampling.NEAREST), (x, caption))
        draw.text((x + 4, 6), title, fill="black", font=font)
    return sheet


def _photograph() -> tuple[str, Samples]:
    """Return the name and the samples of a photograph that a dependency ships; if possible, one without coding loss."""
    try:
        from skimage import data
    except ImportError:
        import glymur

        return "glymur's nemo.jp2", np.asarray(glymur.Jp2k(glymur.data.nemo())[:])
    return "scikit-image's astronaut", np.asarray(data.astronaut())


def _halved(image: Samples) -> Samples:
    """Return the picture scaled to half its size by Pillow: the reference for the half resolution."""
    height, width = image.shape[:2]
    half = Image.fromarray(image).resize(((width + 1) // 2, (height + 1) // 2), Image.Resampling.LANCZOS)
    return np.asarray(half)


def main(arguments: list[str] | None = None) -> int:
    """Run the demonstration; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m j2klearn.demo", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo"), help="output folder (default: %(default)s)")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)

    source, image = _photograph()
    height, width = image.shape[:2]
    pixels = height * width
    rates = ", ".join(f"{rate:g}" for rate in LAYERS)
    print(f"{source}, {width} x {height}: {DEFAULT_MODEL} against OpenJPEG's 9/7, layers at {rates} bpp\n")
    encode(image[:64, :64], bpp=1)  # loads PyTorch and the model, so that this is not timed

    learned, t_learned = _timed(lambda: encode(image, bpp=LAYERS))
    ordinary, t_ordinary = _timed(
        lambda: encode(image, bpp=[8 * len(learned) / pixels * b for b in LAYERS], model=None)
    )
    (options.out / "learned.jp2").write_bytes(learned)
    (options.out / "ordinary.jp2").write_bytes(ordinary)

    side = min(512, height // 4, width // 4)
    y, x = (height - side) // 2, (width - side) // 2
    region = (y, x, y + side, x + side)
    cases: list[tuple[str, dict[str, Any], Samples]] = [
        ("full quality", {}, image),
        ("half resolution", {"reduce": 1}, _halved(image)),
        (f"layer {_SHOWN_LAYER} of {len(LAYERS)}", {"layers": _SHOWN_LAYER}, image),
        (f"{side} x {side} region", {"region": region}, image[y : y + side, x : x + side]),
    ]
    rows = [("decoded", "bpp", "j2klearn dB", "9/7 dB", "j2klearn s", "9/7 s")]
    shown: dict[str, Samples] = {}
    for name, how, reference in cases:
        ours, t_ours = _timed(partial(decode, learned, **how))
        theirs, t_theirs = _timed(partial(decode, ordinary, **how))
        layer = how.get("layers", len(LAYERS))
        rows.append(
            (
                name,
                f"{LAYERS[layer - 1]:g}",
                f"{psnr(reference, ours):.2f}",
                f"{psnr(reference, theirs):.2f}",
                f"{t_ours:.2f}",
                f"{t_theirs:.2f}",
            )
        )
        if "layers" in how:
            shown = {"learned": ours, "ordinary": theirs}
    print(text_table(rows))

    plain = _plain_reader(learned)
    print()
    print(
        text_table(
            [
                ("file", "bytes", "bpp", "encoded in s"),
                ("j2klearn", str(len(learned)), f"{8 * len(learned) / pixels:.4f}", f"{t_learned:.2f}"),
                (
                    "OpenJPEG 9/7",
                    str(len(ordinary)),
                    f"{8 * len(ordinary) / pixels:.4f}",
                    f"{t_ordinary:.2f}",
                ),
            ]
        )
    )
    print(
        f"\nAn ordinary JPEG 2000 reader (Pillow) decodes the j2klearn file at {psnr(image, plain):.2f} dB."
    )
    print("The half resolution is compared with the photograph scaled by Pillow (Lanczos).\n")
    print(info(learned))

    y, x = _busiest(image, shown["learned"], shown["ordinary"])
    cut = (slice(y, y + _CROP), slice(x, x + _CROP))
    bpp = LAYERS[_SHOWN_LAYER - 1]
    sheet = _side_by_side(
        [
            ("original", image[cut]),
            (f"j2klearn, {bpp:g} bpp", shown["learned"][cut]),
            (f"OpenJPEG 9/7, {bpp:g} bpp", shown["ordinary"][cut]),
            ("j2klearn file, ordinary reader, 1 bpp", plain[cut]),
        ]
    )
    sheet.save(options.out / "crops.png")
    print(
        f"\nWritten: {', '.join(str(options.out / n) for n in ('learned.jp2', 'ordinary.jp2', 'crops.png'))}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
