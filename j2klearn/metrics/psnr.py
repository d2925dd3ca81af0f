"""Peak signal-to-noise ratio."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["EXACT", "psnr"]

#: The PSNR in dB that benchmarks give to equal pictures.
EXACT = 99.0

_STRIP_PIXELS = 1 << 20  # pixels per strip, which bounds the memory


def psnr(original: NDArray[Any], decoded: NDArray[Any], bit_depth: int = 8, *, exact: float = EXACT) -> float:
    """Return the PSNR over all samples in dB.

    Parameters
    ----------
    original, decoded : ndarray, shape (H, W) or (H, W, C)
        Samples of the same picture.
    bit_depth : int
        Bits per sample. The peak is ``2 ** bit_depth - 1``.
    exact : float
        The PSNR of equal pictures. Default: 99. Pictures of 16 bits may differ and have a higher PSNR.
    """
    total, rows = 0.0, max(1, _STRIP_PIXELS // original.shape[1])
    for top in range(0, original.shape[0], rows):
        strip = original[top : top + rows].astype(np.float32)
        total += float(np.square(strip - decoded[top : top + rows]).sum(dtype=np.float64))
    if total == 0:
        return exact
    peak = (1 << bit_depth) - 1
    return 10 * math.log10(peak**2 * original.size / total)
