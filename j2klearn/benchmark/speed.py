"""Time and memory: every codec in turn, round after round in one process, so that they share the machine's moods."""

from __future__ import annotations

import math
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ..core.threads import default_threads
from ..core.timing import StageClock
from .codecs.base import Codec
from .codecs.programs import OpenJpegTools
from .codecs.registry import find_codec

__all__ = ["measure", "sized"]

T = TypeVar("T")
Samples = NDArray[Any]

#: Height over width of pictures made to size.
_SHAPE = 3 / 4


def sized(image: Samples, megapixels: float) -> Samples:
    """Return a picture of a given size, made from another by mirroring it and cutting off the rest."""
    height = max(1, round(math.sqrt(megapixels * 1e6 * _SHAPE)))
    width = max(1, round(megapixels * 1e6 / height))
    for axis, wanted in enumerate((height, width)):
        while image.shape[axis] < wanted:
            image = np.concatenate([image, np.flip(image, axis)], axis)
    return np.ascontiguousarray(image[:height, :width])


class _Timings:
    """The times of one codec doing one thing, and of its stages."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.stages: dict[str, float] = {}

    def time(self, work: Callable[[], T]) -> T:
        with StageClock() as clock:
            start = time.perf_counter()
            result = work()
            self.seconds.append(time.perf_counter() - start)
        for name, seconds in clock.seconds.items():
            self.stages[name] = self.stages.get(name, 0.0) + seconds
        return result

    def summary(self, anchor: _Timings, megapixels: float, peak: int | None) -> dict[str, Any]:
        median, whole = statistics.median(self.seconds), sum(self.seconds)
        return {
            "median_s": median,
            "spread_s": [min(self.seconds), max(self.seconds)],
            "mp_per_s": megapixels / median,
            "ratio": median / statistics.median(anchor.seconds),
            "peak_bytes": peak,
            "stages": {name: seconds / whole for name, seconds in self.stages.items()},
        }


def _peak_of_this_process() -> int:
    """Return the peak resident memory in bytes; what getrusage says includes the parent's at the start."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _limit_threads(threads: int) -> int:
    """Bound PyTorch's threads too, which `encode` and `decode` leave as they are; return how many there were."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    return before


def _work(codec: str, threads: int, source: Path, rate: float, bit_depth: int) -> int:
    """Do one thing in a fresh process: encode a picture in NumPy's format, or decode any other file."""
    _limit_threads(threads)
    found = find_codec(codec, threads)
    if source.suffix == ".npy":
        found.single(np.load(source), [rate], bit_depth)
    else:
        found.decode(source.read_bytes())
    return _peak_of_this_process()


def _peak(codec: str, threads: int, source: Path, rate: float, bit_depth: int) -> int | None:
    if isinstance(find_codec(codec), OpenJpegTools):
        return None  # it works in processes of its own
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_work, codec, threads, source, rate, bit_depth).result()


def _case(
    names: Sequence[str],
    image: Samples,
    threads: int,
    rate: float,
    rounds: int,
    bit_depth: int,
    anchor: str,
    advance: Callable[[], object],
) -> list[dict[str, Any]]:
    """Measure all codecs on one picture with one number of threads."""
    codecs: dict[str, Codec] = {name: find_codec(name, threads) for name in names}
    times = {name: (_Timings(), _Timings()) for name in names}
    files: dict[str, bytes] = {}
    for codec in codecs.values():  # once for nothing: libraries, models
        codec.decode(codec.single(image[:128, :128], [rate], bit_depth)[0])
    for _ in range(rounds):
        for name, codec in codecs.items():
            encoding, decoding = times[name]
            (files[name],) = encoding.time(lambda codec=codec: codec.single(image, [rate], bit_depth))  # type: ignore[misc]
            decoding.time(lambda codec=codec, name=name: codec.decode(files[name]))  # type: ignore[misc]
            advance()
    megapixels = image.shape[0] * image.shape[1] / 1e6
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder, "picture.npy")
        np.save(picture, image)
        for name, codec in codecs.items():
            coded = Path(folder, "picture.jp2")
            coded.write_bytes(files[name])
            peaks = [_peak(name, threads, source, rate, bit_depth) for source in (picture, coded)]
            both = {
                work: times[name][at].summary(times[anchor][at], megapixels, peaks[at])
                for at, work in enumerate(("encode", "decode"))
            }
            label = f"{megapixels:.3g} MP"
            case = {"codec": codec.name, "picture": label, "megapixels": megapixels, "bpp": rate}
            cases.append({**case, "threads": threads, "components": np.atleast_3d(image).shape[2], **both})
            advance()
    return cases


def measure(
    names: Sequence[str],
    image: Samples,
    anchor: str,
    *,
    sizes: Sequence[float] = (12.0,),
    threads: Sequence[int] = (),
    rate: float = 1.0,
    rounds: int = 5,
    bit_depth: int = 8,
) -> dict[str, Any]:
    """Measure encoding and decoding, whole pictures from samples to files in memory and back.

    Parameters
    ----------
    names : sequence of str
        Codecs of JPEG 2000, as for `find_codec`, `anchor` among them.
    image : ndarray
        Mirrored or cut to each size.
    anchor : str
        The codec whose times the ratios are to.
    sizes : sequence of float
        Megapixels.
    threads : sequence of int
        Numbers of threads; all processors if empty. Sizes are measured with the largest number, and all numbers with
        the size nearest to 12 megapixels.
    rate : float
        Bits per pixel.
    rounds : int
        How often each is timed.
    bit_depth : int
        Bits per sample.

    Returns
    -------
    dict
        ``rounds``, ``anchor``, ``threads`` (the largest number) and ``cases``: one for each codec, size and number of
        threads with ``encode`` and ``decode``: median, spread, megapixels per second, ratio, peak memory of a fresh
        process that does this alone, and the shares of the stages.
    """
    counts = sorted(set(threads)) or [default_threads()]
    middle = min(sizes, key=lambda size: abs(size - 12))
    plan = [
        (size, count) for size in sorted(sizes) for count in counts if count == counts[-1] or size == middle
    ]
    cases: list[dict[str, Any]] = []
    before = _limit_threads(counts[-1])
    with tqdm(total=len(plan) * len(names) * (rounds + 1), desc="speed", unit="", disable=None) as done:
        for size, count in plan:
            _limit_threads(count)
            cases += _case(names, sized(image, size), count, rate, rounds, bit_depth, anchor, done.update)
    _limit_threads(before)
    return {"rounds": rounds, "anchor": anchor, "threads": counts[-1], "rate": rate, "cases": cases}
