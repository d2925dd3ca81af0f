"""dask on a large tiled file, and Zarr arrays of 3-D data.

    python benchmarks/arrays.py [--side 10000] [--threads N] [--volume FILE.npy]

The large picture is a photograph that comes with glymur, in grey, mirrored until it has the given side. `encode_file`
writes it in tiles, once lossless and once with the learned transform at a ratio of 20. A separate process computes the
mean with dask and threads. Its peak memory includes Python, PyTorch and dask. The volume has slices of 512 x 512 from
photographs that come with glymur and scikit-image. Zarr writes and reads it with our codec and with its own codecs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import glymur
import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, ZstdCodec

import j2klearn
from j2klearn.arrays import J2KLearnCodec
from j2klearn.benchmark.environment import made_by
from j2klearn.benchmark.speed import _peak_of_this_process
from j2klearn.metrics.psnr import psnr

RESULT = Path(__file__).parent / "results" / "arrays.json"
TILE = 1024
RATIO = 20
SLICE = 512
CHUNKS = (8, SLICE, SLICE)

#: scikit-image's photographs of at least one slice.
PHOTOGRAPHS = ("astronaut", "brick", "camera", "grass", "gravel", "moon")

_LUMA = np.array([0.299, 0.587, 0.114])


def _grey(picture: NDArray[Any]) -> NDArray[np.uint8]:
    return picture if picture.ndim == 2 else np.rint(picture[..., :3] @ _LUMA).astype(np.uint8)


def large_picture(side: int) -> NDArray[np.uint8]:
    """Return a square grey picture of mirrored photographs."""
    grey = _grey(glymur.Jp2k(glymur.data.nemo())[:])
    return np.pad(grey, [(0, max(0, side - length)) for length in grey.shape], "symmetric")[:side, :side]


def volume_of_photographs() -> NDArray[np.uint8]:
    """Return unrelated slices, so that no codec gains from the third axis."""
    from skimage import data

    nemo = _grey(glymur.Jp2k(glymur.data.nemo())[:])
    pictures = [nemo, *(_grey(getattr(data, name)()) for name in PHOTOGRAPHS)]
    slices = [
        picture[y : y + SLICE, x : x + SLICE]
        for picture in pictures
        for y in range(0, picture.shape[0] - SLICE + 1, SLICE)
        for x in range(0, picture.shape[1] - SLICE + 1, SLICE)
    ]
    return np.stack(slices)


def dask_mean(path: Path, threads: int) -> dict[str, Any]:
    """Compute the mean of a file with dask, in this process."""
    import dask
    import dask.array as da

    jp2 = j2klearn.Jp2k(path)
    before = _peak_of_this_process()
    start = time.perf_counter()
    with dask.config.set(scheduler="threads", num_workers=threads):
        mean = float(da.from_array(jp2, chunks=jp2.tilesize).mean().compute())
    seconds = time.perf_counter() - start
    return {"mean": mean, "seconds": seconds, "peak_bytes": _peak_of_this_process(), "before_bytes": before}


def numpy_mean(path: Path) -> float:
    """Return the mean of a file without dask; rows of tiles are decoded one after the other."""
    jp2 = j2klearn.Jp2k(path)
    rows = [jp2[top : top + TILE] for top in range(0, jp2.shape[0], TILE)]
    return float(np.concatenate(rows).mean())


def large_files(side: int, threads: int) -> list[dict[str, Any]]:
    picture = large_picture(side)
    print(f"{side} x {side} grey, tiles of {TILE}, {threads} threads; numpy's mean is {picture.mean():.6f}")
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for name, options in {
            "5/3, lossless": {"lossless": True, "model": None},
            f"learned, ratio {RATIO}": {"ratio": RATIO},
        }.items():
            path = Path(folder, "large.jp2")
            start = time.perf_counter()
            size = j2klearn.encode_file(picture, path, tile_size=TILE, **options)
            seconds = time.perf_counter() - start
            command = [sys.executable, __file__, "--mean", str(path), "--threads", str(threads)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            decoded = numpy_mean(path)
            found = {"name": name, "bytes": size, "encode_seconds": seconds, **found, "numpy_mean": decoded}
            cases.append(found)
            print(
                f"  {name}: {size / 1e6:.1f} MB, written in {seconds:.1f} s; dask's mean {found['mean']:.6f}, "
                f"numpy's of the decoded rows {decoded:.6f}, in {found['seconds']:.1f} s "
                f"({side * side / 1e6 / found['seconds']:.1f} MP/s), peak {found['peak_bytes'] / 2**20:.0f} MiB, "
                f"{found['before_bytes'] / 2**20:.0f} MiB of it before",
                flush=True,
            )
    return cases


def stored(values: NDArray[Any], **codec: Any) -> dict[str, Any]:
    """Write and read an array; return bytes, seconds and quality."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        array = zarr.create_array(folder, shape=values.shape, chunks=CHUNKS, dtype=values.dtype, **codec)
        array[:] = values
        written = time.perf_counter()
        again = zarr.open_array(folder, mode="r")[:]
        read = time.perf_counter()
        chunks = sum(path.stat().st_size for path in Path(folder, "c").rglob("*") if path.is_file())
    found = {"bytes": chunks, "write_seconds": written - start, "read_seconds": read - written}
    if np.array_equal(again, values):
        return {**found, "lossless": True}
    return {**found, "lossless": False, "psnr": psnr(values, again, 8 * values.dtype.itemsize)}


