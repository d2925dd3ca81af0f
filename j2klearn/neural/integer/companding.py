"""Companding of coefficients: asinh in integers, by a table for the top bits and one for the octave.

This is part of the file format.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .tables import tables

__all__ = ["FRACTION", "UNIT", "compress", "compressed", "scalar_planes"]

#: Fractional bits of values before companding: they count in sixteenths of a quantiser step.
FRACTION = 4

#: Companded features count in units of one over this.
UNIT = 64

_TABLE_BITS = 12

_MAX_LEVEL = 5  # levels from this one on have the same plane

_SMALL_LIMIT = 256  # magnitudes below this are looked up in a table of their own


@functools.cache
def _table(device: torch.device) -> tuple[Tensor, Tensor]:
    asinh, octaves = (torch.from_numpy(tables()[name]).long() for name in ("asinh", "octaves"))
    return asinh.to(device), octaves.to(device)


def compress(x: Tensor) -> Tensor:
    """Return 64 asinh(x / 16), rounded, int16, of int64 values below 2^53 in magnitude."""
    table, octaves = _table(x.device)
    size = x.abs()
    over = (torch.frexp(size.double())[1].long() - _TABLE_BITS).clamp_min(0)
    value = (table[size >> over] + octaves[over]).to(torch.int16)
    return torch.where(x < 0, -value, value)


@functools.cache
def _small_table() -> NDArray[np.int16]:
    whole = torch.arange(_SMALL_LIMIT, dtype=torch.int64) << FRACTION
    out: NDArray[np.int16] = compress(whole).numpy()
    return out


def compressed(values: NDArray[np.int32]) -> NDArray[np.int16]:
    """Return 64 asinh(v), rounded, int16, of int32 values below 2^30 in magnitude; see `compress`."""
    size, table = np.abs(values), _small_table()
    if not size.size or size.max() < _SMALL_LIMIT:
        return np.where(values < 0, -table[size], table[size])
    whole = torch.from_numpy(values.astype(np.int64)) << FRACTION
    out: NDArray[np.int16] = compress(whole).numpy()
    return out


def scalar_planes(step_code: Tensor, level: int, shape: tuple[int, int]) -> Tensor:
    """Return the quantiser step and the level as planes.

    Parameters
    ----------
    step_code : Tensor of integers, shape (N,)
        16 log2 of the quantiser steps.
    level : int
        The decomposition level, from 1 on.
    shape : (int, int)
        Height and width of the planes.

    Returns
    -------
    Tensor of int16, shape (N, 2, h, w)
        The step code less 64, and the level scaled from 0 (level 1) to 64 (level 6 and above).
    """
    step = (step_code - UNIT).to(torch.int16).view(-1, 1, 1, 1)
    depth = torch.full_like(step, (min(level - 1, _MAX_LEVEL) * UNIT) // _MAX_LEVEL)
    return torch.cat([step, depth], 1).expand(-1, -1, *shape)
