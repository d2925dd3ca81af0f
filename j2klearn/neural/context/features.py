"""The features of the context networks: integers that are computed from the decoded subbands.

The features of a component at one level are planes on the grid of the level's LL, in units of 1/64: the low-pass plane
less its 3x3 mean, its slopes, the details of the next coarser level, the quantiser step and the level. Components that
are conditioned on others also have the details of these components at the same level. Planes of coefficients are
compressed by asinh, so that edges do not outweigh texture. Shifts and divisions round down. This is part of the file
format.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..integer.companding import FRACTION, UNIT, compress
from .lowpass import LowPass

__all__ = ["DETAILS", "KNOWN", "OTHERS", "OWN", "Known", "known", "others"]


DETAILS = 3  # HL, LH, HH

#: Number of planes of `Known`.
KNOWN = 3 + DETAILS

#: Number of planes of the features of a component itself: `Known.planes` and `scalar_planes`.
OWN = KNOWN + 2

#: Number of planes of `others`.
OTHERS = 2 * DETAILS + 1

_NINTH = 7282  # 2^16 / 9
_LOCAL = 1 << 17  # largest magnitude of `Known.local`


class Known(NamedTuple):
    """The features of a component that are available before a level is decoded, on the grid of the level's LL.

    Attributes
    ----------
    planes : Tensor of int16, shape (N, KNOWN, h, w)
        The low-pass plane less its 3x3 mean, its horizontal and vertical slopes, and HL, LH and HH of the next coarser
        level; all compressed.
    local : Tensor of int32, shape (N, 1 + DETAILS, h, w)
        The first and the last three of these planes before compression, in sixteenths of the quantiser step, clamped
        to +-2^17.
    """

    planes: Tensor
    local: Tensor


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
    """Return the features of a component that are available before a level is decoded.

    Parameters
    ----------
    low : LowPass
        The low-pass plane (N, h, w) of the component at this level.
    above : Tensor of int64, shape (N, 3, ha, wa), optional
        HL, LH and HH of the next coarser level, on its grid; None at the coarsest level.
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


def others(details: Sequence[Tensor | None], shape: tuple[int, int], count: int) -> Tensor:
    """Return the compressed details of other components, and a plane that marks whether there is a second one.

    Parameters
    ----------
    details : sequence of Tensor of int64 or None
        The details (N, 3, h, w) of the two earlier components; None for one that is not decoded yet.
    shape : (int, int)
        Height and width of the grid of the level.
    count : int
        N.

    Returns
    -------
    Tensor of int16, shape (N, OTHERS, h, w)
        The details, zeros for a missing component; and a plane of 64 if the last component is there, otherwise of 0.
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
