"""What the context networks see: integers made of the subbands that are decoded already.

Of a component at one level, on the grid of the level's LL, in units of 1/64: the low-pass plane less its mean of
nine, and its slopes; the details of the level above; the quantiser step and the level. Components that are coded with
the knowledge of others see these components' details of the same level too. All of it is compressed by asinh, so that
edges and texture have a like say. Shifts and divisions round down. This is part of the file format.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..integer.tables import tables
from .lowpass import FRACTION, LowPass

__all__ = [
    "DETAILS",
    "KNOWN",
    "OTHERS",
    "OWN",
    "UNIT",
    "Known",
    "compress",
    "compressed",
    "known",
    "others",
    "scalar_planes",
]

#: Features are in units of one over this.
UNIT = 64

DETAILS = 3  # HL, LH, HH

#: Planes of `Known`.
KNOWN = 3 + DETAILS

#: Planes of a component's own features: `Known.planes` and `scalar_planes`.
OWN = KNOWN + 2

#: Planes of `others`.
OTHERS = 2 * DETAILS + 1

_TABLE_BITS = 12
_NINTH = 7282  # 2^16 / 9
_MAX_LEVEL = 5
_SMALL = 256  # magnitudes below this are looked up
_LOCAL = 1 << 17  # largest magnitude of `Known.local`


class Known(NamedTuple):
    """What is known of a component before a level of it is decoded, on the grid of the level's LL.

    Attributes
    ----------
    planes : Tensor of int16, shape (N, KNOWN, h, w)
        The low-pass plane less its mean of nine, its slopes across and down, HL, LH and HH of the level above;
        compressed.
    local : Tensor of int32, shape (N, 1 + DETAILS, h, w)
        The first, and the last three, in sixteenths of the quantiser step, clamped to 2^17.
    """

    planes: Tensor
    local: Tensor


@functools.cache
def _table(device: torch.device) -> tuple[Tensor, Tensor]:
    asinh, octaves = (torch.from_numpy(tables()[name]).long() for name in ("asinh", "octaves"))
    return asinh.to(device), octaves.to(device)


def compress(x: Tensor) -> Tensor:
    """Return 64 asinh(x / 16), rounded, int16, of int64 below 2^53 in magnitude."""
    table, octaves = _table(x.device)
    size = x.abs()
    over = (torch.frexp(size.double())[1].long() - _TABLE_BITS).clamp_min(0)
    value = (table[size >> over] + octaves[over]).to(torch.int16)
    return torch.where(x < 0, -value, value)


@functools.cache
def _small() -> NDArray[np.int16]:
    whole = torch.arange(_SMALL, dtype=torch.int64) << FRACTION
    out: NDArray[np.int16] = compress(whole).numpy()
    return out


def compressed(values: NDArray[np.int32]) -> NDArray[np.int16]:
    """Return 64 asinh(v), rounded, of integers below 2^30 in magnitude; see `compress`."""
    size, table = np.abs(values), _small()
    if not size.size or size.max() < _SMALL:
        return np.where(values < 0, -table[size], table[size])
    whole = torch.from_numpy(values.astype(np.int64)) << FRACTION
    out: NDArray[np.int16] = compress(whole).numpy()
    return out


def _slopes(low: LowPass) -> Tensor:
    x = low.plane
    wide = torch.cat([x[..., :1, :], x, x[..., -1:, :]], -2)
    wide = torch.cat([wide[..., :1], wide, wide[..., -1:]], -1)
    rows = wide[..., :-2, :] + wide[..., 1:-1, :] + wide[..., 2:, :]
    total = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    middle = ((9 * x - total) * _NINTH) >> 16
    across = (wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]) >> 1
    down = (wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]) >> 1
    return torch.stack([low.relative(middle), low.relative(across), low.relative(down)], -3)


def known(low: LowPass, above: Tensor | None) -> Known:
    """Return what is known of a component before a level of it is decoded.

    Parameters
    ----------
    low : LowPass
        Its low-pass plane (N, h, w) at this level.
    above : Tensor of int64, shape (N, 3, ha, wa), optional
        HL, LH and HH of the level above, on its grid; None at the coarsest.
    """
    slopes = _slopes(low)
    height, width = slopes.shape[-2:]

    def spread(plane: Tensor) -> Tensor:
        return plane.repeat_interleave(2, -2).repeat_interleave(2, -1)[..., :height, :width]

    if above is None:
        above = slopes.new_zeros(len(slopes), DETAILS, (height + 1) // 2, (width + 1) // 2)
    parents = above << FRACTION
    planes = torch.cat([compress(slopes), spread(compress(parents))], 1)
    bounded = [x.clamp(-_LOCAL, _LOCAL).to(torch.int32) for x in (slopes[:, :1], parents)]
    return Known(planes, torch.cat([bounded[0], spread(bounded[1])], 1))


def scalar_planes(step_code: Tensor, level: int, shape: tuple[int, int]) -> Tensor:
    """Return the quantiser step and the level as planes (N, 2, h, w), from 16 log2 of the steps (N,)."""
    step = (step_code - UNIT).to(torch.int16).view(-1, 1, 1, 1)
    place = torch.full_like(step, (min(level - 1, _MAX_LEVEL) * UNIT) // _MAX_LEVEL)
    return torch.cat([step, place], 1).expand(-1, -1, *shape)


def others(details: Sequence[Tensor | None], shape: tuple[int, int], count: int) -> Tensor:
    """Return the details (N, 3, h, w) of other components, zeros and no mark where one is not decoded yet.

    Parameters
    ----------
    details : sequence of Tensor of int64 or None
        Of the components before.
    shape : (int, int)
        Of the level's grid.
    count : int
        N.
    """
    device = next((part.device for part in details if part is not None), None)
    planes = []
    for part in details:
        empty = torch.zeros(count, DETAILS, *shape, dtype=torch.int16, device=device)
        planes.append(empty if part is None else compress(part << FRACTION))
    mark = torch.full(
        (count, 1, *shape), 0 if details[-1] is None else UNIT, dtype=torch.int16, device=device
    )
    return torch.cat([*planes, mark], 1)
