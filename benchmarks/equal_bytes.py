"""The picture of the README: a part of a photograph, as j2klearn and as OpenJPEG code it, at equal bytes.

    python benchmarks/equal_bytes.py [--bpp 0.25]

The photograph is scikit-image's astronaut: NASA's portrait of Eileen Collins, which is in the public domain. It is
coded whole. The part that is shown is the face, twice as large. `benchmarks/readme.py` runs this benchmark when the
default model has changed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage import data

import j2klearn
from j2klearn.benchmark.environment import made_by
from j2klearn.metrics.psnr import psnr
from j2klearn.models.registry import DEFAULT_MODEL

HERE = Path(__file__).parent
PICTURE = HERE.parent / "docs" / "pictures" / "equal-bytes.png"
RESULT = HERE / "results" / "equal-bytes.json"

_TOP, _LEFT, _SIDE, _ZOOM = 20, 120, 216, 2
_CAPTION, _GAP = 36, 8


def measure(bpp: float = 0.25) -> None:
    """Code the photograph, and write the picture and the results."""
    image = np.asarray(data.astronaut())
    pixels = image.shape[0] * image.shape[1]
    learned = j2klearn.encode(image, bpp=bpp, fallback=False)
    ordinary = j2klearn.encode(image, bpp=8 * len(learned) / pixels, model=None)
    decoded = {"learned": j2klearn.decode(learned), "ordinary": j2klearn.decode(ordinary)}
    panels = [
        ("the photograph", image),
        (f"OpenJPEG, {len(ordinary):,} bytes", decoded["ordinary"]),
        (f"j2klearn, {len(learned):,} bytes", decoded["learned"]),
    ]
    side = _SIDE * _ZOOM
    sheet = Image.new("RGB", (len(panels) * (side + _GAP) - _GAP, side + _CAPTION), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(20)
    for at, (title, samples) in enumerate(panels):
        part = Image.fromarray(samples[_TOP : _TOP + _SIDE, _LEFT : _LEFT + _SIDE])
        sheet.paste(part.resize((side, side), Image.Resampling.NEAREST), (at * (side + _GAP), _CAPTION))
        draw.text((at * (side + _GAP) + 4, 6), title, fill="black", font=font)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(256, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    result = {
        **made_by(f"python benchmarks/equal_bytes.py --bpp {bpp:g}"),
        "model": DEFAULT_MODEL,
        "model_id": j2klearn.info(learned).model_id,
        "bpp": bpp,
        "bytes": {"learned": len(learned), "ordinary": len(ordinary)},
        "psnr": {name: psnr(image, samples) for name, samples in decoded.items()},
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bpp", type=float, default=0.25, help="bits per pixel (default: %(default)s)")
    measure(parser.parse_args().bpp)
    return 0


if __name__ == "__main__":
    sys.exit(main())
