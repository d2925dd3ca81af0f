"""What the context networks see: integers made of the subbands that are decoded already.

Of a component at one level, on the grid of the level's LL, in units of 1/64: the low-pass plane less its mean of
nine, and its slopes; the details of the level above; the quantiser step and the level. Components that are coded with
the knowledge of others see these components' details of the same level too. All of it is compressed by asinh, so that
edges and texture have a like say. Shifts and divisions round down. This is part of the file format.
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

#: Planes of `Known`.
KNOWN = 3 + DETAILS

#: Planes of a component's own features: `Known.planes` and `scalar_planes`.
OWN = KNOWN + 2

#: Planes of `others`.
OTHERS = 2 * DETAILS + 1

_NINTH = 7282  # 2^16 / 9
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
