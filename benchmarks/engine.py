"""What the native engine takes and keeps: time, latency, memory, exactness, and damaged input. One command each.

    python benchmarks/engine.py ratios --pictures FOLDER      # times of OpenJPEG's 9/7, coding and decoding at 1 bpp
    python benchmarks/engine.py stages --pictures FOLDER      # ns per pixel of each stage of decoding
    python benchmarks/engine.py region --pictures FOLDER      # 256 x 256 of a tiled picture of 8192 x 8192
    python benchmarks/engine.py process --pictures FOLDER     # `j2klearn decode` of a small file, as a process
    python benchmarks/engine.py memory --pictures FOLDER      # peak of decoding 12 megapixels
    python benchmarks/engine.py growth --pictures FOLDER      # memory after many decodes
    python benchmarks/engine.py exact --pictures FOLDER       # all instruction sets and threads against the definition
    python benchmarks/engine.py damage --pictures FOLDER      # mutated files and model files
    python benchmarks/engine.py chroma --pictures FOLDER      # learned steps of chroma's finest level: on, off, chosen

Times of one thread are those of the processor, others are elapsed; all are medians. ``ratios`` and ``stages`` run once
for each instruction set of ``--cpu``, in processes with J2KLEARN_CPU. With ``--out FILE`` the results are also stored
in FILE, as JSON by command. Pictures are put side by side to make larger ones.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

import j2klearn
from j2klearn.core.geometry import Rect
from j2klearn.core.processor import VARIABLE
from j2klearn.core.timing import StageClock
from j2klearn.errors import J2KError
from j2klearn.io.pictures import read_picture
from j2klearn.metrics.psnr import psnr
from j2klearn.models.registry import DEFAULT_MODEL, resolve, shipped
from j2klearn.native.picture import LearnedPicture, Models

Samples = NDArray[np.uint8]

BPP = 1
_LEARNED = "hybrid97-9c-compact"
_SIZES = {2: (1152, 1728), 12: (3000, 4000)}  # height and width, by megapixels
_SUFFIXES = {".png", ".tif", ".ppm", ".bmp"}
_ADDRESS_SPACE = 2 << 30  # bytes that a process may allocate beyond what it has
_SECONDS = 60  # for a batch of damaged files
_BATCH = 50


def pictures(folder: Path, limit: int | None = None) -> Iterator[tuple[str, Samples]]:
    """Yield the names and the RGB samples of the pictures in a folder, evenly chosen if there are more than `limit`."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    step = max(1, len(paths) // limit) if limit else 1
    for path in paths[::step][:limit]:
        samples = read_picture(path)
        if samples.ndim == 3 and samples.shape[2] == 3 and samples.dtype == np.uint8:
            yield path.name, samples


def mosaic(folder: Path, height: int, width: int) -> Samples:
    """Return a picture of a size, made of the pictures in a folder side by side, repeated if they are too few."""
    found = [samples for _, samples in pictures(folder, 24)]
    if not found:
        raise SystemExit(f"{folder} has no RGB pictures of 8 bits")
    side = min(min(samples.shape[:2]) for samples in found)
    out = np.empty((height, width, 3), np.uint8)
    at = 0
    for y in range(0, height, side):
        for x in range(0, width, side):
            part = out[y : y + side, x : x + side]
            part[...] = found[at % len(found)][: part.shape[0], : part.shape[1]]
            at += 1
    return out


def measured(bodies: dict[str, Callable[[], object]], runs: int, threads: int) -> dict[str, float]:
    """Return the median time of each body in seconds. The bodies take turns, so that they see the same machine."""
    clock = time.process_time if threads == 1 else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in bodies}
    for _ in range(runs):
        for name, body in bodies.items():
            start = clock()
            body()
            times[name].append(clock() - start)
    return {name: median(each) for name, each in times.items()}


