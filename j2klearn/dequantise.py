"""Learned de-quantisation: after the synthesis a small network takes off the picture what quantisation has put there.

It works at half resolution on the four phases of the samples, normalised by the noise to be expected, which the file
tells for every component, layer and tile (`j2klearn.noise`), and adds to the samples. It is a matter of the decoder
alone, at full resolution.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from .geometry import Rect
from .noise import REACH
from .stages import stage

__all__ = ["Dequantiser", "NoiseMap", "ResidualDequantiser", "dequantise", "dequantiser_of"]

_MEAN = 9  # side of the window, at half resolution, whose mean is taken off
_BLOCK = 512  # samples of a block that is worked on at once
_COMPRESSION = 0.7
_LOG_SCALE = 0.25
_RANGE = 256.0


class Dequantiser(nn.Module):
    """The network.

    With u the four phases over the noise, and v their distance from the mean around them: 0.7 asinh(v) and a quarter
    of log2 of the noise go through a 3x3 convolution and ReLU; then pairs of 3x3 convolutions, each pair with ReLU
    between and, its input added, ReLU behind; a 3x3 convolution makes four phases of it, times the noise. Beyond the
    border of the picture convolutions read zeros.

    Parameters
    ----------
    width : int
        Channels.
    pairs : int
        Pairs of convolutions, 1 to 4.
    """

    told = True

    def __init__(self, width: int, pairs: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(5, width, 3, padding=1)
        self.body = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(2 * pairs))
        self.tail = nn.Conv2d(width, 4, 3, padding=1)
        nn.init.zeros_(self.tail.weight)
        if self.tail.bias is not None:
            nn.init.zeros_(self.tail.bias)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """Return what is to be added to the samples.

        Parameters
        ----------
        x : Tensor, shape (N, 1, H, W)
            Samples in units of 8-bit grey levels, H and W even.
        noise : Tensor, shape (N, 1, H / 2, W / 2), or one that broadcasts to it
            log2 of the noise.
        """
        scale = torch.exp2(noise)
        u = F.pixel_unshuffle(x, 2) / scale
        wide = F.pad(u.mean(1, keepdim=True), (_MEAN // 2,) * 4, mode="replicate")
        v = torch.asinh(u - F.avg_pool2d(wide, _MEAN, 1)) * _COMPRESSION
        h = torch.cat([v, (noise * _LOG_SCALE).expand(-1, 1, *v.shape[2:])], 1)
        kind = self.head.weight.dtype
        h = F.relu(self.head(h.to(kind, memory_format=torch.channels_last)))
        for first, second in zip(self.body[::2], self.body[1::2], strict=True):
            h = F.relu(h + second(F.relu(first(h))))
        return F.pixel_shuffle(self.tail(h).float() * scale, 2)


class ResidualDequantiser(nn.Module):
    """The de-quantisation module of iWave++ (P2, Section 2.2): at full resolution, for one rate or told the noise.

    The samples over 256 go through a 3x3 convolution, residual blocks of two 3x3 convolutions with ReLU between, one
    more of these convolutions with the first one's output added, and a last one that makes one channel of it, times
    256.

    Parameters
    ----------
    width : int
        Channels, 64 in P2.
    blocks : int
        Residual blocks, 6 in P2.
    told : bool
        A plane of a quarter of log2 of the noise goes in beside the samples, for models of a range of rates.
    """

    def __init__(self, width: int, blocks: int, told: bool) -> None:
        super().__init__()
        self.told = told
        self.head = nn.Conv2d(2 if told else 1, width, 3, padding=1)
        self.body = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(2 * blocks))
        self.join = nn.Conv2d(width, width, 3, padding=1)
        self.tail = nn.Conv2d(width, 1, 3, padding=1)
        with torch.no_grad():
            for layer in self.body[1::2]:
                layer.weight *= 0.3  # type: ignore[operator,assignment]
        nn.init.zeros_(self.tail.weight)
        if self.tail.bias is not None:
            nn.init.zeros_(self.tail.bias)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """Return what is to be added to the samples; see `Dequantiser.forward`."""
        planes = x / _RANGE
        if self.told:
            up = noise.repeat_interleave(2, 2).repeat_interleave(2, 3) if noise.shape[-1] > 1 else noise
            planes = torch.cat([planes, (up * _LOG_SCALE).expand_as(x)], 1)
        kind = self.head.weight.dtype
        first = self.head(planes.to(kind, memory_format=torch.channels_last))
        h = first
        for inner, outer in zip(self.body[::2], self.body[1::2], strict=True):
            h = h + outer(F.relu(inner(h)))
        out: Tensor = self.tail(self.join(h) + first)
        return out.float() * _RANGE


#: Networks by the ``kind`` in their options; the one without is the first of this module.
_NETWORKS: dict[str, type[Dequantiser] | type[ResidualDequantiser]] = {
    "": Dequantiser,
    "residual": ResidualDequantiser,
}


def dequantiser_of(options: Mapping[str, Any]) -> Dequantiser | ResidualDequantiser:
    """Return an untrained network of the options in a model's configuration."""
    own = {key: value for key, value in options.items() if key != "kind"}
    return _NETWORKS[options.get("kind", "")](**own)


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
    plane: NDArray[np.float32], area: Rect, network: Dequantiser | ResidualDequantiser, noise: NoiseMap
) -> None:
    """Work on a component in place.

    Parameters
    ----------
    plane : ndarray, shape (H, W), float32
        Samples in units of 8-bit grey levels, level shifted.
    area : Rect
        What they cover on the grid. Where it ends and the picture does not, `j2klearn.noise.REACH` samples come out
        wrong.
    network : Dequantiser or ResidualDequantiser
        Of the model.
    noise : NoiseMap
        What is to be expected.
    """
    source = plane.copy()
    with torch.inference_mode():
        for block in _blocks(area):
            wide = block.grown(REACH).intersection(area)
            even = Rect(wide.y0 & ~1, wide.x0 & ~1, -(-wide.y1 // 2) * 2, -(-wide.x1 // 2) * 2)
            pads = ((wide.y0 - even.y0, even.y1 - wide.y1), (wide.x0 - even.x0, even.x1 - wide.x1))
            samples = np.pad(source[wide.slices_in(area)], pads, mode="edge")
            added = network(torch.from_numpy(samples)[None, None], noise.of(even))[0, 0].numpy()
            plane[block.slices_in(area)] += added[block.slices_in(even)]
