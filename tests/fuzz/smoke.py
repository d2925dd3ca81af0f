"""Read damaged copies of the seeds by every Python target, the same ones at every run: a short check for CI.

    python -m tests.fuzz.smoke [--rounds N]

It needs no Atheris and little time; `make fuzz-smoke` runs it, and the native targets in the same way. It prints what
the targets did. Inputs that show a fault are kept in build/fuzz/crashes/, and the status is then 1.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from pathlib import Path

import numpy as np

from tests.fuzz.__main__ import LARGEST_INPUT
from tests.fuzz.targets import TARGETS, Target, corrected, read
from tests.support.mutations import damaged
from tests.support.paths import ROOT

__all__ = ["smoke"]

_SEEDS = Path(__file__).with_name("seeds")
_CRASHES = ROOT / "build" / "fuzz" / "crashes"


def smoke(name: str, target: Target, rounds: int) -> tuple[int, int, list[bytes]]:
    """Read every seed of a target, and damaged copies of each.

    Parameters
    ----------
    name : str
        Name of the target.
    target : Target
        The target.
    rounds : int
        Number of damaged copies of each seed.

    Returns
    -------
    inputs, valid : int
        How many inputs were read, and how many of them are valid.
    faults : list of bytes
        The inputs that show a fault; their exceptions are printed.
    """
    inputs = valid = 0
    faults = []
    for path in sorted(_SEEDS.joinpath(target.seeds).iterdir()):
        random, seed = np.random.default_rng(1), path.read_bytes()
        for data in (seed, *(damaged(random, seed)[:LARGEST_INPUT] for _ in range(rounds))):
            given = corrected(data) if target.checksums else data
            inputs += 1
            try:
                valid += read(target, given)
            except Exception:
                print(f"{name} fails on a copy of {path.name}:", file=sys.stderr)
                traceback.print_exc()
                faults.append(given)
    return inputs, valid, faults


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Read damaged copies of the seeds by the Python fuzz targets."
    )
    parser.add_argument("--rounds", type=int, default=15, help="damaged copies of each seed (default: 15)")
    options = parser.parse_args()
    failed = False
    for name, target in TARGETS.items():
        start = time.process_time()
        inputs, valid, faults = smoke(name, target, options.rounds)
        seconds = time.process_time() - start
        print(
            f"{name:<14} {inputs:>6,} inputs, {valid:>5,} valid, {len(faults)} faults, {seconds:5.1f} s",
            flush=True,
        )
        for number, data in enumerate(faults):
            _CRASHES.mkdir(parents=True, exist_ok=True)
            path = _CRASHES / f"{name}-smoke-{number}"
            path.write_bytes(data)
            print(f"kept {path.relative_to(ROOT)}")
        failed = failed or bool(faults)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
