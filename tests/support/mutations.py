"""Damaged files: mutations of small files of every kind, and how long reading them may take.

    python -m tests.support.mutations --seed 1 --count 10000 [--files FOLDER]

reads so many damaged files by every entry point. It prints how often each reader raised which exception, the slowest
files, each exception that is not a `J2KError`, and each file that takes longer than `ALLOWED` seconds of the processor
and `TIMES` as long as the file that it was made from. `--files` damages the JPEG 2000 files of a folder too. If it is
interrupted, it prints what was found until then.
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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import j2klearn
from j2klearn.errors import J2KError
from tests.support.paths import GOLDEN

__all__ = [
    "ALLOWED",
    "MARKERS",
    "READERS",
    "TIMES",
    "Finding",
    "Reading",
    "damaged",
    "originals",
    "picture",
    "readings",
    "run",
]

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


class Reading(NamedTuple):
    """How one reader read a damaged file."""

    reader: str
    number: int  # of the damaged file
    data: bytes
    error: str  # the name of the type of the exception; empty if the file was read
    wrong: str  # the exception and its place, if it is not a `J2KError`
    seconds: float  # of the processor
    usual: float  # seconds for the file that it was made from


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
    kind = int(random.integers(0, 9 if places else 6))
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
        parts = np.s_[:8, :8], np.s_[::2, ::2], 0, np.s_[-1:, 2:5], np.s_[:0, :0]
        reads: list[Callable[[], object]] = [
            lambda: file.shape,
            lambda: str(file),
            lambda: (file.ndim, file.dtype, file.tilesize, file.learned, len(file)),
            lambda: str(file.get_codestream()),
            lambda: str(file.get_codestream(header_only=False)),
            lambda: file.read_bands(rlevel=1),
            *(lambda part=part: file[part] for part in parts),
            lambda: setattr(file, "layer", 1),
            lambda: setattr(file, "decoded_components", 0),
            lambda: file[::2, ::2],
        ]
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


def readings(seed: int, count: int, files: Sequence[bytes] = ()) -> Iterator[Reading]:
    """Read damaged copies of `originals` and of more files by every reader."""
    random, files = np.random.default_rng(seed), [*originals(), *files]
    usual = [{name: read_quietly(read, data)[2] for name, read in READERS.items()} for data in files]
    for number in range(count):
        data = damaged(random, files[number % len(files)])
        for name, read in READERS.items():
            result = read_quietly(read, data)
            yield Reading(name, number, data, *result, usual[number % len(files)][name])


def finding(reading: Reading) -> Finding | None:
    """Return what is wrong with a reading; None if nothing is."""
    why = reading.wrong
    if not why and reading.seconds > max(ALLOWED, TIMES * reading.usual):
        why = f"it takes {reading.seconds:.1f} s of the processor"
    return Finding(reading.reader, why, reading.data) if why else None


def run(seed: int, count: int) -> Iterator[Finding]:
    """Read damaged files, and yield what is wrong with the reading of each."""
    yield from filter(None, map(finding, readings(seed, count)))


def read_quietly(read: Callable[[bytes], object], data: bytes) -> tuple[str, str, float]:
    """Read a file; return type and place of the exception as in `Reading`, and the seconds of the processor."""
    error = wrong = ""
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read(data)
        except J2KError as raised:
            error = type(raised).__name__
        except Exception as raised:
            frames = traceback.extract_tb(raised.__traceback__)[-3:]
            places = ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
            error, wrong = type(raised).__name__, f"{raised!r} at {places}"
    return error, wrong, time.process_time() - start


def main() -> int:
    parser = argparse.ArgumentParser(description="Read damaged files.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--files", type=Path, metavar="FOLDER", help="more files to damage, up to 64 kB each")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="where to put the files that are read wrongly"
    )
    options = parser.parse_args()
    more = sorted(options.files.iterdir()) if options.files else []
    chosen = [path.read_bytes() for path in more if path.is_file() and path.stat().st_size <= 1 << 16]
    found: Counter[tuple[str, str]] = Counter()
    outcomes: Counter[tuple[str, str]] = Counter()
    slowest: list[tuple[float, str, int, int]] = []
    seconds = 0.0
    files = 0
    with contextlib.suppress(KeyboardInterrupt):  # it then prints what was found until now
        for reading in readings(options.seed, options.count, chosen):
            files = reading.number + 1
            outcomes[reading.reader, reading.error or "read"] += 1
            seconds += reading.seconds
            slowest.append((reading.seconds, reading.reader, reading.number, len(reading.data)))
            slowest = sorted(slowest, reverse=True)[:10]
            if wrong := finding(reading):
                found[wrong.reader, wrong.why] += 1
                if options.keep:
                    name = f"{options.seed}-{reading.number}-{wrong.reader}.jp2"
                    (options.keep / name).write_bytes(wrong.data)
    for (reader, outcome), times in sorted(outcomes.items()):
        print(f"{reader:<8} {outcome:<24} {times:>8,}")
    print("\nslowest readings:")
    for spent, reader, number, size in slowest:
        print(f"{spent:8.2f} s  {reader}, file {number} of {size:,} bytes")
    print()
    for (reader, why), times in found.most_common():
        print(f"{times} x {reader}: {why}")
    total = sum(outcomes.values())
    print(f"{files:,} damaged files, {total:,} readings in {seconds:.0f} s of the processor")
    print(f"{sum(found.values())} readings are wrong")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
