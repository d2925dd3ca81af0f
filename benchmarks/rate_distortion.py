"""Rate-distortion against OpenJPEG's 9/7: one file with layers per picture, lower rates by dropping layers.

    python benchmarks/rate_distortion.py PICTURES... [--model NAME|FILE] [--rgb] [--json FILE]

Every picture is coded once by each codec with one quality layer per rate, and read layer by layer. The rate of a layer
is the number of bytes up to its last packet, headers and boxes included, as the file's own PLT marker segments give
them; these segments themselves are not counted, for they are there for the measurement alone. PSNR is averaged over
the pictures at each rate, and the BD-rate is that of the averaged curves (pchip, package bjontegaard).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import bjontegaard
import numpy as np
from glymur.codestream import Codestream
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

import j2klearn
from j2klearn import boxes
from j2klearn._native import openjpeg_version
from j2klearn.encoder import DEFAULT_MODEL
from j2klearn.quality import psnr

RATES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_SUFFIXES = (".png", ".webp", ".tif", ".tiff", ".bmp")


def find_pictures(paths: list[Path]) -> list[Path]:
    """Return picture files, those in folders included."""
    files: list[Path] = []
    for path in paths:
        files += sorted(p for p in path.iterdir() if p.suffix in _SUFFIXES) if path.is_dir() else [path]
    return files


def provenance() -> dict[str, str]:
    """Return what a result has to be seen with: command (folders by their names alone), versions, machine."""
    words = [Path(word).name if Path(word).exists() else word for word in sys.argv[1:]]
    return {
        "command": " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *words]),
        "j2klearn": j2klearn.__version__,
        "openjpeg": openjpeg_version(),
        "torch": version("torch"),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
    }


def read(path: Path, *, rgb: bool) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB" if rgb else "L"))


def packet_lengths(iplt: bytes) -> list[int]:
    """Return the packet lengths in a PLT marker segment (T.800 Table A.36): seven bits a byte, high ones first."""
    lengths, value = [], 0
    for byte in iplt:
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            lengths.append(value)
            value = 0
    return lengths


def layer_sizes(data: bytes) -> list[int]:
    """Return the bytes up to the end of each layer (LRCP, one tile-part), PLT marker segments not counted."""
    stream = boxes.find_codestream(data)
    segments = Codestream(io.BytesIO(stream), len(stream), header_only=False).segment
    plts = [segment for segment in segments if segment.marker_id == "PLT"]
    # glymur 0.14.8 adds the bytes of a length up in eight bits under numpy 2: read them here
    raw = (stream[segment.offset + 5 : segment.offset + 2 + segment.length] for segment in plts)
    lengths = [n for iplt in raw for n in packet_lengths(iplt)]
    layers = next(segment for segment in segments if segment.marker_id == "COD").layers
    whole = len(data) - sum(segment.length + 2 for segment in plts)
    per_layer = len(lengths) // layers
    return [whole - sum(lengths[per_layer * layer :]) for layer in range(1, layers + 1)]


def curve(image: NDArray[np.uint8], model: str | None) -> tuple[list[float], list[float]]:
    """Return the rates (bpp) and PSNRs (dB) of the layers of one file."""
    data = j2klearn.encode(image, bpp=RATES, model=model, plt=True)
    pixels = image.shape[0] * image.shape[1]
    rates = [8 * size / pixels for size in layer_sizes(data)]
    values = [psnr(image, j2klearn.decode(data, layers=layer)) for layer in range(1, len(RATES) + 1)]
    return rates, values


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path, nargs="+", help="pictures, or folders of pictures")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="learned transform (default: %(default)s)")
    parser.add_argument("--rgb", action="store_true", help="code RGB and measure PSNR over RGB; else luma")
    parser.add_argument("--json", type=Path, help="write the curves to this file")
    options = parser.parse_args()
    files = find_pictures(options.pictures)
    curves: dict[str, list[tuple[list[float], list[float]]]] = {"learned": [], "9-7": []}
    for path in tqdm(files, unit=" pictures"):
        image = read(path, rgb=options.rgb)
        curves["learned"].append(curve(image, options.model))
        curves["9-7"].append(curve(image, None))
    mean = {name: np.array(values).mean(axis=0) for name, values in curves.items()}
    print(f"{'bpp 9-7':>8} {'dB':>7}   {'bpp learned':>11} {'dB':>7}")
    for (r0, p0), (r1, p1) in zip(mean["9-7"].T, mean["learned"].T, strict=True):
        print(f"{r0:8.3f} {p0:7.2f}   {r1:11.3f} {p1:7.2f}")

    def bd_rate(anchor: NDArray[np.float64], test: NDArray[np.float64]) -> float:
        return float(bjontegaard.bd_rate(anchor[0], anchor[1], test[0], test[1], method="pchip"))

    each = [bd_rate(np.array(a), np.array(t)) for a, t in zip(curves["9-7"], curves["learned"], strict=True)]
    total = bd_rate(mean["9-7"], mean["learned"])
    worst = int(np.argmax(each))
    print(f"BD-rate of the averaged curves against OpenJPEG's 9/7: {total:+.2f} %")
    print(
        f"per picture: mean {np.mean(each):+.2f} %, better on {sum(e < 0 for e in each)} of {len(each)}, "
        f"worst {files[worst].name} {each[worst]:+.2f} %"
    )
    if options.json:
        result = {
            **provenance(),
            "model": options.model,
            "channels": "rgb" if options.rgb else "luma",
            "pictures": [path.name for path in files],
            "bd_rate": total,
            "bd_rate_per_picture": each,
            "curves": {name: {"bpp": m[0].tolist(), "psnr": m[1].tolist()} for name, m in mean.items()},
        }
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
