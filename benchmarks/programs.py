"""What the library in the place of OpenJPEG's costs programs that read ordinary files (docs/programs.md).

    python benchmarks/programs.py --pictures FOLDER                    # seconds of the processor, medians of pairs
    python benchmarks/programs.py --pictures FOLDER --instructions     # instructions, counted by valgrind

runs ``opj_decompress``, and ``gdal_translate`` if it is there, on ordinary files of several sizes, with the real
library alone and through ours, in turns. A run is a process: the ratio holds the loading of the library too. Times of
a machine with other work vary by more than the library costs; instructions do not.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from statistics import median

from engine import mosaic

import j2klearn
from j2klearn.interop.openjp2 import environment

#: Height and width, and the options of encoding, by name.
FILES = {
    "128 x 128, 2 bpp": ((128, 128), {"bpp": 2}),
    "512 x 768, 2 bpp": ((512, 768), {"bpp": 2}),
    "512 x 768, lossless": ((512, 768), {"lossless": True}),
    "1536 x 2304, 1 bpp": ((1536, 2304), {"bpp": 1}),
}

#: Arguments by program.
PROGRAMS = {
    "opj_decompress": ["-i", "{file}", "-o", "{folder}/out.pgx"],
    "gdal_translate": ["-q", "{file}", "{folder}/out.tif"],
}


def seconds(command: list[str], variables: dict[str, str]) -> float:
    """Return the time of the processor that a program takes, in s."""
    process = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} failed")
    return usage.ru_utime + usage.ru_stime


def instructions(command: list[str], variables: dict[str, str]) -> float:
    """Return the number of instructions that a program executes."""
    words = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command]
    done = subprocess.run(words, env=variables, capture_output=True, text=True, check=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if not found:
        raise SystemExit("valgrind counts nothing")
    return float(found[1])


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the overhead for ordinary files.")
    parser.add_argument("--pictures", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--runs", type=int, default=21, help="pairs of runs")
    parser.add_argument("--instructions", action="store_true", help="count instructions, once each")
    options = parser.parse_args()
    measure, runs = (instructions, 1) if options.instructions else (seconds, options.runs)
    real = dict(os.environ)
    ours = environment(real)
    print(f"{'':40}{'real':>14}{'ours':>14}{'ratio':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for name, (size, coding) in FILES.items():
            file = Path(folder, "ordinary.jp2")
            file.write_bytes(j2klearn.encode(mosaic(options.pictures, *size), model=None, **coding))
            for program, words in PROGRAMS.items():
                path = shutil.which(program)
                if path is None:
                    continue
                command = [path, *(word.format(file=file, folder=folder) for word in words)]
                pairs = [(measure(command, real), measure(command, ours)) for _ in range(runs)]
                alone, with_ours = (median(each) for each in zip(*pairs, strict=True))
                ratio = median(mine / its for its, mine in pairs)
                print(f"{name + ', ' + program:40}{alone:14.6g}{with_ours:14.6g}{ratio:9.4f}")


if __name__ == "__main__":
    main()
