"""De-quantisation of components by a twin, in native code."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...core.geometry import Rect
from ..parts import Part
from .network import DequantiserTwin

__all__ = ["dequantise_part"]

#: Rows that are corrected at a time. A copy of them and of their neighbours is all the memory that a picture needs.
_BAND = 1024


def dequantise_part(
    planes: NDArray[np.float32],
    area: Rect,
    part: Part[DequantiserTwin],
    noises: Sequence[NDArray[np.int16]],
    *,
    wanted: Rect | None = None,
    threads: int = 1,
) -> None:
    """Apply a network to components of a picture, in place.

    Parameters
    ----------
    planes : ndarray, float32, shape (C, area.height, area.width)
        All components, in units of 8-bit grey levels, level shifted.
    area : Rect
        The area of the samples on the grid.
    part : Part
        The network, and the components that it reads and corrects.
    noises : sequence of ndarray, int16
        Of each component that is corrected; see `j2klearn.dequantisation.twin.noise.noise_codes`.
    wanted : Rect, optional
        The part of the area to correct. Default: all of it.
    threads : int
        Most threads to use.
    """
    reads = list(part.reads)
    reach, side = part.network.reach, part.network.side
    inner = area if wanted is None else wanted
    # unchanged rows above the band
    above = planes[reads, max(inner.y0 - reach - area.y0, 0) : inner.y0 - area.y0]
    for y in range(inner.y0, inner.y1, _BAND):
        end = min(y + _BAND, inner.y1)
        band = Rect(y - above.shape[1], area.x0, min(end + reach, area.y1), area.x1)
        below = planes[:, y - area.y0 : band.y1 - area.y0]
        sources = np.concatenate([above, below[reads]], 1)
        targets = [planes[at, band.y0 - area.y0 : band.y1 - area.y0] for at in part.writes]
        rows = slice(_position(band.y0, area, side), _position(band.y1 + side - 1, area, side))
        codes = [noise if len(noise) == 1 else noise[rows] for noise in noises]
        part.network.native.apply(
            list(sources), targets, band, codes, part=Rect(y, inner.x0, end, inner.x1), threads=threads
        )
        above = sources[:, max(0, end - reach - band.y0) : end - band.y0].copy()


def _position(row: int, area: Rect, side: int) -> int:
    """Return the index of the positions that a row belongs to."""
    return row // side - area.y0 // side
