"""The neural profile: exactness of files, their size against the cross-entropy, time, and lossless size.

    python benchmarks/neural.py exact PICTURES       # coded in one process, decoded in another: the same subbands
    python benchmarks/neural.py lossless PICTURES    # bytes, against OpenJPEG's 5/3 and JPEG XL
    python benchmarks/neural.py speed PICTURES       # seconds on one and on all processors, multiply-accumulates

PICTURES is a folder, for example of the 24 Kodak images. Rate-distortion curves of the neural profile are suites of
benchmarks/suites.py, for example kodak-neural.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import j2klearn
from j2klearn.access.partial_codestream import PartialCodestream
from j2klearn.benchmark.environment import made_by
from j2klearn.benchmark.run import find_pictures
from j2klearn.core.text_table import text_table
from j2klearn.io.pictures import read_picture
from j2klearn.io.sources import open_source
from j2klearn.neural.coefficients.pyramid import Pyramid
from j2klearn.neural.cost import entropy_cost
from j2klearn.neural.encode import DEFAULT_LOSSLESS, DEFAULT_LOSSY
from j2klearn.neural.reader import NeuralFile
from j2klearn.neural.registry import resolve_entropy

RESULTS = Path(__file__).parent / "results"
QUALITIES = (14, 30, 46)
ROUNDS = 3


def digest(pyramids: Sequence[Pyramid]) -> str:
    """Return the SHA-256 of all subbands."""
    state = hashlib.sha256()
    for pyramid in pyramids:
        for band in pyramid.bands():
            state.update(np.ascontiguousarray(band, "<i4").tobytes())
    return state.hexdigest()


def opened(data: bytes) -> NeuralFile:
    file = NeuralFile.open(PartialCodestream(open_source(data)))
    if file is None:
        raise SystemExit("the file is not of the neural profile")
    return file


def decode_folder(folder: Path, threads: int) -> None:
    """Print the digest of every file in a folder. Runs in a separate process."""
    for path in sorted(folder.iterdir()):
        print(path.name, digest(opened(path.read_bytes()).pyramids(0, threads)), flush=True)


def exact(pictures: list[Path]) -> dict[str, Any]:
    """Code every picture with one thread, decode it in another process with all threads, and compare the subbands."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in tqdm(pictures, desc="coding", unit=" pictures", disable=None):
            image = read_picture(path)
            for quality in (*QUALITIES, None):
                options: dict[str, Any] = {"lossless": True} if quality is None else {"quality": quality}
                data = j2klearn.encode(image, profile="neural", threads=1, **options)
                file = opened(data)
                pyramids = file.pyramids(0, 1)
                model = file.model
                predicted = model.cost(pyramids, file.step_code, related=file.header.component_transform) / 8
                coded = sum(len(segment) for segment in file.segments.first(file.header.levels))
                key = f"{path.stem}-{'lossless' if quality is None else quality}"
                (folder / key).write_bytes(data)
                right = quality is not None or np.array_equal(j2klearn.decode(data, threads=1), image)
                rows.append(
                    {
                        "file": key,
                        "bytes": len(data),
                        "segments": coded,
                        "cross_entropy": round(predicted, 1),
                        "digest": digest(pyramids),
                        "exact": right,
                    }
                )
        words = [sys.executable, __file__, "decode", str(folder), "--threads", str(os.cpu_count())]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
    found = dict(line.split() for line in done.stdout.splitlines())
    for row in rows:
        row["same"] = found[row["file"]] == row["digest"]
    over = [row["segments"] / row["cross_entropy"] - 1 for row in rows]
    headers = [row["bytes"] - row["segments"] for row in rows]
    print(
        text_table(
            [
                ("files", "same subbands", "lossless ones exact", "over cross-entropy", "headers, preview"),
                (
                    str(len(rows)),
                    str(sum(row["same"] for row in rows)),
                    str(all(row["exact"] for row in rows)),
                    f"{100 * max(over):.2f} % at most",
                    f"{statistics.mean(headers):.0f} bytes",
                ),
            ]
        )
    )
    return {"files": rows}


