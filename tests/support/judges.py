"""Independent references: OpenJPEG's own decoder, and the PSNR computed by its definition."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def opj_decompress(file: Path) -> NDArray[np.int32]:
    """Decode a file with opj_decompress to an array (H, W, C), through PGX files, which store any bit depth."""
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
    """Return the PSNR in dB; 99 if the pictures are equal."""
    error = np.mean((original.astype(np.float64) - decoded) ** 2)
    return float(10 * np.log10(peak**2 / error)) if error else 99.0
