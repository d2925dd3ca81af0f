"""Cost of reading parts of large files: bytes, requests, time and memory.

python benchmarks/access.py bytes                 # an 8192 x 8192 picture: a region, an overview, a layer
python benchmarks/access.py repacked              # the same of ordinary files, before and after j2klearn repack
python benchmarks/access.py regions --plot FILE   # time by the size of a region
python benchmarks/access.py large --side 32768    # a picture of a gigapixel, written and read in bounded memory
python benchmarks/access.py borders               # squared error near the borders of tiles, and inside them

The pictures are photographs that come with scikit-image, mirrored side by side.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
from fsspec.implementations.memory import MemoryFileSystem
from numpy.typing import NDArray
from skimage import color
from skimage import data as photographs

import j2klearn
from j2klearn.benchmark.environment import made_by
from j2klearn.core.text_table import text_table

HERE = Path(__file__).parent
TILE = 512
LAYERS = [0.25, 0.5, 1.0]


class Recorder(io.FileIO):
    """A file that counts the bytes and the calls of read."""

    bytes = requests = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size)
        self.bytes += len(data or b"")
        self.requests += 1
        return data or b""


class Server(MemoryFileSystem):
    """A file system for URLs that counts bytes and requests; each range is a request."""

    protocol = "counting"
    bytes = requests = 0

    @classmethod
    def start(cls, data: bytes) -> str:
        """Serve one file, reset the counts, and return its URL."""
        fsspec.register_implementation(cls.protocol, cls, clobber=True)
        url = f"{cls.protocol}://picture.jp2"
        with fsspec.open(url, "wb") as file:
            file.write(data)
        cls.bytes = cls.requests = 0
        return url

    def cat_ranges(self, paths: list[str], starts: Any, ends: Any, **options: Any) -> Any:
        type(self).requests += len(paths)
        type(self).bytes += sum(end - start for start, end in zip(starts, ends, strict=True))
        return super().cat_ranges(paths, starts, ends, **options)


class Mosaic:
    """Photographs, mirrored side by side to any size, as an array that is never in memory as a whole."""

    def __init__(self, side: int) -> None:
        self.shape, self.dtype = (side, side), np.dtype(np.uint8)
        parts = [photographs.camera()]
        for picture in (photographs.astronaut(), photographs.coffee()[:400, :], photographs.chelsea()):
            parts.append(np.rint(255 * color.rgb2gray(picture)).astype(np.uint8))
        height = min(part.shape[0] for part in parts)
        strip = np.hstack([part[:height] for part in parts])
        both = np.hstack([strip, strip[:, ::-1]])
        self._row = np.vstack([both, both[::-1]])

    def __getitem__(self, rows: Any) -> NDArray[np.uint8]:
        start, stop, _ = rows.indices(self.shape[0])
        height = len(self._row)
        part = self._row[np.arange(start, stop) % height]
        # every other band is shifted, so that rows differ
        return np.stack(
            [
                np.resize(np.roll(line, 131 * (at // height)), self.shape[1])
                for at, line in enumerate(part, start)
            ]
        )


def _write(side: int, path: Path, **options: Any) -> None:
    j2klearn.encode_file(Mosaic(side), path, bpp=LAYERS, tile_size=TILE, **options)


def _cost(path: Path, **options: Any) -> dict[str, int]:
    """Return the bytes and requests for decoding a part, from a file object and from a URL."""
    with Recorder(path) as file:
        j2klearn.decode(file, max_pixels=None, **options)  # type: ignore[arg-type]
        found = {"bytes": file.bytes, "requests": file.requests}
    url = Server.start(path.read_bytes())
    j2klearn.decode(url, max_pixels=None, **options)
    return {**found, "url_bytes": Server.bytes, "url_requests": Server.requests}


def _asked(side: int) -> dict[str, dict[str, Any]]:
    """Return the parts of a picture that are decoded, as options of `decode` by name."""
    place = side // 2 - 100
    return {
        "region 256 x 256": {"region": (place, place, place + 256, place + 256)},
        "overview, reduce=5": {"reduce": 5},
        "first layer": {"layers": 1},
    }


def bytes_of_repacked(side: int) -> dict[str, Any]:
    """Return the bytes and requests of parts of ordinary files, before and after they are repacked."""
    found: dict[str, Any] = {"side": side, "tile": TILE, "layers_bpp": LAYERS, "parts": []}
    asked = _asked(side)
    ordinary: dict[str, Any] = {"model": None, "progression": "LRCP", "plt": False, "tlm": False}
    kinds: dict[str, dict[str, Any]] = {
        "tiles": {"tile_size": TILE},
        "precincts": {"precincts": ((256, 256), (128, 128))},
    }
    picture = Mosaic(side)[:side]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.jp2"
        for kind, options in kinds.items():
            before = j2klearn.encode(picture, bpp=LAYERS, max_pixels=None, **ordinary, **options)
            start = time.perf_counter()
            after = j2klearn.repack(before, progression="RPCL", tile_parts="R", plt=True, tlm=True)
            seconds = time.perf_counter() - start
            for name, data in ((f"{kind}, LRCP", before), (f"{kind}, repacked", after)):
                path.write_bytes(data)
                for part, what in asked.items():
                    case = {"file": name, "size": len(data), "part": part, **_cost(path, **what)}
                    found["parts"].append(case)
            found[f"seconds_{kind}"] = seconds
    return found


def bytes_of_parts(side: int) -> dict[str, Any]:
    """Return the bytes and requests of parts, for learned and ordinary files."""
    found: dict[str, Any] = {"side": side, "tile": TILE, "layers_bpp": LAYERS, "parts": []}
    asked = _asked(side)
    kinds: dict[str, dict[str, Any]] = {
        "learned, RPCL": {},
        "learned, RLCP": {"progression": "RLCP"},
        "ordinary 9/7, RPCL": {"model": None},
    }
    with tempfile.TemporaryDirectory() as folder:
        for (kind, options), (part, what) in itertools.product(kinds.items(), asked.items()):
            path = Path(folder) / f"{list(kinds).index(kind)}.jp2"
            if not path.exists():
                _write(side, path, **options)
            case = {"file": kind, "size": path.stat().st_size, "part": part, **_cost(path, **what)}
            found["parts"].append(case)
    return found


def _print_bytes(found: dict[str, Any]) -> None:
    rows = [
        [
            part["file"],
            part["part"],
            f"{part['bytes']:,}",
            f"{100 * part['bytes'] / part['size']:.2f} %",
            str(part["requests"]),
            f"{100 * part['url_bytes'] / part['size']:.2f} %",
            str(part["url_requests"]),
        ]
        for part in found["parts"]
    ]
    print(text_table([["file", "part", "bytes", "of the file", "requests", "of a URL", "requests"], *rows]))


def times_of_regions(side: int, rounds: int) -> dict[str, Any]:
    """Return the times of decoding regions of rising size."""
    found: dict[str, Any] = {"side": side, "tile": TILE, "rounds": rounds, "regions": []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.jp2"
        _write(side, path)
        small = Path(folder) / "small.jp2"
        _write(min(side, 2048), small)
        size = 64
        while size <= min(4096, side // 2):
            case: dict[str, Any] = {"size": size}
            for name, file, whole in (("seconds", path, side), ("seconds_small_file", small, 2048)):
                if size > whole // 2:
                    continue
                times = []
                for round_ in range(rounds):
                    at = (whole - size) // 2 + 37 * round_ - 50
                    at = max(0, min(at, whole - size))
                    start = time.perf_counter()
                    j2klearn.decode(file, region=(at, at, at + size, at + size))
                    times.append(time.perf_counter() - start)
                case[name] = statistics.median(times)
            found["regions"].append(case)
            size *= 2
    return found


def _print_times(found: dict[str, Any]) -> None:
    rows = []
    for case in found["regions"]:
        other = case.get("seconds_small_file")
        rate = case["size"] ** 2 / 1e6 / case["seconds"]
        rows.append(
            [
                str(case["size"]),
                f"{case['seconds']:.3f} s",
                f"{rate:.2f} MP/s",
                "-" if other is None else f"{other:.3f} s",
            ]
        )
    print(text_table([["side", f"of {found['side']} x {found['side']}", "speed", "of 2048 x 2048"], *rows]))


def _plot(found: dict[str, Any], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    sides = [case["size"] for case in found["regions"]]
    axes.loglog(sides, [case["seconds"] for case in found["regions"]], "o-", label=f"of {found['side']}²")
    small = [case for case in found["regions"] if "seconds_small_file" in case]
    axes.loglog(
        [case["size"] for case in small],
        [case["seconds_small_file"] for case in small],
        "s--",
        label="of 2048²",
    )
    axes.set_xlabel("side of the region, pixels")
    axes.set_ylabel("seconds")
    axes.set_xticks(sides, [str(side) for side in sides])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def large(side: int, folder: Path) -> dict[str, Any]:
    """Write and read a large picture in this process; return times, peak memory and PSNR."""
    path = folder / "large.jp2"
    pixels = side * side / 1e6
    start = time.perf_counter()
    _write(side, path)
    written = time.perf_counter() - start
    after_writing = _peak()
    picture = j2klearn.open(path, max_pixels=None)

    class Compared:
        """Receives decoded blocks, and sums their squared error."""

        shape, error = picture.shape, 0.0

        def __setitem__(self, where: Any, block: NDArray[np.uint8]) -> None:
            original = Mosaic(side)[where[0]][:, where[1]]
            self.error += float(np.square(original.astype(np.float32) - block).sum(dtype=np.float64))

    compared = Compared()
    start = time.perf_counter()
    picture.copy_to(compared)
    read = time.perf_counter() - start
    return {
        "side": side,
        "bytes": path.stat().st_size,
        "write_seconds_per_megapixel": written / pixels,
        "read_seconds_per_megapixel": read / pixels,
        "peak_gib_writing": after_writing,
        "peak_gib": _peak(),
        "psnr": float(10 * np.log10(255**2 * side * side / compared.error)),
    }


def _large(side: int) -> dict[str, Any]:
    """Measure each size in a separate process, so that its peak memory is its own."""
    import subprocess

    found: dict[str, Any] = {"tile": TILE, "cases": []}
    for this in (4096, side):
        with tempfile.TemporaryDirectory() as folder:
            argv = [sys.executable, __file__, "one", "--side", str(this), "--folder", folder]
            done = subprocess.run(argv, check=True, capture_output=True, text=True, env=os.environ)
        found["cases"].append(json.loads(done.stdout))
    return found


def _at_borders(error: NDArray[np.float32], tile: int, reach: int = 8) -> float:
    """Return the ratio of the error within `reach` pixels of tile borders to that inside: mean of the tiles, in dB."""
    down, across = (side // tile for side in error.shape)
    tiles = error.reshape(down, tile, across, tile).swapaxes(1, 2)[1:-1, 1:-1]
    at = np.arange(tile)
    near = np.minimum(at, tile - 1 - at) < reach
    near = near[:, None] | near
    borders, inside = (tiles[:, :, where].mean(axis=2, dtype=np.float64) for where in (near, ~near))
    return float((10 * np.log10(borders / inside)).mean())


def borders(side: int) -> dict[str, Any]:
    """Return the ratio of the squared error near the borders of tiles to that inside, in dB.

    The contents near the borders differ from those inside. So the same ratio is measured without tiles, for the same
    pixels. Ratios are taken within tiles, because each tile has its own rate.
    """
    picture = Mosaic(side)[:side]
    found: dict[str, Any] = {"side": side, "cases": []}
    kinds: dict[str, dict[str, Any]] = {"learned": {}, "ordinary 9/7": {"model": None}}
    for tile in (256, TILE):
        for bpp in LAYERS:
            for kind, options in kinds.items():
                decibels = []
                for tiling in ({"tile_size": tile}, {}):
                    coded = j2klearn.encode(picture, bpp=bpp, **options, **tiling)
                    error = np.square(j2klearn.decode(coded).astype(np.float32) - picture)
                    decibels.append(_at_borders(error, tile))
                tiled, untiled = decibels
                found["cases"].append(
                    {"kind": kind, "tile": tile, "bpp": bpp, "tiled_db": tiled, "untiled_db": untiled}
                )
    return found


def _print_borders(found: dict[str, Any]) -> None:
    rows = [
        [
            case["kind"],
            str(case["tile"]),
            f"{case['bpp']:g}",
            f"{case['tiled_db']:+.2f} dB",
            f"{case['untiled_db']:+.2f} dB",
            f"{case['tiled_db'] - case['untiled_db']:+.2f} dB",
        ]
        for case in found["cases"]
    ]
    print(text_table([["file", "tile", "bpp", "with tiles", "without", "difference"], *rows]))


def _print_large(found: dict[str, Any]) -> None:
    rows = [
        [
            f"{case['side']} x {case['side']}",
            f"{case['write_seconds_per_megapixel']:.3f} s/MP",
            f"{case['read_seconds_per_megapixel']:.3f} s/MP",
            f"{case['peak_gib']:.2f} GiB",
            f"{case['psnr']:.2f} dB",
        ]
        for case in found["cases"]
    ]
    print(text_table([["picture", "written", "read", "peak memory", "PSNR"], *rows]))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "what",
        choices=("bytes", "repacked", "regions", "large", "borders", "one"),
        help="what to measure: see above",
    )
    parser.add_argument(
        "--side", type=int, help="side of the picture (default: 8192; large: 32768; borders: 4096)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="timings of each region (default: %(default)s)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the times of regions into this file")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.what == "borders" and (options.side or 4096) not in range(3 * TILE, 1 << 15, TILE):
        parser.error(f"borders needs a multiple of {TILE}, at least {3 * TILE}")
    if options.what == "one":
        print(json.dumps(large(options.side, options.folder)))
        return 0
    if options.what == "bytes":
        found = bytes_of_parts(options.side or 8192)
        _print_bytes(found)
    elif options.what == "repacked":
        found = bytes_of_repacked(options.side or 8192)
        _print_bytes(found)
        print({name: value for name, value in found.items() if name.startswith("seconds")})
    elif options.what == "regions":
        found = times_of_regions(options.side or 8192, options.rounds)
        _print_times(found)
        if options.plot:
            _plot(found, options.plot)
    elif options.what == "borders":
        found = borders(options.side or 4096)
        _print_borders(found)
    else:
        found = _large(options.side or 32768)
        _print_large(found)
    side = "" if options.side is None else f" --side {options.side}"
    made = made_by(f"python benchmarks/access.py {options.what}{side}")
    path = HERE / "results" / f"access-{options.what}.json"
    path.write_text(json.dumps({**made, **found}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
