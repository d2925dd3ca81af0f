"""Time and memory. The codecs take turns in one process, so that changes of the machine's load affect all of them."""

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

#: Height over width of the pictures that `sized` makes.
_ASPECT = 3 / 4


def sized(image: Samples, megapixels: float) -> Samples:
    """Return a picture of 4:3 with a given number of megapixels, made by mirroring and cropping another one."""
    height = max(1, round(math.sqrt(megapixels * 1e6 * _ASPECT)))
    width = max(1, round(megapixels * 1e6 / height))
    for axis, wanted in enumerate((height, width)):
        while image.shape[axis] < wanted:
            image = np.concatenate([image, np.flip(image, axis)], axis)
    return np.ascontiguousarray(image[:height, :width])


class _Timings:
    """The times of one codec's encoding, or of its decoding, and of the stages."""

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
    """Return the peak resident memory in bytes.

    On Linux it is read from /proc, because the value of getrusage includes the memory of the parent at the fork.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _limit_threads(threads: int) -> int:
    """Limit PyTorch's threads, which `encode` and `decode` do not change; return the previous number."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    return before


def _work(codec: str, threads: int, source: Path, rate: float, bit_depth: int) -> int:
    """Encode a picture in NumPy's format, or decode any other file; return the peak memory of this fresh process."""
    _limit_threads(threads)
    found = find_codec(codec, threads)
    if source.suffix == ".npy":
        found.single(np.load(source), [rate], bit_depth)
    else:
        found.decode(source.read_bytes())
    return _peak_of_this_process()


def _peak(codec: str, threads: int, source: Path, rate: float, bit_depth: int) -> int | None:
    if isinstance(find_codec(codec), OpenJpegTools):
        return None  # it runs programs, whose memory is not counted
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
    for codec in codecs.values():  # warm up: load libraries and models
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
    """Measure the encoding of samples to a file in memory, and its decoding.

    Parameters
    ----------
    names : sequence of str
        Names of JPEG 2000 codecs for `find_codec`; `anchor` must be one of them.
    image : ndarray
        Picture, mirrored or cropped to each size.
    anchor : str
        The codec that the ratios of times refer to.
    sizes : sequence of float
        Megapixels.
    threads : sequence of int
        Numbers of threads; empty: all processors. All sizes are measured with the largest number, and all numbers with
        the size nearest to 12 megapixels.
    rate : float
        Bits per pixel.
    rounds : int
        Number of timings of each case.
    bit_depth : int
        Significant bits per sample.

    Returns
    -------
    dict
        ``rounds``, ``anchor``, ``threads`` (the largest number), ``rate`` and ``cases``: one for each codec, size and
        number of threads. A case has ``encode`` and ``decode``, each with the median and the spread in seconds,
        megapixels per second, the ratio to the anchor, the peak memory in bytes of a fresh process that does only this
        (None for programs), and the shares of the stages.
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
