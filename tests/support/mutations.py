"""Damaged files: mutations of small files of every kind, and how long reading them may take.

    python -m tests.support.mutations --seed 1 --count 10000

reads so many damaged files by every entry point. It prints each exception that is not a `J2KError`, and each file that
takes longer than `ALLOWED` seconds of the processor and `TIMES` as long as the file that it was made from.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import struct
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import j2klearn
from j2klearn.errors import J2KError
from tests.support.paths import GOLDEN

__all__ = ["ALLOWED", "MARKERS", "READERS", "TIMES", "Finding", "damaged", "originals", "picture", "run"]

#: Seconds of the processor, and times as long as the original. Reading an undamaged file of 64 x 96 pixels of the
#: neural profile takes a quarter of a second, and one with another payload up to four times as long.
ALLOWED, TIMES = 1.0, 6.0

#: Limit of the pixels that are decoded: what a file declares costs time and memory by right.
MAX_PIXELS = 1 << 20

_PLACES = (
    b"ihdr",
    b"cmap",
    b"pclr",
    b"uuid",
    *(bytes([0xFF, code]) for code in (0x51, 0x52, 0x5C, 0x55, 0x58, 0x90)),
)
_NUMBERS = (0, 1, 2, 255, 256, 32768, 65535, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)


class Finding(NamedTuple):
    """What is wrong with the reading of a damaged file: the reader, the reason, and the file."""

    reader: str
    why: str
    data: bytes


#: Options that write all optional markers.
MARKERS: dict[str, Any] = {"precincts": [(32, 32)], "sop": True, "eph": True, "plt": True, "tlm": True}


def picture(height: int, width: int) -> NDArray[np.uint8]:
    """Return a picture with edges and moiré, shape (height, width, 3)."""
    rows, columns = np.mgrid[:height, :width]
    plane = (rows * columns // 7 + 40 * (rows // 8 % 2)).astype(np.uint8)
    return np.stack([plane, plane[::-1], 255 - plane], -1)


def originals() -> list[bytes]:
    """Return small files of every kind."""
    image = picture(64, 96)
    plane = np.ascontiguousarray(image[..., 0])
    ordinary: dict[str, Any] = {"model": None}
    files = [
        j2klearn.encode(image, bpp=2, fallback=False),
        j2klearn.encode(image, bpp=[0.5, 2], tile_size=32, fallback=False),
        j2klearn.encode(image, bpp=[0.5, 2], **ordinary, **MARKERS),
        j2klearn.encode(image, lossless=True, tile_size=(32, 48), **ordinary),
        j2klearn.encode(plane, bpp=2, jp2=False, progression="PCRL", offset=(3, 5), **ordinary),
        j2klearn.encode(image[:16, :16], profile="neural", quality=30),
        j2klearn.encode(image[:16, :16], profile="neural", lossless=True),
    ]
    return files + [path.read_bytes() for path in sorted(GOLDEN.glob("*.jp2")) if path.stat().st_size < 5000]


def damaged(random: np.random.Generator, original: bytes) -> bytes:
    """Return a damaged copy: bytes changed, removed, inserted or moved, most often in headers, or the end cut off."""
    data = bytearray(original)
    places = [at for at in map(data.find, _PLACES) if at >= 0]
    kind = int(random.integers(0, 9))
    for _ in range(int(random.integers(1, 5))):
        head = min(len(data), 700)
        at = int(random.integers(0, head if random.random() < 0.7 else len(data)))
        if kind >= 6:
            at = min(len(data) - 4, int(random.choice(places)) + int(random.integers(0, 44)))
        match kind:
            case 0 | 6:
                data[at] = int(random.integers(0, 256))
            case 1:
                data[at] ^= 1 << int(random.integers(0, 8))
            case 2:
                del data[at : at + int(random.integers(1, 9))]
            case 3:
                data[at:at] = bytes(random.integers(0, 256, int(random.integers(1, 9)), dtype=np.uint8))
            case 4:
                source, length = int(random.integers(0, len(data))), int(random.integers(1, 40))
                data[at : at + length] = data[source : source + length]
            case 5:
                return bytes(data[: int(random.integers(1, len(data)))])
            case 7:
                struct.pack_into(">I", data, at, int(random.choice(_NUMBERS)))
            case 8:
                struct.pack_into(">H", data, at, int(random.choice(_NUMBERS)) & 0xFFFF)
        data = data or bytearray(b"\xff")
    return bytes(data)


def _jp2k(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "damaged.jp2")
        path.write_bytes(data)
        file = j2klearn.Jp2k(path, max_pixels=MAX_PIXELS)
        parts = np.s_[:8, :8], np.s_[::2, ::2], 0, np.s_[-1:, 2:5]
        reads = [lambda: file.shape, lambda: str(file), *(lambda part=part: file[part] for part in parts)]
        for read in reads:
            with contextlib.suppress(J2KError):
                read()


#: The ways to read a file, by name.
READERS: dict[str, Callable[[bytes], object]] = {
    "info": lambda data: (str(j2klearn.info(data)), j2klearn.info(data).as_dict()),
    "decode": lambda data: j2klearn.decode(data, max_pixels=MAX_PIXELS),
    "region": lambda data: j2klearn.decode(data, region=(5, 5, 20, 30), reduce=1, max_pixels=MAX_PIXELS),
    "open": lambda data: j2klearn.open(io.BytesIO(data), max_pixels=MAX_PIXELS)[::2, ::2],
    "repack": lambda data: j2klearn.repack(data, progression="RPCL", tile_parts="R", plt=True),
    "Jp2k": _jp2k,
}


def run(seed: int, count: int) -> Iterator[Finding]:
    """Read damaged files, and yield what is wrong with the reading of each."""
    random, files = np.random.default_rng(seed), originals()
    usual = {}
    for number, data in enumerate(files):
        for name, read in READERS.items():
            start = time.process_time()
            read_quietly(read, data)
            usual[number, name] = time.process_time() - start
    for at in range(count):
        number = at % len(files)
        data = damaged(random, files[number])
        for name, read in READERS.items():
            start = time.process_time()
            wrong = read_quietly(read, data)
            seconds = time.process_time() - start
            if wrong:
                yield Finding(name, wrong, data)
            elif seconds > max(ALLOWED, TIMES * usual[number, name]):
                yield Finding(name, f"it takes {seconds:.1f} s of the processor", data)


def read_quietly(read: Callable[[bytes], object], data: bytes) -> str:
    """Read a file; return the exception, if it is none of j2klearn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read(data)
        except J2KError:
            pass
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)[-3:]
            return f"{error!r} at " + ", ".join(
                f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames
            )
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description="Read damaged files.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="where to put the files that are read wrongly"
    )
    options = parser.parse_args()
    found: Counter[tuple[str, str]] = Counter()
    for number, finding in enumerate(run(options.seed, options.count)):
        found[finding.reader, finding.why] += 1
        if options.keep:
            (options.keep / f"{number}-{finding.reader}.jp2").write_bytes(finding.data)
    for (reader, why), times in found.most_common():
        print(f"{times} x {reader}: {why}")
    print(f"{options.count} damaged files, {sum(found.values())} read wrongly")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
