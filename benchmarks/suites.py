"""The suites that make the figures of the README and of docs/results.md. Each is one command.

    python benchmarks/suites.py SUITE [PICTURES] [--out DIR]

PICTURES is the folder of the suite's pictures, which are not in this repository: the 24 Kodak images
(https://r0k.us/graphics/kodak), the 40 validation images of CID22, or a folder of screenshots. A suite runs ``j2klearn
benchmark`` with fixed options. It writes the report to DIR (default: benchmarks/reports/SUITE). It writes the results,
with the command, the versions and the machine, to benchmarks/results/SUITE.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import glymur
import numpy as np
from half_size import half_size
from numpy.typing import NDArray

from j2klearn.benchmark.run import find_pictures
from j2klearn.cli import main as j2klearn
from j2klearn.io.pictures import read_picture, write_picture
from j2klearn.metrics.bd_rate import Curve, bd_rate, compare

HERE = Path(__file__).parent
RESULTS = HERE / "results"


def unchanged(source: Path | None, folder: Path) -> Path:
    if source is None:
        raise SystemExit("this suite needs the folder of its pictures")
    return source


def changed(change: Callable[[NDArray[Any]], NDArray[Any]], source: Path | None, folder: Path) -> Path:
    """Write what `change` makes of every picture."""
    source = unchanged(source, folder)
    folder.mkdir(parents=True, exist_ok=True)
    for path in find_pictures([source]):
        write_picture(folder / f"{path.stem}.png", change(read_picture(path)))
    return folder


def overexposed(image: NDArray[Any]) -> NDArray[Any]:
    """Return a picture with clipped highlights: 2.5 times as bright, clipped at white."""
    return np.rint(np.minimum(2.5 * image.astype(np.float64), 255)).astype(np.uint8)


def nemo(source: Path | None, folder: Path) -> Path:
    """Write the photograph that comes with glymur as a PNG file; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_picture(folder / "nemo.png", np.asarray(glymur.Jp2k(glymur.data.nemo())[:]))
    return folder


@dataclass(frozen=True)
class Suite:
    """A suite: its title, the options of ``j2klearn benchmark``, and what makes its pictures from the given folder."""

    text: str
    options: tuple[str, ...]
    prepare: Callable[[Path | None, Path], Path] = unchanged


_TRIO = ("--codecs", "default,9-7,5-3")
_COMPACT = (
    *("--codecs", "hybrid53-9c-compact,hybrid97-9c-compact,9-7,5-3"),
    *("--metrics", "psnr", "--crops", "0"),
)
_MODELS = (
    "--codecs",
    "hybrid97-8p7-dq,hybrid97-32p9-guided,hybrid97-16p7-dq,hybrid97-9c-compact-dq,hybrid97-9c-compact-guided,"
    "hybrid97-16p7,9-7",
    *("--metrics", "psnr", "--crops", "0"),
)
#: The neural profile beside the EBCOT profile, through the same transform.
_NEURAL = (
    *("--channels", "rgb", "--codecs", "context97,hybrid97-9c-compact-dq,9-7"),
    *("--metrics", "psnr,psnr-y"),
)
_OPENJPEG = "9-7,5-3,opj-9-7,opj-5-3,pillow"

SUITES = {
    "kodak-luma": Suite("Kodak, luma", _TRIO),
    "kodak-rgb": Suite("Kodak, RGB", (*_TRIO, "--channels", "rgb")),
    "kodak-luma-compact": Suite("Kodak, luma, models without de-quantisation", _COMPACT),
    "cid22-validation-luma-compact": Suite(
        "CID22 validation, luma, models without de-quantisation", _COMPACT
    ),
    "kodak-luma-models": Suite("Kodak, luma, other models", _MODELS),
    "kodak-rgb-models": Suite("Kodak, RGB, other models", (*_MODELS, "--channels", "rgb")),
    "cid22-validation-luma-models": Suite("CID22 validation, luma, other models", _MODELS),
    "kodak-single-rate": Suite("Kodak, luma, one file per rate", (*_TRIO, "--protocol", "single")),
    "cid22-validation-luma": Suite("CID22 validation, luma", _TRIO),
    "screenshots-luma": Suite("Screenshots, luma", (*_TRIO, "--metrics", "psnr", "--crops", "0")),
    "overexposed-luma": Suite(
        "Kodak, overexposed, luma",
        (*_TRIO, "--metrics", "psnr", "--crops", "0"),
        partial(changed, overexposed),
    ),
    "kodak-effort": Suite("Kodak, luma, effort 2", (*_TRIO, "--effort", "2", "--crops", "0")),
    **{
        f"kodak-{bits}-bit": Suite(
            f"Kodak at half size, {bits}-bit RGB",
            (*_TRIO, "--channels", "rgb", "--crops", "0", "--bit-depth", str(bits)),
            partial(changed, partial(half_size, bits=bits)),
        )
        for bits in (8, 12, 16)
    },
    "kodak-neural": Suite("Kodak, RGB, the neural profile", _NEURAL),
    "cid22-validation-neural": Suite("CID22 validation, RGB, the neural profile", _NEURAL),
    "peers": Suite(
        "Kodak, RGB, other formats",
        ("--channels", "rgb", "--codecs", "default,9-7,jxl,avif,webp,jpeg"),
    ),
    "openjpeg": Suite(
        "Kodak, luma, one OpenJPEG by three ways",
        ("--codecs", _OPENJPEG, "--metrics", "psnr", "--crops", "0"),
    ),
    "speed": Suite(
        "12 megapixels RGB at 1 bpp, sizes and threads",
        (
            *("--codecs", "default,9-7", "--channels", "rgb", "--rates", "0.25,0.5,1,2", "--metrics", "psnr"),
            *("--crops", "0", "--speed", "--speed-sizes", "0.25,1,4,12,64", "--speed-threads", "1,2"),
            *("--rounds", "3"),
        ),
        nemo,
    ),
}


