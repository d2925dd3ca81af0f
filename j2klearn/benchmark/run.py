"""Run a benchmark: read the pictures, make the measurements in parallel, and store them."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..core.scalars import whole_number
from ..core.threads import default_threads
from ..errors import InputError, J2KError
from .codecs.base import Codec
from .codecs.registry import find_codec
from .measure import Task, read, start_worker
from .protocol import Protocol
from .store import Store, Values

__all__ = ["Picture", "Run", "find_pictures", "measure_all"]

#: Suffixes of the pictures in a folder.
_SUFFIXES = {".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True)
class Picture:
    """A picture of the benchmark.

    Attributes
    ----------
    name : str
        Unique in the run.
    path : Path
        The file.
    width, height : int
        Size in pixels.
    bits : int
        Significant bits per sample.
    digest : str
        SHA-256 of the samples.
    """

    name: str
    path: Path
    width: int
    height: int
    bits: int
    digest: str


@dataclass
class Run:
    """The measurements of a benchmark, and what could not be measured.

    Attributes
    ----------
    pictures : list of Picture
        Pictures that could be read.
    codecs : list of Codec
        Codecs that could be run.
    values : dict of str to dict of str to Values
        Measurements by codec and picture.
    skipped : list of dict
        ``picture`` and ``reason``, for pictures that could not be read or coded.
    missing : list of dict
        ``codec`` and ``reason``, for codecs that are not installed.
    """

    pictures: list[Picture] = field(default_factory=list)
    codecs: list[Codec] = field(default_factory=list)
    values: dict[str, dict[str, Values]] = field(default_factory=dict)
    skipped: list[dict[str, str]] = field(default_factory=list)
    missing: list[dict[str, str]] = field(default_factory=list)


def find_pictures(paths: Sequence[Path]) -> list[Path]:
    """Return the picture files among `paths` and in the folders among them, sorted by name within each folder.

    Raises
    ------
    InputError
        If there are no pictures.
    """
    files: list[Path] = []
    for path in paths:
        inside = path.is_dir()
        files += sorted(p for p in path.iterdir() if p.suffix.lower() in _SUFFIXES) if inside else [path]
    if not files:
        raise InputError("there are no pictures in " + ", ".join(str(path) for path in paths))
    return files


def _probe(files: Sequence[Path], protocol: Protocol, run: Run) -> None:
    """Read every picture once, so that unreadable ones are found before hours of work."""
    for path in tqdm(files, desc="pictures", unit="", leave=False, disable=None):
        try:
            image, bits = read(path, protocol)
        except InputError as error:
            run.skipped.append({"picture": path.name, "reason": str(error)})
            continue
        name, again = path.name, 2
        while any(picture.name == name for picture in run.pictures):
            name, again = f"{path.stem} ({again}){path.suffix}", again + 1
        digest = hashlib.sha256(np.ascontiguousarray(image).data).hexdigest()
        run.pictures.append(Picture(name, path, image.shape[1], image.shape[0], bits, digest))


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    # spawned, not forked: PyTorch's threads do not survive a fork
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=start_worker)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def measure_all(
    files: Sequence[Path],
    codecs: Sequence[str],
    protocol: Protocol,
    store: Store,
    *,
    workers: int | None = None,
) -> Run:
    """Measure every codec on every picture. Measurements that the store has are not repeated.

    Parameters
    ----------
    files : sequence of Path
        Pictures. Those that cannot be read, or that a codec cannot code, are listed in `Run.skipped`.
    codecs : sequence of str
        Names for `find_codec`. Codecs that are not installed are listed in `Run.missing`.
    protocol : Protocol
        The protocol of the measurements.
    store : Store
        Holds earlier measurements, and receives each new one at once.
    workers : int, optional
        Number of processes; 0: this process measures. Default: the number of processors.

    Returns
    -------
    Run
        The measurements.

    Raises
    ------
    OptionError
        If there is no codec of a name, or `workers` is not a number of processes.
    J2KError
        If a worker process was killed.
    """
    workers = default_threads() if workers is None else whole_number("workers", workers, 0)
    run = Run()
    tasks: list[tuple[Codec, Picture, Task]] = []
    _probe(files, protocol, run)
    for name in dict.fromkeys(codecs):
        codec = find_codec(name)
        if codec.missing:
            run.missing.append({"codec": codec.name, "reason": codec.missing})
            continue
        run.codecs.append(codec)
        measured = run.values.setdefault(codec.name, {})
        for picture in run.pictures:
            values = store.get(codec.name, codec.identity, picture.name, picture.digest)
            if values is None:
                tasks.append((codec, picture, Task(name, picture.path, protocol)))
            else:
                measured[picture.name] = values
    if tasks:
        _measure(tasks, run, store, min(workers, len(tasks)))
    return run


def _outcomes(
    tasks: Sequence[tuple[Codec, Picture, Task]], workers: int
) -> Iterator[tuple[Codec, Picture, Callable[[], Values]]]:
    """Yield each codec and picture when it is measured, with a function that returns the values or raises the error."""
    if not workers:
        for codec, picture, task in tasks:
            yield codec, picture, task.run
        return
    with _pool(workers) as pool:
        waiting: dict[Future[Values], tuple[Codec, Picture]] = {
            pool.submit(task.run): (codec, picture) for codec, picture, task in tasks
        }
        for future in as_completed(waiting):
            yield *waiting[future], future.result


def _measure(tasks: Sequence[tuple[Codec, Picture, Task]], run: Run, store: Store, workers: int) -> None:
    with tqdm(total=len(tasks), desc="measuring", unit=" curves", disable=None) as done:
        for codec, picture, outcome in _outcomes(tasks, workers):
            try:
                values = outcome()
            except BrokenProcessPool:
                raise J2KError(
                    "a worker process of the benchmark was killed, perhaps because memory ran out: use fewer workers"
                ) from None
            except J2KError as error:
                run.skipped.append({"picture": f"{picture.name} ({codec.name})", "reason": str(error)})
            else:
                store.put(codec.name, codec.identity, picture.name, picture.digest, values)
                run.values[codec.name][picture.name] = values
            done.update()