def limited(command: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run an inner command once for each instruction set of ``--cpu``; return the results by set."""
    found = {}
    for cpu in options.cpu:
        environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
        if cpu != "best":
            environment[VARIABLE] = cpu
        words = [sys.executable, __file__, command, "--pictures", options.pictures, "--runs", options.runs]
        sizes = ["--megapixels", *options.megapixels, "--threads", *options.threads]
        done = subprocess.run(
            [str(word) for word in [*words, *sizes]], env=environment, stdout=subprocess.PIPE, check=True
        )
        found[cpu] = json.loads(done.stdout)
    return found


def ratios_here(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure coding and decoding in this process, as multiples of the time of OpenJPEG's 9/7."""
    rows = []
    for megapixels in options.megapixels:
        image = mosaic(options.pictures, *_SIZES[megapixels])
        for threads in options.threads:
            plain = j2klearn.encode(image, bpp=BPP, model=None, threads=threads)
            bare = j2klearn.encode(image, bpp=BPP, model=_LEARNED, threads=threads, fallback=False)
            full = j2klearn.encode(image, bpp=BPP, threads=threads, fallback=False)
            decoding = measured(
                {
                    "9-7": lambda data=plain, n=threads: j2klearn.decode(data, threads=n),
                    "learned": lambda data=bare, n=threads: j2klearn.decode(data, threads=n),
                    "draft": lambda data=full, n=threads: j2klearn.decode(data, threads=n, draft=True),
                    "default": lambda data=full, n=threads: j2klearn.decode(data, threads=n),
                },
                options.runs,
                threads,
            )
            how = {"bpp": BPP, "threads": threads, "fallback": False}
            coding = measured(
                {
                    "9-7": lambda x=image, n=threads: j2klearn.encode(x, bpp=BPP, model=None, threads=n),
                    "learned": lambda x=image, how=how: j2klearn.encode(x, model=_LEARNED, **how),
                    "default": lambda x=image, how=how: j2klearn.encode(x, **how),
                },
                max(1, options.runs // 2),
                threads,
            )
            for what, seconds in (("decoding", decoding), ("encoding", coding)):
                multiples = {name: value / seconds["9-7"] for name, value in seconds.items() if name != "9-7"}
                rows.append(
                    {
                        "megapixels": megapixels,
                        "threads": threads,
                        "what": what,
                        "openjpeg_seconds": round(seconds["9-7"], 4),
                        **{name: round(value, 2) for name, value in multiples.items()},
                    }
                )
    return rows


def ratios(options: argparse.Namespace) -> dict[str, Any]:
    """Print the multiples of OpenJPEG's time."""
    found = limited("ratios-here", options)
    print(f"{'cpu':9} MP threads {'':9} OpenJPEG  learned  draft  default")
    for cpu, rows in found.items():
        for row in rows:
            draft = f"{row['draft']:5.2f}x" if "draft" in row else "     -"  # of decoding alone
            print(
                f"{cpu:9} {row['megapixels']:2} {row['threads']:7} {row['what']:9} {row['openjpeg_seconds']:7.3f}s "
                f"{row['learned']:7.2f}x {draft} {row['default']:7.2f}x"
            )
    return found


def stages_here(options: argparse.Namespace) -> dict[str, float]:
    """Measure the stages of decoding in this process, in nanoseconds per pixel."""
    image = mosaic(options.pictures, *_SIZES[options.megapixels[0]])
    data = j2klearn.encode(image, bpp=BPP, fallback=False, threads=1)
    j2klearn.decode(data, threads=1)
    runs = []
    for _ in range(options.runs):
        start = time.perf_counter()
        with StageClock() as clock:
            j2klearn.decode(data, threads=1)
        total = time.perf_counter() - start
        runs.append({**clock.seconds, "rest": total - sum(clock.seconds.values()), "whole": total})
    pixels = image.shape[0] * image.shape[1]
    return {name: round(1e9 * median(run[name] for run in runs) / pixels, 1) for name in runs[0]}


def stages(options: argparse.Namespace) -> dict[str, Any]:
    """Print the stages of decoding on one thread."""
    found = limited("stages-here", options)
    for cpu, row in found.items():
        print(f"{cpu}: ns per pixel: " + ", ".join(f"{name} {value:.1f}" for name, value in row.items()))
    return found


def region(options: argparse.Namespace) -> dict[str, Any]:
    """Print the time of a region of a large tiled file, opened before and opened anew, and through the C interface."""
    with tempfile.TemporaryDirectory() as folder:
        path = options.file or Path(folder, "large.jp2")
        side = options.side
        if options.file is None:
            j2klearn.encode_file(mosaic(options.pictures, side, side), path, bpp=BPP, tile_size=512)
        rng = np.random.default_rng(0)
        places = [tuple(map(int, rng.integers(0, side - 256, 2))) for _ in range(options.runs + 1)]
        found: dict[str, Any] = {"learned": j2klearn.info(path).learned}
        for threads in options.threads:
            for name, draft in (("default", False), ("draft", True)):
                how = {"threads": threads, "draft": draft}
                found[f"{name}, {threads} threads"] = _region_times(path, places, how)
    for name, times in found.items():
        print(f"256 x 256 of {side} x {side}, ms, {name}: {times}")
    return found


def _region_times(path: Path, places: list[tuple[int, int]], how: dict[str, Any]) -> dict[str, float]:
    """Return the median times in milliseconds of regions: by each way of reading, in turns."""
    clock = time.process_time if how["threads"] == 1 else time.perf_counter
    picture = j2klearn.open(path, max_pixels=None, **how)
    native = LearnedPicture(path.read_bytes(), Models())
    times: dict[str, list[float]] = {"open": [], "anew": [], "C interface": []}
    for y, x in places:
        area = (y, x, y + 256, x + 256)
        bodies = {
            "open": lambda area=area: picture.read(area),
            "anew": lambda area=area: j2klearn.decode(path, region=area, max_pixels=None, **how),
            "C interface": lambda area=area: native.decode(area=Rect(*area), **how),
        }
        for way, body in bodies.items():
            start = clock()
            body()
            times[way].append(clock() - start)
    return {way: round(1000 * median(each[1:]), 1) for way, each in times.items()}


def process(options: argparse.Namespace) -> dict[str, Any]:
    """Print the time of ``j2klearn decode`` of a small file, and of the imports alone."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder, "small.jp2"), Path(folder, "out.png")
        path.write_bytes(j2klearn.encode(mosaic(options.pictures, 256, 256), bpp=BPP, fallback=False))
        commands = {
            "decode": ["-m", "j2klearn.cli", "decode", path, out],
            "decode, draft": ["-m", "j2klearn.cli", "decode", path, out, "--draft"],
            "import numpy": ["-c", "import numpy"],
        }
        found = {}
        for name, words in commands.items():
            walls, used = [], []
            for _ in range(options.runs):
                before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
                subprocess.run([sys.executable, *map(str, words)], stdout=subprocess.DEVNULL, check=True)
                walls.append(time.perf_counter() - start)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            found[name] = {"seconds": round(median(walls), 3), "of the processor": round(median(used), 3)}
    for name, row in found.items():
        print(f"{name}: {row['seconds']:.3f} s, {row['of the processor']:.3f} s of the processor")
    return found


def _status(field: str) -> int:
    """Return a field of /proc/self/status in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) * 1024


def memory_here(options: argparse.Namespace) -> dict[str, int]:
    """Decode a file in this process, which has done nothing else; return its memory before and at the peak."""
    j2klearn.decode(j2klearn.encode(np.zeros((64, 64, 3), np.uint8)), threads=1)  # loads code and models
    data = options.pictures.read_bytes()
    before = _status("VmRSS")
    j2klearn.decode(data, threads=options.threads[0])
    return {"before": before, "peak": _status("VmHWM")}


def memory(options: argparse.Namespace) -> dict[str, Any]:
    """Print the peak memory of decoding 12 megapixels, relative to the picture in float32."""
    shape = _SIZES[12]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture.jp2")
        path.write_bytes(j2klearn.encode(mosaic(options.pictures, *shape), bpp=BPP, fallback=False))
        words = [sys.executable, __file__, "memory-here", "--pictures", path, "--threads", options.threads[0]]
        done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, check=True)
    found = json.loads(done.stdout)
    picture = 4 * 3 * shape[0] * shape[1]
    row = {
        "peak_mib": round(found["peak"] / 2**20),
        "of_float32": round(found["peak"] / picture, 2),
        "without_the_process": round((found["peak"] - found["before"]) / picture, 2),
    }
    print(
        f"peak {row['peak_mib']} MiB, {row['of_float32']} times the float32 picture; {row['without_the_process']} "
        "times above the memory of the process before"
    )
    return row


