"""Time and memory on a 12-megapixel RGB picture at 1 bpp, against OpenJPEG doing the same alone.

    python benchmarks/speed.py [--rounds 5] [--json FILE]

The picture is glymur's ``nemo.jp2`` mirrored to 3000 x 4000 pixels. Both codecs run in turn in one process, with as
many threads as there are processors, the model loaded; ratios are those of the medians. Peak memory is measured in a
fresh process per codec and direction, and given as a multiple of the picture in float32.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import glymur
import numpy as np
from numpy.typing import NDArray
from rate_distortion import provenance

import j2klearn
from j2klearn.encoder import DEFAULT_MODEL

SIZE = (3000, 4000)


def picture() -> NDArray[np.uint8]:
    nemo = glymur.Jp2k(glymur.data.nemo())[:]
    pads = [(0, max(0, wanted - have)) for wanted, have in zip(SIZE, nemo.shape, strict=False)]
    return np.pad(nemo, [*pads, (0, 0)], mode="symmetric")[: SIZE[0], : SIZE[1]]


def timed(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak(direction: str, model: str | None) -> float:
    """Return the peak resident memory of a fresh process, in bytes."""
    command = [sys.executable, __file__, "--measure-peak", direction, "--model", model or "none"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1]) * 1024


def peak_of_this_process() -> int:
    """Return the peak resident memory in KiB; what getrusage says includes the parent at the time of the fork."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(
            next(line for line in status.read_text().splitlines() if line.startswith("VmHWM")).split()[1]
        )
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure_peak(direction: str, model: str | None) -> None:
    image = picture()
    data = j2klearn.encode(image[:64, :64], bpp=1, model=model)
    j2klearn.decode(data)
    if direction == "encode":
        j2klearn.encode(image, bpp=1, model=model)
    else:
        path = Path(f"{__file__}.{model}.tmp.jp2")
        try:
            # coded in a process of its own, so that only decoding counts here
            code = (
                "import sys, pathlib; sys.path.insert(0, sys.argv[1]); import speed, j2klearn; "
                "model = None if sys.argv[3] == 'None' else sys.argv[3]; "
                "pathlib.Path(sys.argv[2]).write_bytes(j2klearn.encode(speed.picture(), bpp=1, model=model))"
            )
            folder = str(Path(__file__).parent)
            subprocess.run([sys.executable, "-c", code, folder, str(path), str(model)], check=True)
            del image
            j2klearn.decode(path)
        finally:
            path.unlink(missing_ok=True)
    print(peak_of_this_process())


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--measure-peak", choices=("encode", "decode"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    model = None if options.model == "none" else options.model
    if options.measure_peak:
        measure_peak(options.measure_peak, model)
        return 0
    image = picture()
    files = {name: j2klearn.encode(image, bpp=1, model=name) for name in (model, None)}
    times: dict[tuple[str, str | None], list[float]] = {}
    for _ in range(options.rounds):
        for name in (model, None):
            times.setdefault(("encode", name), []).append(
                timed(lambda name=name: j2klearn.encode(image, bpp=1, model=name))
            )
            times.setdefault(("decode", name), []).append(
                timed(lambda name=name: j2klearn.decode(files[name]))
            )
    float32 = image.size * 4
    result = {**provenance(), "pixels": SIZE[0] * SIZE[1], "bpp": 1, "model": model}
    for direction in ("encode", "decode"):
        ours, theirs = times[direction, model], times[direction, None]
        ratio = statistics.median(ours) / statistics.median(theirs)
        memory = peak(direction, model) / float32
        result[direction] = {"ratio": ratio, "seconds": ours, "openjpeg_seconds": theirs, "memory": memory}
        print(
            f"{direction}: {statistics.median(ours):.2f} s ({min(ours):.2f} to {max(ours):.2f}), "
            f"OpenJPEG {statistics.median(theirs):.2f} s ({min(theirs):.2f} to {max(theirs):.2f}), "
            f"ratio {ratio:.2f}; peak memory {memory:.2f} x the float32 picture"
        )
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