def condense(text: str, command: str, document: dict) -> dict:
    """Return the part of a results document that is stored: no points of single pictures, and no published curves."""
    kept = ("created", "versions", "machine", "protocol", "codecs", "deltas", "skipped", "speed")
    pictures = [picture["name"] for picture in document["pictures"]]
    published = [codec["name"] for codec in document["codecs"] if codec["kind"] == "published"]
    curves = {name: curve for name, curve in document["curves"].items() if name not in published}
    found = {"suite": text, "command": command, "pictures": pictures} | {key: document[key] for key in kept}
    found["curves"] = curves
    found["against"] = {
        name: {other: _against(document, name, other) for other in curves if other != name}
        for name in document["settings"]
        if name in curves
    }
    if published:
        found["against_published"] = {
            name: {other: bd_rate(_curve(document["curves"][other]), _curve(mine)) for other in published}
            # published curves are averages at equal settings, so compare them with such averages if there are some
            for name, mine in (curves | document["settings"]).items()
        }
    return found


def _against(document: dict, name: str, anchor: str) -> dict:
    """Return the BD-rates of a codec that codes by quality against another codec, for every metric."""
    found = {}
    for metric in document["protocol"]["metrics"]:
        mine, theirs = (
            {picture: Curve.of(v["bpp"], v[metric]) for picture, v in document["measurements"][each].items()}
            for each in (name, anchor)
        )
        rates = document["protocol"]["rates"]
        compared = compare(theirs, mine, rates, rates if anchor in document["settings"] else None)
        found[metric] = {key: compared[key] for key in ("bd_rate", "interval", "mean", "of", "better_on")}
    return found


def _curve(points: dict) -> Curve:
    return Curve.of(points["bpp"], points["psnr"])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"{name:<22} {suite.text}" for name, suite in SUITES.items()),
    )
    parser.add_argument("suite", choices=SUITES, metavar="SUITE", help="see below")
    parser.add_argument("pictures", type=Path, nargs="?", help="folder of the suite's pictures")
    parser.add_argument("--out", type=Path, help="folder of the report")
    parser.add_argument("--published", type=Path, help="published curves, for the suite peers")
    parser.add_argument(
        "--fresh", action="store_true", help="delete earlier measurements in the folder of the report"
    )
    parser.add_argument("--workers", help="worker processes, or 0 (default: one per processor)")
    parser.add_argument("--json", type=Path, help="results (default: benchmarks/results/SUITE.json)")
    options = parser.parse_args()
    suite = SUITES[options.suite]
    out = options.out or HERE / "reports" / options.suite
    pictures = suite.prepare(options.pictures, out.parent / f"{out.name}-pictures")
    words = ["benchmark", str(pictures), "--out", str(out), *suite.options]
    if options.published:
        words += ["--published", str(options.published)]
    if options.workers:
        words += ["--workers", options.workers]
    status = j2klearn(words + ["--fresh"] * options.fresh)
    if status == 0:
        document = json.loads((out / "results.json").read_text())
        command = f"python benchmarks/suites.py {options.suite}" + " PICTURES" * (suite.prepare is not nemo)
        found = condense(suite.text, command, document)
        (options.json or RESULTS / f"{options.suite}.json").write_text(json.dumps(found, indent=1) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
