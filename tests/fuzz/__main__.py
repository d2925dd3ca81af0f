"""Run fuzz targets, one after the other, and print a table of what they did.

    python -m tests.fuzz [--seconds N] [TARGET ...]

`make fuzz` builds the native targets first. The inputs that were found are kept in build/fuzz/corpus/, those that crash
in build/fuzz/crashes/. The status is 1 if an input crashes a target.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.targets import TARGETS

_ROOT = Path(__file__).parents[2]
_SEEDS = Path(__file__).with_name("seeds")
_BUILD = _ROOT / "build" / "fuzz"
_PROGRAM = _BUILD / "j2kl_fuzz"

#: The native targets (native/fuzz/targets.hpp), and the folder of their seeds.
NATIVE = {
    "main_header": "files",
    "tile_parts": "files",
    "packet_headers": "files",
    "repair": "files",
    "transport": "files",
    "segment": "segments",
    "json": "json",
    "model_file": "models",
    "picture": "files",
    "integers": "models",
}

#: Limits of one input: seconds by the clock, and MiB of the whole process. Sanitizers need several times of both.
_SECONDS, _MEMORY = 30, 2048

#: Bytes of the largest input.
LARGEST_INPUT = 8192

#: Native targets whose inputs end in eight bytes of options.
_WITH_OPTIONS = ("transport", "picture")

_PROGRESS = re.compile(r"#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+)")


class Outcome(NamedTuple):
    """What a target did."""

    name: str
    executions: int
    rate: float
    edges: int
    features: int
    new: int
    crashes: list[Path]
    failed: bool


def _seeds(name: str) -> Path:
    """Return the folder with the seeds of a target."""
    place = _SEEDS / (NATIVE[name] if name in NATIVE else TARGETS[name].seeds)
    if name not in _WITH_OPTIONS:
        return place
    made = _BUILD / "seeds"
    made.mkdir(parents=True, exist_ok=True)
    for path in place.iterdir():
        (made / path.name).write_bytes(path.read_bytes() + bytes(8))
    return made


def run(name: str, seconds: int) -> Outcome:
    """Fuzz one target."""
    native = name in NATIVE
    corpus, crashes = _BUILD / "corpus" / name, _BUILD / "crashes"
    for folder in (corpus, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    before, known = set(corpus.iterdir()), set(crashes.iterdir())
    command = [str(_PROGRAM)] if native else [sys.executable, "-m", "tests.fuzz.targets"]
    command += [
        str(corpus),
        str(_seeds(name)),
        f"-dict={_SEEDS.parent / 'words.dict'}",
        f"-max_total_time={seconds}",
        f"-max_len={LARGEST_INPUT}",
        f"-timeout={_SECONDS}",
        f"-report_slow_units={_SECONDS}",
        f"-rss_limit_mb={_MEMORY}",
        f"-artifact_prefix={crashes}/{name}-",
        "-print_final_stats=1",
    ]
    environment = os.environ | {
        "J2KL_FUZZ_TARGET": name,
        "J2K_FUZZ_TARGET": name,
        "OMP_NUM_THREADS": "1",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
        "PYTHONPATH": str(_ROOT),
    }
    log = _BUILD / f"{name}.log"
    with log.open("wb") as stream:
        status = subprocess.run(command, stdout=stream, stderr=stream, env=environment, cwd=_ROOT).returncode
    text = log.read_text("utf-8", "replace")
    progress = _PROGRESS.findall(text)
    executions, edges, features = (int(value) for value in progress[-1]) if progress else (0, 0, 0)
    counted = re.search(r"stat::number_of_executed_units: (\d+)", text)
    executions = int(counted[1]) if counted else executions
    found = sorted(set(crashes.iterdir()) - known)
    failed = status != 0 or not edges  # without edges the code is not instrumented, and the fuzzer is blind
    new = len(set(corpus.iterdir()) - before)
    return Outcome(name, executions, executions / seconds, edges, features, new, found, failed)


def table(outcomes: list[Outcome]) -> str:
    """Return the table that the command prints."""
    rows = [("target", "executions", "per second", "edges", "features", "new inputs", "crashes")]
    for one in outcomes:
        counts = (one.executions, round(one.rate), one.edges, one.features, one.new, len(one.crashes))
        rows.append((one.name, *(f"{count:,}" for count in counts)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, *cells in rows:
        aligned = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *aligned]))
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Run the fuzz targets.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="targets to run (default: all)")
    parser.add_argument("--seconds", type=int, default=60, help="seconds for each target (default: 60)")
    parser.add_argument("--fresh", action="store_true", help="forget the inputs that were found before")
    options = parser.parse_args()
    chosen = options.targets or [*NATIVE, *TARGETS]
    unknown = [name for name in chosen if name not in NATIVE and name not in TARGETS]
    if unknown or options.seconds < 1:
        parser.error(f"unknown targets: {', '.join(unknown)}" if unknown else "--seconds must be at least 1")
    if options.fresh:
        shutil.rmtree(_BUILD / "corpus", ignore_errors=True)
    outcomes = []
    for name in chosen:
        outcomes.append(run(name, options.seconds))
        print(table(outcomes).splitlines()[-1], flush=True)
    print(f"\n{table(outcomes)}\n\n{sum(one.executions for one in outcomes):,} executions")
    for one in outcomes:
        for path in one.crashes:
            print(f"{one.name} fails on {path.relative_to(_ROOT)}; see build/fuzz/{one.name}.log")
        if one.failed and not one.crashes:
            said = "failed" if one.edges else "ran no code that is instrumented"
            print(f"{one.name} {said}; see build/fuzz/{one.name}.log")
    return 1 if any(one.failed for one in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
