"""Low-pass planes of the decoded levels, in integers: the context of the next finer level.

All inputs of a context have to be the same on every machine. The synthesis of pictures is floating point, so it is not.
Therefore a separate integer synthesis computes these planes from the indices: the 9/7 in fixed-point arithmetic for
quantised subbands, the reversible 5/3 (T.800 F.4.8.1) for lossless files. Shifts round down. This is part of the file
format.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...transform.norms import norm_97
from ...transform.wavelet import WAVELETS
from ..integer.companding import FRACTION

__all__ = ["Irreversible", "LowPass", "Reversible"]


_PLANE_BITS = 8  # fractional bits of planes, which are in units of the quantiser step
_SHIFT = 14  # fractional bits of the lifting coefficients
# the lifting coefficients of T.800 Table F.4
_ALPHA, _BETA, _GAMMA, _DELTA = (
    round(c * (1 << _SHIFT))
    for c in (-1.586134342059924, -0.052980118572961, 0.882911075530934, 0.443506852043971)
)
_K = round(1.230174104914001 * (1 << _SHIFT))
_INVERSE_K = round((1 << _SHIFT) / 1.230174104914001)
_NORM_SHIFT = 12  # further fractional bits of the factors that undo the norms


def _rounded(x: Tensor, factor: int, shift: int) -> Tensor:
    return (x * factor + (1 << (shift - 1))) >> shift


def _neighbours(x: Tensor, before: int, count: int) -> tuple[Tensor, Tensor]:
    """Return the elements at k - `before` and k - `before` + 1 for k from 0 to `count` - 1. Border elements repeat."""
    last = x.shape[-1] - 1
    first = torch.arange(-before, count - before, device=x.device)
    return x[..., first.clamp(0, last)], x[..., (first + 1).clamp(0, last)]


def _merged(low: Tensor, high: Tensor) -> Tensor:
    """Return the synthesis of the 9/7 along the last axis (T.800 F.4.8.2), in fixed-point arithmetic."""
    out = low.new_empty(*low.shape[:-1], low.shape[-1] + high.shape[-1])
    if high.shape[-1] == 0:
        out.copy_(low)
        return out
    low, high = _rounded(low, _K, _SHIFT), _rounded(high, _INVERSE_K, _SHIFT)
    for update, predict in ((_DELTA, _GAMMA), (_BETA, _ALPHA)):
        left, right = _neighbours(high, 1, low.shape[-1])
        low = low - _rounded(left + right, update, _SHIFT)
        left, right = _neighbours(low, 0, high.shape[-1])
        high = high - _rounded(left + right, predict, _SHIFT)
    out[..., ::2], out[..., 1::2] = low, high
    return out


class LowPass:
    """The low-pass plane of a component, from the coarsest to finer levels.

    Attributes
    ----------
    plane : Tensor of int64, shape (..., h, w)
        LL of the current level.
    level : int
        The current level.
    """

    plane: Tensor
    level: int

    def refine(self, details: Sequence[Tensor]) -> None:
        """Go to the next finer level, with HL, LH and HH (int64) of the current one."""
        raise NotImplementedError

    def relative(self, difference: Tensor) -> Tensor:
        """Return a difference of values of the plane in sixteenths of the quantiser step of LL, int64."""
        raise NotImplementedError


class Irreversible(LowPass):
    """The low-pass plane of quantised subbands of the 9/7. For learned transforms, it is an approximation.

    Parameters
    ----------
    ll : Tensor of int64, shape (..., h, w)
        Indices of LL. All subbands have the same step, divided by the norms of their basis vectors.
    level : int
        The level of LL.
    """

    def __init__(self, ll: Tensor, level: int) -> None:
        self.level = level
        self.plane = self._values(ll, "LL")

    def _values(self, indices: Tensor, orientation: str) -> Tensor:
        factor = round((1 << (_PLANE_BITS + _NORM_SHIFT)) / norm_97(orientation, self.level))
        return _rounded(indices, factor, _NORM_SHIFT)

    def refine(self, details: Sequence[Tensor]) -> None:
        hl, lh, hh = (
            self._values(band, name) for band, name in zip(details, ("HL", "LH", "HH"), strict=True)
        )
        low, high = _merged(self.plane, hl), _merged(lh, hh)
        self.plane = _merged(low.transpose(-1, -2), high.transpose(-1, -2)).transpose(-1, -2)
        self.level -= 1

    def relative(self, difference: Tensor) -> Tensor:
        factor = round(norm_97("LL", self.level) * (1 << _PLANE_BITS))
        return (difference * factor) >> (2 * _PLANE_BITS - FRACTION)


class Reversible(LowPass):
    """The low-pass plane of subbands of the reversible 5/3: the exact LL.

    Parameters
    ----------
    ll : Tensor of int64, shape (..., h, w)
        LL.
    level : int
        The level of LL.
    raw : int
        Number of low bits of the details that are noise. ``2 ** raw`` takes the place of the quantiser step.
    """

    def __init__(self, ll: Tensor, level: int, raw: int = 0) -> None:
        self.plane, self.level, self.raw = ll, level, raw

    def refine(self, details: Sequence[Tensor]) -> None:
        hl, lh, hh = details
        self.plane = WAVELETS["5-3"].synthesise(self.plane, hl, lh, hh)
        self.level -= 1

    def relative(self, difference: Tensor) -> Tensor:
        return (difference << FRACTION) >> self.raw
