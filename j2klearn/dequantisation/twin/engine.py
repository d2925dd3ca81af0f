"""De-quantisation of components by a twin, in native code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.geometry import Rect
from ..noise import REACH
from .network import DequantiserTwin

__all__ = ["dequantise_component"]

#: Rows that are corrected at a time. A copy of them and of their neighbours is all the memory that a picture needs.
_BAND = 1024


def dequantise_component(
    plane: NDArray[np.float32],
    area: Rect,
    twin: DequantiserTwin,
    noise: NDArray[np.int16],
    *,
    part: Rect | None = None,
    threads: int = 1,
) -> None:
    """Remove quantisation noise from a component, in place.

    Parameters
    ----------
    plane : ndarray, float32, shape (area.height, area.width)
        Samples in units of 8-bit grey levels, level shifted.
    area : Rect
        The area of the samples on the grid.
    twin : DequantiserTwin
        The network.
    noise : ndarray, int16
        See `j2klearn.dequantisation.twin.noise.noise_codes`.
    part : Rect, optional
        The part of the area to correct. Default: all of it.
    threads : int
        Most threads to use.
    """
    part = area if part is None else part
    above = plane[max(part.y0 - REACH - area.y0, 0) : part.y0 - area.y0]  # unchanged rows above the band
    for y in range(part.y0, part.y1, _BAND):
        end = min(y + _BAND, part.y1)
        band = Rect(y - len(above), area.x0, min(end + REACH, area.y1), area.x1)
        source = np.concatenate([above, plane[y - area.y0 : band.y1 - area.y0]])
        target = plane[band.y0 - area.y0 : band.y1 - area.y0]
        codes = noise if len(noise) == 1 else noise[_block(band.y0, area) : _block(band.y1 + 1, area)]
        twin.native.apply(source, target, band, codes, part=Rect(y, part.x0, end, part.x1), threads=threads)
        above = source[max(0, end - REACH - band.y0) : end - band.y0].copy()


def _block(row: int, area: Rect) -> int:
    """Return the index of the blocks that a row belongs to."""
    return row // 2 - area.y0 // 2
