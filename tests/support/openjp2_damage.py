"""Damaged files through the library in the place of OpenJPEG's, with the address and undefined behaviour sanitizers.

    make sanitize
    python -m tests.support.openjp2_damage --count 5000

reads mutated files by the functions of OpenJPEG, in the ways of ``native/tests/openjp2_calls.cpp``. A file that ends in
a crash, a leak or a report of a sanitizer is read again with the real library alone: what it does too is not counted as
a fault, because it is one of OpenJPEG.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import j2klearn
from tests.support.integer_models import small_pair
from tests.support.mutations import MARKERS, damaged, originals, picture
from tests.support.paths import ROOT

__all__ = ["Finding", "run"]

BUILD = ROOT / "build" / "sanitize"

#: Files that one process reads, and the seconds that it may take.
_BATCH, _SECONDS = 25, 600


class Finding(NamedTuple):
    """How the reading of a damaged file ended, and whether it is a fault of the real library alone."""

    file: Path
    said: str
    known: bool


def learned() -> list[bytes]:
    """Return small learned files of every kind, and files with channel definitions."""
    colours = picture(40, 48)
    plane = np.ascontiguousarray(colours[..., 0])
    opaque = np.dstack([colours, plane.T.reshape(40, 48)])
    common: dict[str, Any] = {"bpp": 3, "fallback": False}
    model = "hybrid97-9c-compact-dq"
    embedded = {**common, "bpp": 24}
    return [
        j2klearn.encode(colours, model=model, **common),
        j2klearn.encode(colours, model=model, bpp=[1, 3], tile_size=16, fallback=False, **MARKERS),
        j2klearn.encode(plane, model=model, jp2=False, **common),
        j2klearn.encode(opaque.astype(np.uint16) * 257, model=model, levels=2, **common),
        j2klearn.encode(colours, model=small_pair()[1], embed_model=True, levels=2, **embedded),
        j2klearn.encode(colours, lossless=True, fallback=False),
        j2klearn.encode(colours, lossless=True, tile_size=16, fallback=False),
        j2klearn.encode(opaque, model=None, bpp=3),
    ]


def _mutated(random: np.random.Generator, original: bytes) -> bytes:
    """Damage a file, in a third of the cases within the comment marker segments, if it has some."""
    at = original.find(b"\xff\x64")
    if at < 0 or random.random() < 2 / 3:
        return damaged(random, original)
    data = bytearray(original)
    for _ in range(int(random.integers(1, 4))):
        length = int.from_bytes(original[at + 2 : at + 4], "big")
        if (following := original.find(b"\xff\x64", at + 2 + length)) >= 0 and random.random() < 0.5:
            at = following
            length = int.from_bytes(original[at + 2 : at + 4], "big")
        data[at + 2 + int(random.integers(0, length))] = int(random.integers(0, 256))
    return bytes(data)


def _read(build: Path, paths: list[Path], *, ours: bool) -> str:
    """Read files in one process; return what it says on its error output if it does not end well."""
    variables = {
        **os.environ,
        "ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
        "J2KLEARN_MODELS": str(ROOT / "j2klearn" / "models"),
        **({"LD_LIBRARY_PATH": str(build / "openjp2")} if ours else {}),
    }
    command = [str(build / "openjp2_calls"), "--damaged", *map(str, paths)]
    try:
        done = subprocess.run(
            command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"it takes longer than {_SECONDS} s"
    if done.returncode == 0:
        return ""
    return done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}"


def run(build: Path, folder: Path, seed: int, count: int) -> Iterator[Finding]:
    """Write damaged files into a folder, read them, and yield those whose reading does not end well."""
    random = np.random.default_rng(seed)
    files = [*originals()[:5], *originals()[7:], *learned()]
    paths = []
    for at in range(count):
        paths.append(folder / f"{at}.jp2")
        paths[-1].write_bytes(_mutated(random, files[at % len(files)]))
    for start in range(0, count, _BATCH):
        batch = paths[start : start + _BATCH]
        if not _read(build, batch, ours=True):
            continue
        for path in batch:
            if said := _read(build, [path], ours=True):
                yield Finding(path, said, known=bool(_read(build, [path], ours=False)))


def main() -> int:
    parser = argparse.ArgumentParser(description="Read damaged files through OpenJPEG's functions.")
    parser.add_argument("--build", type=Path, default=BUILD, help="folder of the build with sanitizers")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to put the damaged files")
    options = parser.parse_args()
    if not (options.build / "openjp2_calls").is_file():
        parser.error(f"there is no build with sanitizers in {options.build}: make sanitize")
    faults, known = 0, 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for found in run(options.build, folder, options.seed, options.count):
            known += found.known
            faults += not found.known
            if not found.known:
                print(f"{found.file.name}: {found.said}", flush=True)
    print(f"{options.count} damaged files: {faults} faults, and {known} that the real library has, too")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
