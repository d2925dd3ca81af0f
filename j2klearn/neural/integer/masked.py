"""Masked convolutions, which only read places that come before in raster order, in floating point and in integers."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from .layer import Layer

__all__ = ["MASK", "TAPS", "Masked", "MaskedLayer", "mask_rows"]

#: Row and column offsets of the places that a masked convolution reads: four before it in raster order, and its own.
MASK = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0))

TAPS = len(MASK)


class Masked(nn.Module):
    """A 3x3 convolution that only reads places before its own in raster order, or its own too.

    The weights have shape (outputs, inputs, 4 or 5), by place as in `MASK`.

    Parameters
    ----------
    inputs, outputs : int
        Numbers of channels.
    centre : bool
        Whether it reads its own place too.
    """

    def __init__(self, inputs: int, outputs: int, *, centre: bool) -> None:
        super().__init__()
        self.taps = TAPS if centre else TAPS - 1
        bound = (inputs * self.taps) ** -0.5
        self.weight = nn.Parameter(torch.empty(outputs, inputs, self.taps).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        outputs, inputs, taps = self.weight.shape
        kernel = F.pad(self.weight, (0, 9 - taps)).view(outputs, inputs, 3, 3)
        return F.conv2d(x, kernel.contiguous(memory_format=torch.channels_last), self.bias, padding=1)


def mask_rows(module: Masked) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weights (outputs, 1, 1, taps x inputs), by place and then by channel, and biases (outputs,)."""
    weight = module.weight.detach().cpu().double().permute(0, 2, 1).numpy()
    bias: NDArray[np.float64] = module.bias.detach().cpu().double().numpy()
    return weight.reshape(len(weight), 1, 1, -1), bias


class MaskedLayer:
    """A masked convolution in integers.

    Parameters
    ----------
    rows : Layer
        A layer of size 1 whose input channels are those of all places of the mask, gathered in the order of `MASK`.
    taps : int
        Number of places that it reads, 4 or 5.
    """

    def __init__(self, rows: Layer, taps: int) -> None:
        self.rows, self.taps = rows, taps

    @functools.cached_property
    def plane(self) -> Layer:
        """The same convolution as a 3x3 layer for whole planes."""
        rows = self.rows
        inputs = rows.cin // self.taps
        weights: NDArray[Any] = np.zeros((rows.cout, 9, inputs), np.int16)
        weights[:, : self.taps] = rows.weights.reshape(rows.cout, self.taps, inputs)
        return Layer(
            weights.reshape(rows.cout, 3, 3, inputs),
            rows.bias,
            rows.shift,
            rows.low,
            rows.high,
            rows.input_bound,
        )
