"""Quality metrics of decoded pictures: PSNR, SSIM and MS-SSIM (pytorch-msssim), and SSIMULACRA2."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .luma import luma
from .psnr import psnr
from .ssimulacra2 import MIN_SIDE, ssimulacra2

__all__ = ["LUMA", "METRICS", "library", "measure"]

METRICS = ("psnr", "ssim", "ms-ssim", "ssimulacra2")

#: The PSNR of luma, measured on request.
LUMA = "psnr-y"

#: Minimum side in pixels: the 11 x 11 window must fit, for MS-SSIM at a sixteenth of the size.
_MIN_SIDE = {"ssim": 11, "ms-ssim": 161, "ssimulacra2": MIN_SIDE}


def library() -> str:
    """Return the name and version of the library that computes SSIM and MS-SSIM."""
    return f"pytorch-msssim {version('pytorch-msssim')}"


def measure(
    original: NDArray[Any], decoded: NDArray[Any], bit_depth: int, metrics: Sequence[str] = METRICS
) -> dict[str, float | None]:
    """Compare a decoded picture with its original.

    Parameters
    ----------
    original, decoded : ndarray, shape (H, W) or (H, W, C)
        Samples, uint8 or uint16. SSIM and MS-SSIM are averaged over components. SSIMULACRA2 takes grey or RGB.
    bit_depth : int
        Bits per sample. The peak is ``2 ** bit_depth - 1``.
    metrics : sequence of str
        Metrics to compute: names from `METRICS`, and `LUMA`.

    Returns
    -------
    dict
        Values by metric: PSNR in dB, SSIM and MS-SSIM up to 1, SSIMULACRA2 up to 100; None if the picture is too small
        for a metric, or has too many components.
    """
    values: dict[str, float | None] = {}
    if "psnr" in metrics:
        values["psnr"] = psnr(original, decoded, bit_depth)
    if LUMA in metrics:
        first, second = (luma(image) if image.ndim == 3 else image for image in (original, decoded))
        values[LUMA] = psnr(first, second, bit_depth)
    fits = {name: min(original.shape[:2]) >= side for name, side in _MIN_SIDE.items()}
    if "ssimulacra2" in metrics:
        known = fits["ssimulacra2"] and original.shape[2:] in ((), (3,))
        values["ssimulacra2"] = ssimulacra2(original, decoded, bit_depth) if known else None
    others = [name for name in metrics if name in ("ssim", "ms-ssim")]
    if not others:
        return values
    import torch
    from pytorch_msssim import ms_ssim, ssim

    def batch(image: NDArray[Any]) -> torch.Tensor:
        planes = np.atleast_3d(image).transpose(2, 0, 1)[None]
        return torch.from_numpy(np.ascontiguousarray(planes, np.float32))

    functions = {"ssim": ssim, "ms-ssim": ms_ssim}
    with torch.inference_mode():
        batches = batch(original), batch(decoded)
        for name in others:
            peak = (1 << bit_depth) - 1
            values[name] = functions[name](*batches, data_range=peak).item() if fits[name] else None
    return values
