"""Speed of a collection by the number of processes, and the effect of a killed worker.

    python benchmarks/batch.py [--pictures 60] [--rounds 3]

Codes photographs of 768 x 512 (parts of the one that comes with glymur, also mirrored): one after the other in this
process; with `encode_batch` and one or two processes in alternation; and on a Dask cluster of two local workers, one of
which is killed after a third of the pictures. Times are those of whole runs, including the start of the processes.
Every run must write the same files, each file once.

Two processes are no faster than one if another program uses the second processor. Rounds in which other programs used
more than a twentieth of the machine are printed but do not count. They are repeated, up to three times as many rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import glymur
import numpy as np
import psutil
from PIL import Image
from tqdm import tqdm

from j2klearn.api.convert import convert
from j2klearn.api.options import EncodeOptions
from j2klearn.batch import Summary, encode_batch
from j2klearn.batch.jobs import find_jobs
from j2klearn.batch.journal import JOURNAL
from j2klearn.batch.work import use_one_thread
from j2klearn.benchmark.environment import made_by

RESULT = Path(__file__).parent / "results" / "batch.json"
HEIGHT, WIDTH = 512, 768

#: Largest share of the machine that other programs may use in a round that counts.
QUIET = 0.05


def write_pictures(folder: Path, count: int) -> None:
    photograph = np.asarray(glymur.Jp2k(glymur.data.nemo())[:])
    rows, columns = photograph.shape[0] - HEIGHT, photograph.shape[1] - WIDTH
    for index in range(count):
        y, x = index * 397 % rows, index * 631 % columns
        piece = photograph[y : y + HEIGHT, x : x + WIDTH]
        path = folder / f"{index % 4}" / f"{index:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(piece[:, ::-1] if index % 2 else piece).save(path)


def one_by_one(source: Path, target: Path, bpp: float) -> float:
    use_one_thread()
    start = time.perf_counter()
    for job in tqdm(find_jobs(source, target).jobs, desc="one by one", leave=False, disable=None):
        Path(job.target).parent.mkdir(parents=True, exist_ok=True)
        convert(Path(job.source), Path(job.target), EncodeOptions(bpp=bpp, threads=1))
    return time.perf_counter() - start


def in_processes(source: Path, target: Path, bpp: float, processes: int) -> tuple[float, float]:
    """Return the time of a run, and the share of all processors that other programs used meanwhile."""
    start, busy = time.perf_counter(), _busy_elsewhere()
    encode_batch(source, target, processes=processes, bpp=bpp)
    seconds = time.perf_counter() - start
    return seconds, (_busy_elsewhere() - busy) / (seconds * (os.cpu_count() or 1))


def _busy_elsewhere() -> float:
    """Return the processor time of other programs: all that was not idle, less ours and that of our ended children."""
    machine, ours = psutil.cpu_times(), os.times()
    busy = (
        sum(machine) - machine.idle - machine.iowait - machine.guest - machine.guest_nice
    )  # the times of guests are included in those of users
    return busy - (ours.user + ours.system + ours.children_user + ours.children_system)


@dataclass
class Round:
    """The times of one and of two processes, and the larger share of the machine that other programs used."""

    one: float
    two: float
    others: float


def in_turn(source: Path, folder: Path, bpp: float, number: int) -> Round:
    """Code the pictures by one and by two processes. The order alternates, because the second run has cached files."""
    found = {}
    for processes in (1, 2) if number % 2 == 0 else (2, 1):
        found[processes] = in_processes(source, folder / f"{processes}-{number}", bpp, processes)
    return Round(found[1][0], found[2][0], max(others for _, others in found.values()))


def in_quiet_rounds(source: Path, folder: Path, bpp: float, count: int) -> tuple[list[Round], list[Round]]:
    """Return all rounds, and those that count: the quiet ones, or all if no round was quiet."""
    rounds: list[Round] = []
    quiet: list[Round] = []
    while len(quiet) < count and len(rounds) < 3 * count:
        rounds.append(in_turn(source, folder, bpp, len(rounds)))
        quiet = [one for one in rounds if one.others < QUIET]
    return rounds, quiet or rounds


class LocalCluster:
    """A Dask scheduler and two workers on this machine."""

    def __init__(self, folder: Path) -> None:
        file = folder / "scheduler.json"
        common = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file)]
        self.log = (folder / "cluster.log").open("wb")
        self.scheduler = self._start("scheduler", "--port", "0", "--dashboard-address", ":0", *common)
        while not file.exists() or not file.read_text().endswith("}"):
            if self.scheduler.poll() is not None:
                raise SystemExit("the Dask scheduler did not start: " + Path(self.log.name).read_text())
            time.sleep(0.05)
        self.address = json.loads(file.read_text())["address"]
        self.workers = [self._start("worker", "--nthreads", "1", "--no-nanny", *common) for _ in range(2)]

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "dask", *words]
        return subprocess.Popen(command, stdout=self.log, stderr=self.log, env=environment)

    def __enter__(self) -> LocalCluster:
        return self

    def __exit__(self, *error: object) -> None:
        for process in (self.scheduler, *self.workers):
            process.kill()
            process.wait()
        self.log.close()


def on_a_cluster(source: Path, target: Path, bpp: float, folder: Path) -> tuple[float, Summary]:
    with LocalCluster(folder) as cluster:

        def kill_one(summary: Summary) -> None:
            if summary.done == summary.total // 3:
                cluster.workers[0].kill()

        start = time.perf_counter()
        summary = encode_batch(source, target, scheduler=cluster.address, progress=kill_one, bpp=bpp)
        return time.perf_counter() - start, summary


def files(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name != JOURNAL}


def once_each(folder: Path) -> bool:
    """Return whether the journal has exactly one line for each file."""
    lines = (folder / JOURNAL).read_text().splitlines()
    return sorted(json.loads(line)["output"] for line in lines) == sorted(files(folder))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=60, help="number of pictures (default: %(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=3, help="quiet rounds of one and two processes (default: %(default)s)"
    )
    parser.add_argument("--bpp", type=float, default=1.0, help="bits per pixel (default: %(default)s)")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "pictures"
        write_pictures(source, options.pictures)
        alone = one_by_one(source, folder / "sequential", options.bpp)
        expected = files(folder / "sequential")
        rounds, counted = in_quiet_rounds(source, folder, options.bpp, options.rounds)
        runs = [folder / f"{processes}-{number}" for number in range(len(rounds)) for processes in (1, 2)]
        out = folder / "cluster"
        clustered, summary = on_a_cluster(source, out, options.bpp, folder)
        runs.append(out)
        equal = all(files(run) == expected for run in runs)
        once = all(once_each(run) for run in runs)
    ratios = [one.one / one.two for one in counted]
    megapixels = options.pictures * HEIGHT * WIDTH / 1e6
    result = {
        **made_by(f"python benchmarks/batch.py --pictures {options.pictures} --rounds {options.rounds}"),
        "load": load,
        "pictures": options.pictures,
        "megapixels": megapixels,
        "bpp": options.bpp,
        "sequential_s": alone,
        "rounds": [asdict(one) for one in rounds],
        "counted": [asdict(one) for one in counted],
        "scaling": median(ratios),
        "cluster_s": clustered,
        "cluster_written": summary.written,
        "equal": equal,
        "once": once,
    }
    print(f"{options.pictures} pictures, {megapixels:.1f} MP; load before the run {load:.1f}")
    print(f"one by one in one process  {alone:6.1f} s  {megapixels / alone:.2f} MP/s")
    for processes, seconds in ((1, [one.one for one in counted]), (2, [one.two for one in counted])):
        typical = median(seconds)
        print(f"encode_batch, processes={processes}  {typical:6.1f} s  {megapixels / typical:.2f} MP/s")
    print(f"two Dask workers, one killed  {clustered:6.1f} s, {summary}")
    print(f"from 1 to 2 processes: {median(ratios):.2f} x (rounds: {', '.join(f'{r:.2f}' for r in ratios)})")
    print(
        "all rounds: "
        + ", ".join(f"{one.one / one.two:.2f} ({one.others:.0%} for other programs)" for one in rounds)
    )
    print(f"all files equal to those coded one by one: {equal}; each written once: {once}")
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    return 0 if equal and once else 1


if __name__ == "__main__":
    sys.exit(main())