def lossless(pictures: list[Path]) -> dict[str, Any]:
    """Compare the sizes of lossless files."""
    import imagecodecs

    rows = []
    for path in tqdm(pictures, desc="coding", unit=" pictures", disable=None):
        image = read_picture(path)
        rows.append(
            {
                "picture": path.name,
                "neural": len(j2klearn.encode(image, profile="neural", lossless=True)),
                "OpenJPEG 5/3": len(j2klearn.encode(image, model=None, lossless=True)),
                "JPEG XL": len(imagecodecs.jpegxl_encode(image, lossless=True, effort=7)),
            }
        )
    totals = {key: sum(row[key] for row in rows) for key in rows[0] if key != "picture"}
    base = totals["OpenJPEG 5/3"]
    table = [("codec", "bytes", "against the 5/3")]
    table += [(key, str(size), f"{100 * (size / base - 1):+.2f} %") for key, size in totals.items()]
    print(text_table(table))
    return {"pictures": rows, "totals": totals}


def speed(pictures: list[Path]) -> dict[str, Any]:
    """Time coding and decoding of the first picture with the neural profile, the EBCOT profile and OpenJPEG."""
    image = read_picture(pictures[0])
    cases: list[dict[str, Any]] = []
    for threads in sorted({1, os.cpu_count() or 1}):
        for what, coding in (
            ("neural, quality 30", {"profile": "neural", "quality": 30}),
            ("neural, lossless", {"profile": "neural", "lossless": True}),
            ("learned, EBCOT, 0.75 bpp", {"bpp": 0.75}),
            ("OpenJPEG 9/7, 0.75 bpp", {"model": None, "bpp": 0.75}),
        ):
            data = j2klearn.encode(image, threads=threads, **coding)  # warms up
            j2klearn.decode(data, threads=threads)
            seconds: tuple[list[float], list[float]] = ([], [])
            for _ in range(ROUNDS):
                begun = time.perf_counter()
                data = j2klearn.encode(image, threads=threads, **coding)
                coded = time.perf_counter()
                j2klearn.decode(data, threads=threads)
                seconds[0].append(coded - begun)
                seconds[1].append(time.perf_counter() - coded)
            encode, decode = (statistics.median(part) for part in seconds)
            cases.append({"what": what, "threads": threads, "encode": encode, "decode": decode})
    costs = {}
    for name in (DEFAULT_LOSSY, DEFAULT_LOSSLESS):
        model = resolve_entropy(name)
        cost = entropy_cost(model.config)
        costs[name] = {"weights": cost.parameters, "grey": cost.first, "rgb": cost.macs}
    rows = [("what", "threads", "encoding in s", "decoding in s")]
    rows += [(c["what"], str(c["threads"]), f"{c['encode']:.2f}", f"{c['decode']:.2f}") for c in cases]
    print(text_table(rows))
    for name, cost in costs.items():
        print(
            f"{name}: {cost['weights']} weights, {cost['grey'] / 1000:.1f} kMAC per grey pixel, "
            f"{cost['rgb'] / 1000:.1f} per pixel of RGB"
        )
    return {"picture": pictures[0].name, "shape": image.shape, "cases": cases, "models": costs}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "what", choices=("exact", "lossless", "speed", "decode"), help="what to measure; exact calls decode"
    )
    parser.add_argument("pictures", type=Path, help="folder of pictures")
    parser.add_argument("--threads", type=int, default=1, help="threads of decode (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="results (default: benchmarks/results/neural-WHAT.json)")
    options = parser.parse_args()
    if options.what == "decode":
        decode_folder(options.pictures, options.threads)
        return 0
    pictures = find_pictures([options.pictures])
    found = {"exact": exact, "lossless": lossless, "speed": speed}[options.what](pictures)
    made = made_by(f"python benchmarks/neural.py {options.what} PICTURES")
    path = options.json or RESULTS / f"neural-{options.what}.json"
    path.write_text(json.dumps({**made, **found}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
