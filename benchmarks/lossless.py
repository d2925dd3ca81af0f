"""Lossless learned files beside the 5/3, JPEG XL and the neural profile: bytes, times, lower layers, other readers.

    python benchmarks/lossless.py NAME PICTURES [--title TEXT] [--first N] [--bits 8|12|16] [--runs N] [--no-neural]

PICTURES is a folder of pictures in 8 bits. They are coded in RGB and in luma. With ``--bits``, pictures of half the
size are coded instead, whose samples are interpolated to more bits. The times are the least of some runs, with one
thread and with two. Those of the learned transform include the comparison with the 5/3, where the default makes one.
The results are written to benchmarks/results/lossless-NAME.json.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from half_size import half_size
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

import j2klearn
from j2klearn.benchmark.environment import made_by
from j2klearn.benchmark.run import find_pictures
from j2klearn.metrics.psnr import psnr

RESULTS = Path(__file__).parent / "results"
RATES = (0.25, 0.5, 1.0, 2.0)
THREADS = (1, 2)

#: Titles of sets in tables, by name.
TITLES = {
    "kodak": "Kodak",
    "kodak-12": "Kodak of half the size, 12 bits",
    "kodak-16": "Kodak of half the size, 16 bits",
    "cid22": "CID22 validation",
    "screen": "Screenshots",
}


def pictures(path: Path, bits: int) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield a picture in RGB and in luma."""
    with Image.open(path) as opened:
        for kind, mode in (("rgb", "RGB"), ("luma", "L")):
            image = np.asarray(opened.convert(mode))
            yield kind, image if bits == 8 else half_size(image, bits)


def timed(work: Callable[[], Any], runs: int) -> tuple[Any, float]:
    least = float("inf")
    for _ in range(runs):
        start = time.perf_counter()
        out = work()
        least = min(least, time.perf_counter() - start)
    return out, least


def measured(
    name: str, kind: str, image: NDArray[Any], bits: int, runs: int, *, neural: bool
) -> dict[str, Any]:
    options: dict[str, Any] = {"bit_depth": bits, "threads": 1}
    row: dict[str, Any] = {"picture": name, "kind": kind, "samples": image.size}
    for label, model in (("5/3", None), ("learned", "auto")):
        for threads in THREADS:
            how = {**options, "lossless": True, "model": model, "threads": threads}
            case = f"{label}, {threads} threads"
            file, row[f"{case}, encode s"] = timed(lambda how=how: j2klearn.encode(image, **how), runs)
            read = lambda file=file, threads=threads: j2klearn.decode(file, threads=threads)  # noqa: E731
            back, row[f"{case}, decode s"] = timed(read, runs)
        if not np.array_equal(back, image):
            raise SystemExit(f"{name} is not exact")
        row[label] = len(file)
        row[f"{label} chosen"] = j2klearn.info(file).learned
    row["JPEG XL"] = len(imagecodecs.jpegxl_encode(image, lossless=True, effort=7, bitspersample=bits))
    if neural:
        row["neural"] = len(j2klearn.encode(image, profile="neural", lossless=True, bit_depth=bits))
    layered = [
        j2klearn.encode(image, bpp=[*RATES, None], model=model, fallback=False, **options)
        for model in (None, "auto")
    ]
    reached = [
        [psnr(image, j2klearn.decode(file, layers=layer), bits) for layer in range(1, len(RATES) + 1)]
        for file in layered
    ]
    row["dB of layers"] = [round(new - old, 3) for old, new in zip(*reached, strict=True)]
    if bits == 8:
        with Image.open(io.BytesIO(layered[1]), formats=["JPEG2000"]) as opened:
            row["other readers dB"] = round(psnr(image, np.asarray(opened), bits), 2)
    return row


def _percent(size: int, other: int) -> float:
    return round(100 * (size / other - 1), 2)


def summary(rows: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    own = [row for row in rows if row["kind"] == kind]
    names = [name for name in ("5/3", "learned", "JPEG XL", "neural") if name in own[0]]
    total = {name: sum(row[name] for row in own) for name in names}
    spent = lambda case: sum(row[case] for row in own)  # noqa: E731
    times = {
        f"{step} time, {threads} threads": round(
            spent(f"learned, {threads} threads, {step} s") / spent(f"5/3, {threads} threads, {step} s"), 2
        )
        for threads in THREADS
        for step in ("encode", "decode")
    }
    shown = [row["other readers dB"] for row in own if "other readers dB" in row]
    return {
        "pictures": len(own),
        "learned": sum(row["learned chosen"] for row in own),
        "bytes of 5/3": total["5/3"],
        "change %": _percent(total["learned"], total["5/3"]),
        "largest change %": max(_percent(row["learned"], row["5/3"]) for row in own),
        "smallest change %": min(_percent(row["learned"], row["5/3"]) for row in own),
        "JPEG XL %": _percent(total["JPEG XL"], total["5/3"]),
        **({"neural %": _percent(total["neural"], total["5/3"])} if "neural" in total else {}),
        **times,
        "dB of layers": [round(float(x), 2) for x in np.mean([row["dB of layers"] for row in own], 0)],
        **({"other readers dB": round(float(np.mean(shown)), 1)} if shown else {}),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name")
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--title", help="name of the set in tables")
    parser.add_argument("--first", type=int, metavar="N", help="measure the first N pictures only")
    parser.add_argument("--bits", type=int, choices=(8, 12, 16), default=8)
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="runs of which the fastest counts")
    parser.add_argument(
        "--no-neural",
        action="store_true",
        help="leave out the neural profile, which takes seconds per picture",
    )
    options = parser.parse_args()
    rows = []
    for path in tqdm(find_pictures([options.pictures])[: options.first], disable=None):
        rows += [
            measured(path.name, kind, image, options.bits, options.runs, neural=not options.no_neural)
            for kind, image in pictures(path, options.bits)
        ]
    found = {kind: summary(rows, kind) for kind in ("rgb", "luma")}
    print(json.dumps(found, indent=1))
    words = f"{options.name} PICTURES" + (f" --first {options.first}" if options.first else "")
    words += f" --bits {options.bits}" if options.bits != 8 else ""
    words += " --no-neural" if options.no_neural else ""
    result = {
        **made_by(f"python benchmarks/lossless.py {words}"),
        "name": options.title or TITLES.get(options.name, options.name),
        **found,
    }
    path = RESULTS / f"lossless-{options.name}.json"
    path.write_text(json.dumps({**result, "rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
