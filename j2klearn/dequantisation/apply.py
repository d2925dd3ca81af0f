"""Learned de-quantisation: a small network that removes quantisation noise after the synthesis.

The file stores the noise level of every component, layer and tile (`j2klearn.dequantisation.noise`). Only the decoder
runs the network, and only at full resolution.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..core.geometry import Rect
from ..core.timing import stage
from .twin.engine import dequantise_part
from .twin.network import AnyTwin, DequantiserTwin
from .twin.noise import noise_codes

if TYPE_CHECKING:
    from torch import Tensor

    from .networks import AnyDequantiser, FloatNetwork
    from .parts import Part

__all__ = ["NoiseMap", "dequantise"]

#: Rows and columns of the blocks that are processed one after the other.
_BLOCK = 512


def _blocks(area: Rect) -> Iterator[Rect]:
    for y in range(area.y0, area.y1, _BLOCK):
        for x in range(area.x0, area.x1, _BLOCK):
            yield Rect(y, x, y + _BLOCK, x + _BLOCK).intersection(area)


def _located(
    start: int, end: int, centres: NDArray[np.float64], side: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Locate the positions of `side` samples between tile centres.

    Returns the index of the tile centre before each position, and where the position's own centre lies from this tile
    centre (0) to the next (1).
    """
    at = np.interp(np.arange(start, end, side) + (side - 1) / 2, centres, np.arange(len(centres)))
    low = np.minimum(at.astype(np.intp), max(0, len(centres) - 2))
    return low, (at - low).astype(np.float32)


class NoiseMap:
    """The noise level of one component at every position, interpolated bilinearly between the centres of the tiles.

    Parameters
    ----------
    levels : ndarray, shape (tiles down, tiles across), float32
        log2 of the noise of each tile, in 8-bit grey levels.
    rows, columns : ndarray, float64
        Positions of the tile centres on the reference grid, in rising order.
    """

    def __init__(
        self, levels: NDArray[np.float32], rows: NDArray[np.float64], columns: NDArray[np.float64]
    ) -> None:
        self.levels, self.rows, self.columns = levels, rows, columns

    def of(self, area: Rect, side: int = 2) -> Tensor:
        """Return log2 of the noise in an area.

        Parameters
        ----------
        area : Rect
            An area of height H and width W with corners at multiples of `side`.
        side : int
            Side S of a position, in samples.

        Returns
        -------
        Tensor, shape (1, 1, H / S, W / S) or (1, 1, 1, 1), float32
            A value for every position, or one value if there is one tile only.
        """
        import torch

        if self.levels.size == 1:
            return torch.from_numpy(self.levels.reshape(1, 1, 1, 1).astype(np.float32))
        out = self.levels.astype(np.float32)
        for axis, (start, end, centres) in enumerate(
            ((area.y0, area.y1, self.rows), (area.x0, area.x1, self.columns))
        ):
            low, share = _located(start, end, centres, side)
            high = np.minimum(low + 1, len(centres) - 1)
            share = share[:, None] if axis == 0 else share
            out = np.take(out, low, axis) * (1 - share) + np.take(out, high, axis) * share
        return torch.from_numpy(np.ascontiguousarray(out))[None, None]

    def codes(self, area: Rect, side: int = 2) -> NDArray[np.int16]:
        """Return log2 of the noise in an area in integers; see `j2klearn.dequantisation.twin.noise.noise_codes`."""
        return noise_codes(self.levels, self.rows, self.columns, area, side)


@stage("de-quantisation")
def dequantise(
    planes: NDArray[np.float32],
    area: Rect,
    network: AnyDequantiser | AnyTwin,
    noises: Sequence[NoiseMap | None],
    *,
    ict: bool,
    wanted: Rect | None = None,
    threads: int = 1,
) -> None:
    """Remove quantisation noise from the components of a picture, in place.

    Parameters
    ----------
    planes : ndarray, shape (C, H, W), float32
        Samples in units of 8-bit grey levels, level shifted.
    area : Rect
        The area of the planes on the grid. If it ends inside the picture, as many samples as the network's `reach` are
        wrong there and must be cropped.
    network : Dequantiser, GuidedDequantiser, ResidualDequantiser, DequantiserTwin or GuidedTwin
        The network of the model. Twins need no PyTorch.
    noises : sequence of NoiseMap or None
        The noise of each component; None leaves the component unchanged. If one network writes both chroma components
        and one of them has None, both are left unchanged.
    ict : bool
        Whether the first three components are those of the ICT.
    wanted : Rect, optional
        The part of the area that is needed. Default: all of it.
    threads : int
        Most threads that a twin uses. PyTorch uses its own.
    """
    for part in network.parts(len(planes), ict=ict):
        available = [noise for noise in (noises[at] for at in part.writes) if noise is not None]
        if len(available) < len(part.writes) or not area.size:
            continue
        if isinstance(part.network, DequantiserTwin):
            side = part.network.side
            codes = [noise.codes(area.aligned(side), side) for noise in available]
            dequantise_part(planes, area, part, codes, wanted=wanted, threads=threads)
        else:
            _apply(planes, area, part, available)


def _apply(
    planes: NDArray[np.float32], area: Rect, part: Part[FloatNetwork], noises: Sequence[NoiseMap]
) -> None:
    import torch

    side = part.network.side
    source = planes[list(part.reads)]  # a copy: later blocks must read unchanged samples
    with torch.inference_mode():
        for block in _blocks(area):
            wide = block.grown(part.network.reach).intersection(area)
            whole = wide.aligned(side)
            pads = (
                (0, 0),
                (wide.y0 - whole.y0, whole.y1 - wide.y1),
                (wide.x0 - whole.x0, whole.x1 - wide.x1),
            )
            samples = np.pad(source[(slice(None), *wide.slices_in(area))], pads, mode="edge")
            noise = torch.cat([each.of(whole, side) for each in noises], 1)
            added = part.network(torch.from_numpy(samples)[None], noise)[0].numpy()
            for index, more in zip(part.writes, added, strict=True):
                planes[index][block.slices_in(area)] += more[block.slices_in(whole)]
