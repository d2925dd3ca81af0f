"""Pictures that a dependency ships, and files made from them, shared by the tests."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import glymur
import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn


@pytest.fixture(scope="session")
def photograph() -> NDArray[np.uint8]:
    """A 1456 x 2592 RGB photograph."""
    return np.asarray(glymur.Jp2k(glymur.data.nemo())[:])


@pytest.fixture(scope="session")
def rgb(photograph: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A detailed piece of it, of odd size."""
    return np.ascontiguousarray(photograph[600:857, 900:1283])


@pytest.fixture(scope="session")
def grey(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.rint(rgb @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)


@pytest.fixture(scope="session")
def grey16(grey: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """16-bit samples with something in the low bits."""
    noise = np.random.default_rng(1).integers(0, 256, grey.shape)
    return (grey.astype(np.uint16) << 8 | noise).astype(np.uint16)


@pytest.fixture(scope="session")
def layered(rgb: NDArray[np.uint8]) -> bytes:
    """A learned RGB file of four layers."""
    return j2klearn.encode(rgb, bpp=[0.25, 0.5, 1.0, 2.0])


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Processes that are started mind SIGINT, which a shell's jobs in the background, and what they start, do not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def opj_decompress(file: Path) -> NDArray[np.int32]:
    """Decode with OpenJPEG's own program; (H, W, C), by way of PGX files, which hold any bit depth."""
    command = ["opj_decompress", "-i", str(file), "-o", str(file.with_suffix(".pgx"))]
    subprocess.run(command, check=True, capture_output=True)
    planes = []
    for path in sorted(file.parent.glob(f"{file.stem}_*.pgx")):
        header, _, samples = path.read_bytes().partition(b"\n")
        _, order, depth, width, height = header.replace(b"+", b" ").split()[:5]
        kind = (">" if order == b"ML" else "<") + ("u1" if int(depth) <= 8 else "u2")
        planes.append(np.frombuffer(samples, kind).reshape(int(height), int(width)).astype(np.int32))
    return np.stack(planes, axis=-1)


def psnr(original: NDArray, decoded: NDArray, peak: float = 255.0) -> float:
    """PSNR in dB; 99 where the two are equal."""
    error = np.mean((original.astype(np.float64) - decoded) ** 2)
    return float(10 * np.log10(peak**2 / error)) if error else 99.0
