"""The error of a decoded picture as rate allocation with visual weights counts it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.geometry import Rect
from ..core.picture import Picture
from ..core.subbands import Subbands, subband_rects
from ..native import wavelet
from ..transform.colour import planes
from ..transform.norms import norm_97
from .visual_weights import component_gains, visual_weights

__all__ = ["decomposed", "visual_psnr"]

_PEAK = 255.0  # in 8-bit grey levels


def decomposed(plane: NDArray[np.float32], area: Rect, levels: int, threads: int = 1) -> Subbands:
    """Return the subbands of a plane by the 9/7.

    Parameters
    ----------
    plane : ndarray, shape (area.height, area.width), float32
        The samples.
    area : Rect
        The area of the plane on its grid.
    levels : int
        Decomposition levels.
    threads : int
        Threads to use.
    """
    low, details = plane, []
    for level in range(levels):
        low, *bands = wavelet.analyse(low, area.resolution(level).origin, threads)
        details.append((bands[0], bands[1], bands[2]))
    return Subbands(area, low, details)


def visual_psnr(picture: Picture, decoded: NDArray[Any], area: Rect, levels: int, threads: int = 1) -> float:
    """Return the PSNR in dB, with visual weights on the errors of the subbands; infinite for equal pictures.

    Parameters
    ----------
    picture : Picture
        The original picture.
    decoded : ndarray
        The samples of the decoded picture, of the shape and the dtype of those of `picture`.
    area : Rect
        Area of the picture on the reference grid.
    levels : int
        Decomposition levels.
    threads : int
        Threads to use.
    """
    total = 0.0
    weights, gains = visual_weights(picture, levels), component_gains(picture)
    rgb = "rgb" if picture.colours == 3 else "grey"
    errors = planes(Picture(decoded, picture.bit_depth, colorspace=rgb, component_transform=picture.ict))
    errors -= planes(picture)
    for plane, own, gain in zip(errors, weights, gains, strict=True):
        bands = decomposed(plane, area, levels, threads)
        places = subband_rects(area, levels)
        for band, weight, (name, level, _) in zip(bands.bands(), own, places, strict=True):
            squares = float(np.square(band).sum(dtype=np.float64))
            total += gain * squares * (weight * norm_97(name, level)) ** 2
    if not total:
        return math.inf
    return 10 * math.log10(_PEAK**2 * errors.size / total)
