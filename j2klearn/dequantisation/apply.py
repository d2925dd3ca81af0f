"""Learned de-quantisation: after the synthesis a small network takes off the picture what quantisation has put there.

How much noise there is the file tells, for every component, layer and tile (`j2klearn.dequantisation.noise`). It is a
matter of the decoder alone, at full resolution.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.geometry import Rect
from ..core.timing import stage
from .networks import AnyDequantiser, Part
from .noise import REACH

__all__ = ["NoiseMap", "dequantise"]

_BLOCK = 512  # samples of a block that is worked on at once


def _blocks(area: Rect) -> Iterator[Rect]:
    for y in range(area.y0, area.y1, _BLOCK):
        for x in range(area.x0, area.x1, _BLOCK):
            yield Rect(y, x, y + _BLOCK, x + _BLOCK).intersection(area)


def _positions(
    start: int, end: int, centres: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return between which centres each pair of samples lies, and how far along."""
    at = np.interp(np.arange(start, end, 2) + 0.5, centres, np.arange(len(centres)))
    low = np.minimum(at.astype(np.intp), max(0, len(centres) - 2))
    return low, (at - low).astype(np.float32)


class NoiseMap:
    """log2 of the noise everywhere: as it is at the centres of tiles, and in between by bilinear interpolation.

    Parameters
    ----------
    levels : ndarray, shape (tiles down, tiles across)
        log2 of the noise of each tile.
    rows, columns : ndarray
        Where the centres of the tiles are on the reference grid, rising.
    """

    def __init__(
        self, levels: NDArray[np.float32], rows: NDArray[np.float64], columns: NDArray[np.float64]
    ) -> None:
        self.levels, self.rows, self.columns = levels, rows, columns

    def of(self, area: Rect) -> Tensor:
        """Return it for an area with even corners, a value for each two by two samples; or one for all."""
        if self.levels.size == 1:
            return torch.from_numpy(self.levels.reshape(1, 1, 1, 1).astype(np.float32))
        out = self.levels.astype(np.float32)
        for axis, (start, end, centres) in enumerate(
            ((area.y0, area.y1, self.rows), (area.x0, area.x1, self.columns))
        ):
            low, share = _positions(start, end, centres)
            high = np.minimum(low + 1, len(centres) - 1)
            share = share[:, None] if axis == 0 else share
            out = np.take(out, low, axis) * (1 - share) + np.take(out, high, axis) * share
        return torch.from_numpy(np.ascontiguousarray(out))[None, None]


@stage("de-quantisation")
def dequantise(
    planes: NDArray[np.float32],
    area: Rect,
    network: AnyDequantiser,
    noises: Sequence[NoiseMap | None],
    *,
    ict: bool,
) -> None:
    """Work on the components of a picture in place.

    Parameters
    ----------
    planes : ndarray, shape (C, H, W), float32
        Samples in units of 8-bit grey levels, level shifted.
    area : Rect
        What they cover on the grid. Where it ends and the picture does not, `j2klearn.dequantisation.noise.REACH`
        samples come out wrong.
    network : Dequantiser, GuidedDequantiser or ResidualDequantiser
        Of the model.
    noises : sequence of NoiseMap or None
        What is to be expected of each component; nothing is done to those without, nor to chroma if one of the two
        is without and they are worked on together.
    ict : bool
        The first three components are those of the ICT.
    """
    for part in network.parts(len(planes), ict=ict):
        told = [noise for noise in (noises[at] for at in part.writes) if noise is not None]
        if len(told) == len(part.writes):
            _work_on(planes, area, part, told)


def _work_on(planes: NDArray[np.float32], area: Rect, part: Part, noises: Sequence[NoiseMap]) -> None:
    source = planes[list(part.reads)]  # a copy
    with torch.inference_mode():
        for block in _blocks(area):
            wide = block.grown(REACH).intersection(area)
            even = wide.evened()
            pads = ((0, 0), (wide.y0 - even.y0, even.y1 - wide.y1), (wide.x0 - even.x0, even.x1 - wide.x1))
            samples = np.pad(source[(slice(None), *wide.slices_in(area))], pads, mode="edge")
            noise = torch.cat([each.of(even) for each in noises], 1)
            added = part.network(torch.from_numpy(samples)[None], noise)[0].numpy()
            for index, more in zip(part.writes, added, strict=True):
                planes[index][block.slices_in(area)] += more[block.slices_in(even)]