def volumes(values: NDArray[Any]) -> list[dict[str, Any]]:
    print(f"Zarr 3, {values.shape} {values.dtype}, chunks {CHUNKS}: {values.nbytes / 1e6:.2f} MB")
    bits = "bitshuffle" if values.dtype.itemsize == 1 else "shuffle"
    cases = []
    for name, codec in {
        "Zarr's default (Zstd)": {},
        "Zstd, level 19": {"compressors": ZstdCodec(level=19)},
        f"Blosc (Zstd 5, {bits})": {"compressors": BloscCodec(cname="zstd", clevel=5, shuffle=bits)},
        "j2klearn, lossless": {"serializer": J2KLearnCodec(), "compressors": None},
        f"j2klearn, 9/7, ratio {RATIO}": {
            "serializer": J2KLearnCodec(ratio=RATIO, model=None),
            "compressors": None,
        },
        f"j2klearn, learned, ratio {RATIO}": {"serializer": J2KLearnCodec(ratio=RATIO), "compressors": None},
    }.items():
        found = {"name": name, **stored(values, **codec)}
        cases.append(found)
        quality = "lossless" if found["lossless"] else f"{found['psnr']:.2f} dB"
        print(
            f"  {name}: {found['bytes'] / 1e6:.3f} MB, {values.nbytes / found['bytes']:.2f} : 1, {quality}, "
            f"written in {found['write_seconds']:.1f} s, read in {found['read_seconds']:.1f} s",
            flush=True,
        )
    return cases


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--side", type=int, default=10_000, help="side of the large picture (default: %(default)s)"
    )
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count(), help="threads of dask (default: all processors)"
    )
    parser.add_argument("--volume", type=Path, help="file of another volume, (z, y, x)")
    parser.add_argument("--mean", type=Path, help=argparse.SUPPRESS)  # the mode of the separate process
    options = parser.parse_args()
    if options.mean:
        print(json.dumps(dask_mean(options.mean, options.threads)))
        return 0
    large = large_files(options.side, options.threads)
    values = volume_of_photographs() if options.volume is None else np.load(options.volume)
    volume = "" if options.volume is None else f" --volume {options.volume.name}"
    result = {
        **made_by(f"python benchmarks/arrays.py --side {options.side} --threads {options.threads}{volume}"),
        "large": large,
        "volume": {"shape": values.shape, "dtype": str(values.dtype), "cases": volumes(values)},
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
