"""Damaged files through the library in the place of OpenJPEG's, with the address and undefined behaviour sanitizers.

    make sanitize
    python -m tests.support.openjp2_damage --count 5000
    python -m tests.support.openjp2_damage --count 5000 --opj-decompress

reads mutated files by the functions of OpenJPEG, in the ways of ``native/tests/openjp2_calls.cpp``, or by the installed
``opj_decompress``, one process for each file. A file that ends in a crash, a leak or a report of a sanitizer is read
again with the real library alone: what it does too is not counted as a fault, because it is one of OpenJPEG.
"""

from __future__ import annotations

import argparse
import os
import shutil
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

__all__ = ["Finding", "OpjDecompress", "Reader", "run"]

BUILD = ROOT / "build" / "sanitize"

#: Files that one process reads, and the seconds that it may take.
_BATCH, _SECONDS = 25, 600

#: The exit status of a program about which a sanitizer has reported something.
_REPORTED = 86


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


class Reader:
    """A program that reads files, with the sanitizers of a build."""

    def __init__(self, build: Path) -> None:
        self.build = build
        self.batch = _BATCH

    def command(self, paths: list[Path]) -> list[str]:
        return [str(self.build / "openjp2_calls"), "--damaged", *map(str, paths)]

    def preloaded(self) -> list[str]:
        return []

    def ended_well(self, status: int) -> bool:
        return status == 0

    def read(self, paths: list[Path], *, ours: bool) -> str:
        """Read files in one process; return what it says on its error output if it does not end well."""
        variables = {
            **os.environ,
            "ASAN_OPTIONS": f"detect_leaks=1:allocator_may_return_null=1:exitcode={_REPORTED}",
            "UBSAN_OPTIONS": f"halt_on_error=1:print_stacktrace=1:exitcode={_REPORTED}",
            "J2KLEARN_MODELS": str(ROOT / "j2klearn" / "models"),
        }
        preloaded = self.preloaded()
        if ours:
            variables["LD_LIBRARY_PATH"] = str(self.build / "openjp2")
        if preloaded:
            variables["LD_PRELOAD"] = ":".join(preloaded)
        try:
            done = subprocess.run(
                self.command(paths),
                env=variables,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return f"it takes longer than {_SECONDS} s"
        if self.ended_well(done.returncode):
            return ""
        return done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}"


class OpjDecompress(Reader):
    """The installed opj_decompress, which has no sanitizers of its own: they are loaded before all else."""

    def __init__(self, build: Path, program: str, out: Path) -> None:
        super().__init__(build)
        self.program, self.out = program, out
        self.batch = 1

    def command(self, paths: list[Path]) -> list[str]:
        return [self.program, "-i", str(paths[0]), "-o", str(self.out)]

    def preloaded(self) -> list[str]:
        names = ("libasan.so", "libubsan.so")
        return [
            subprocess.run(
                ["c++", f"-print-file-name={name}"], capture_output=True, text=True, check=True
            ).stdout.strip()
            for name in names
        ]

    def ended_well(self, status: int) -> bool:
        return status in (0, 1)  # 1: it cannot read the file, and says so


def run(reader: Reader, folder: Path, seed: int, count: int) -> Iterator[Finding]:
    """Write damaged files into a folder, read them, and yield those whose reading does not end well."""
    random = np.random.default_rng(seed)
    files = [*originals()[:5], *originals()[7:], *learned()]
    paths = []
    for at in range(count):
        paths.append(folder / f"{at}.jp2")
        paths[-1].write_bytes(_mutated(random, files[at % len(files)]))
    for start in range(0, count, reader.batch):
        batch = paths[start : start + reader.batch]
        if not reader.read(batch, ours=True):
            continue
        for path in batch:
            if said := reader.read([path], ours=True):
                yield Finding(path, said, known=bool(reader.read([path], ours=False)))


def main() -> int:
    parser = argparse.ArgumentParser(description="Read damaged files through OpenJPEG's functions.")
    parser.add_argument("--build", type=Path, default=BUILD, help="folder of the build with sanitizers")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to put the damaged files")
    parser.add_argument(
        "--opj-decompress", action="store_true", help="read them by the installed opj_decompress"
    )
    options = parser.parse_args()
    if not (options.build / "openjp2_calls").is_file():
        parser.error(f"there is no build with sanitizers in {options.build}: make sanitize")
    faults, known = 0, 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        reader = Reader(options.build)
        if options.opj_decompress:
            program = shutil.which("opj_decompress") or parser.error("opj_decompress is not installed")
            reader = OpjDecompress(options.build, program, Path(temporary, "out.pgx"))
        for found in run(reader, folder, options.seed, options.count):
            known += found.known
            faults += not found.known
            if not found.known:
                print(f"{found.file.name}: {found.said}", flush=True)
    print(f"{options.count} damaged files: {faults} faults, and {known} that the real library has, too")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
