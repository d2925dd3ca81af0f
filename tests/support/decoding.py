"""Decoding with the command line into picture files, and reading of those."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from j2klearn.cli import main

SIZE = (24, 40)


def decoded(tmp_path: Path, file: bytes, name: str, *options: str) -> Path:
    source, target = tmp_path / "a.jp2", tmp_path / name
    source.write_bytes(file)
    assert main(["decode", str(source), str(target), *options]) == 0
    return target


def ramp(depth: int, components: int) -> NDArray[Any]:
    """Samples over the whole range, another one in each component."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    planes = [((x * 37 + y * (11 + 6 * i) + 5 * i) * 97) % (1 << depth) for i in range(components)]
    planes[0][0, :2] = 0, (1 << depth) - 1
    out = np.stack(planes, -1).astype(np.uint8 if depth <= 8 else np.uint16)
    return out if components > 1 else out[:, :, 0]


def chunks(path: Path) -> dict[bytes, bytes]:
    data, at, found = path.read_bytes(), 8, {}
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        found[kind] = data[at + 8 : at + 8 + size]
        at += size + 12
    return found


def read_png(path: Path) -> NDArray[Any]:
    """Read a PNG file with libpng, which changes no samples but those of one bit."""
    import imagecodecs

    data = path.read_bytes()
    out: NDArray[Any] = imagecodecs.png_decode(data)
    components = {0: 1, 2: 3, 4: 2, 6: 4}[data[25]]
    assert out.shape[2:] == ((components,) if components > 1 else ())
    return out // 255 if data[24] == 1 else out


def scaled(samples: NDArray[Any], depth: int, to: int) -> NDArray[Any]:
    """Scale by the definition, in floating point."""
    return np.floor(samples.astype(np.float64) * ((1 << to) - 1) / ((1 << depth) - 1) + 0.5)


def valid(path: Path) -> bool:
    from jpylyzer import jpylyzer

    return jpylyzer.checkOneFile(str(path)).findtext("isValid") == "True"