def growth(options: argparse.Namespace) -> dict[str, Any]:
    """Decode a file many times, whole and in parts; print the resident memory meanwhile."""
    image = mosaic(options.pictures, 192, 256)
    data = j2klearn.encode(image, bpp=BPP, fallback=False)
    found = {}
    for at in range(1, options.count + 1):
        j2klearn.decode(data, threads=1 + at % 2)
        j2klearn.decode(data, region=(at % 90, 30, 150, 200))
        if at in (options.count // 10, options.count // 2, options.count):
            found[str(at)] = round(_status("VmRSS") / 2**20, 1)
    print(f"resident MiB after decodes: {found}")
    return found


def exact(options: argparse.Namespace) -> dict[str, Any]:
    """Compare operators and the network for de-quantisation with their definitions: all sets, 1, 2, 4, 7 threads."""
    from j2klearn.dequantisation.twin.definition import corrected
    from j2klearn.native.instructions import available_instructions
    from j2klearn.transform.integer.engine import native_operator
    from j2klearn.transform.integer.reference import lift

    model = resolve(DEFAULT_MODEL)
    assert model.twin is not None
    engine, network = model.transform, model.dequantiser_for_decoding
    twins = engine.twins  # type: ignore[attr-defined]
    parts = network.parts(3, ict=True)
    rng, real = (
        np.random.default_rng(options.seed),
        [samples for _, samples in pictures(options.pictures, 24)],
    )
    counts: Counter[str] = Counter()
    for at in range(options.count):
        height, width = rng.integers(1, 40, 2)
        if at % 2:
            source = real[at % len(real)]
            y, x = (int(rng.integers(0, side - 40)) for side in source.shape[:2])
            plane = source[y : y + height, x : x + width, at % 3].astype(np.float32) - 128
        else:
            plane = (rng.normal(0, 1, (height, width)) * 10.0 ** rng.integers(-2, 6)).astype(np.float32)
        if at % 3 == 0:
            operator, inputs, outputs = twins.h2l, 3, 1
        else:
            operator, inputs, outputs = twins.l2h, 1, 3
        rect = Rect(0, 0, int(height), int(width))
        sources = [[(np.roll(plane, step, 0), rect) for step in range(inputs)]]
        targets = [[(rng.normal(0, 30, plane.shape).astype(np.float32), rect) for _ in range(outputs)]]
        expected = [[(x.copy(), r) for x, r in own] for own in targets]
        lift(operator, sources, expected, -1, shared=True)
        native = native_operator(operator)
        part = parts[at % len(parts)]
        planes = np.stack([np.roll(plane, step, 1) for step in range(len(part.reads))])
        noises = [np.full((1, 1), rng.integers(-500, 1500), np.int16) for _ in part.writes]
        clean = corrected(part.network, planes, rect, noises)
        for name in available_instructions()[1:]:
            for threads in (1, 2, 4, 7):
                found = [[(x.copy(), r) for x, r in own] for own in targets]
                native.lift(sources, found, -1, shared=True, threads=threads, instructions=name)
                same = all(np.array_equal(a[0], b[0]) for a, b in zip(found[0], expected[0], strict=True))
                counts["lifting: equal" if same else "lifting: DIFFERENT"] += 1
                out = np.empty_like(clean)
                part.network.native.apply(
                    list(planes), list(out), rect, noises, threads=threads, instructions=name
                )
                counts[f"de-quantisation: {'equal' if np.array_equal(out, clean) else 'DIFFERENT'}"] += 1
    print(f"{options.count} planes: {dict(counts)}")
    return dict(counts)


def _mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Return data with some bytes changed, removed or repeated."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        at = int(rng.integers(0, min(len(out), 400) if rng.random() < 0.5 else len(out)))
        kind = int(rng.integers(0, 5))
        if kind == 0:
            out[at] = int(rng.integers(0, 256))
        elif kind == 1:
            out[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 2 and len(out) > 64:
            del out[at : at + int(rng.integers(1, 32))]
        elif kind == 3:
            out[at:at] = out[at : at + int(rng.integers(1, 32))]
        elif len(out) > 64:
            del out[max(64, at) :]
    return bytes(out)


def _read_damaged(kind: str, data: bytes) -> str:
    from j2klearn.models.model import Model

    try:
        if kind == "model":
            model = Model.from_bytes(data)
            if model.integer:
                model.engine.analyse(np.zeros((1, 9, 9), np.float32), Rect(0, 0, 9, 9), 1)
        else:
            j2klearn.decode(data, threads=1, max_pixels=1 << 20)
    except J2KError:
        return "refused"
    except MemoryError:
        return "out of memory"
    return "read"


def _batch(kind: str, seeds: list[int], originals: list[bytes]) -> Counter[str]:
    """Read a batch of damaged files in a child with limits; return how they ended."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + _ADDRESS_SPACE, used + _ADDRESS_SPACE))
        signal.alarm(_SECONDS)
        ends: Counter[str] = Counter()
        try:
            for seed in seeds:
                rng = np.random.default_rng(seed)
                try:
                    ends[_read_damaged(kind, _mutated(originals[seed % len(originals)], rng))] += 1
                except BaseException as error:  # anything else is a fault, which is counted
                    ends[f"FAULT {type(error).__name__}"] += 1
                    print(f"seed {seed}: {type(error).__name__}: {error}", file=sys.stderr)
            os.write(writer, json.dumps(ends).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        text = stream.read()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status) or not text:
        print(f"{kind}: a process with the seeds from {seeds[0]} died: status {status}", file=sys.stderr)
        return Counter({"DIED": len(seeds)})
    return Counter(json.loads(text))


def damage(options: argparse.Namespace) -> dict[str, Any]:
    """Read mutated files and model files in forked processes; print how they ended."""
    import warnings

    warnings.simplefilter("ignore")
    image = mosaic(options.pictures, 96, 112)
    files = [
        j2klearn.encode(image, bpp=BPP, fallback=False),
        j2klearn.encode(image, bpp=[0.5, 2], tile_size=48, fallback=False),
        j2klearn.encode(image[..., 0], bpp=8, model=f"{_LEARNED}-int", embed_model=True, fallback=False),
        j2klearn.encode(image, bpp=BPP, model="hybrid53-9c-compact", fallback=False),
    ]
    models = [model.to_bytes() for model in shipped().values()]
    j2klearn.decode(files[0])
    found = {}
    for kind, originals in (("file", files), ("model", models)):
        ends: Counter[str] = Counter()
        for start in range(0, options.count, _BATCH):
            seeds = list(range(options.seed + start, options.seed + min(options.count, start + _BATCH)))
            ends += _batch(kind, seeds, originals)
        found[kind] = dict(ends)
    print(f"damaged: {found}")
    return found


@contextlib.contextmanager
def _forced(value: bool | None) -> Iterator[None]:
    """Make the choice for chroma, or leave it to the encoder."""
    from unittest import mock

    from j2klearn.ebcot import coders

    if value is None:
        yield
        return
    with mock.patch.object(coders, "prefers_base_chroma", return_value=value):
        yield


def chroma(options: argparse.Namespace) -> dict[str, Any]:
    """Print the PSNR with learned steps at the finest level of chroma, and what it changes to leave them out."""
    rates = (0.5, 1, 2)
    rows = []
    for name, image in pictures(options.pictures, options.limit):
        row = []
        for bpp in rates:
            values = []
            for value in (False, True, None):
                with _forced(value):
                    data = j2klearn.encode(image, bpp=bpp, fallback=False, threads=1)
                values.append(psnr(image, j2klearn.decode(data, threads=1), 8))
            row.append([values[0], values[1] - values[0], values[2] - values[0]])
        rows.append(row)
        print(
            name,
            *(f"{bpp} bpp: {a:.2f} {b:+.3f} {c:+.3f} dB" for bpp, (a, b, c) in zip(rates, row, strict=True)),
        )
    mean = np.mean(np.array(rows), 0)
    found = {str(bpp): [round(float(v), 3) for v in each] for bpp, each in zip(rates, mean, strict=True)}
    print(f"mean PSNR with the steps, change without them, change as chosen: {found}")
    return found


COMMANDS: dict[str, Callable[[argparse.Namespace], Any]] = {
    "ratios": ratios,
    "stages": stages,
    "region": region,
    "process": process,
    "memory": memory,
    "growth": growth,
    "exact": exact,
    "damage": damage,
    "chroma": chroma,
}

#: Commands that the others run in processes of their own; they print JSON.
INNER = {"ratios-here": ratios_here, "stages-here": stages_here, "memory-here": memory_here}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=[*COMMANDS, *INNER], metavar="COMMAND", help=", ".join(COMMANDS))
    parser.add_argument(
        "--pictures", type=Path, required=True, metavar="FOLDER", help="RGB pictures of 8 bits"
    )
    parser.add_argument("--megapixels", type=int, nargs="+", choices=_SIZES, default=[2, 12])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--cpu", nargs="+", default=["best", "avx2"], help="instruction sets, or best")
    parser.add_argument("--runs", type=int, default=5, help="runs of which the median is taken")
    parser.add_argument(
        "--count", type=int, default=1000, help="planes, decodes, or damaged files of each kind"
    )
    parser.add_argument("--side", type=int, default=8192, help="side of the picture of `region`")
    parser.add_argument("--file", type=Path, help="the file of `region`, in place of one that is made")
    parser.add_argument("--limit", type=int, default=8, help="pictures of `chroma`")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, metavar="FILE")
    options = parser.parse_args()
    if options.command in INNER:
        print(json.dumps(INNER[options.command](options)))
        return
    found = COMMANDS[options.command](options)
    if options.out:
        stored = json.loads(options.out.read_text()) if options.out.exists() else {}
        name = options.command
        if name == "chroma":
            name += f" {options.pictures.name}"
        options.out.write_text(json.dumps({**stored, name: found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
