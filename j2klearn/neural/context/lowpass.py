"""Low-pass planes of what is decoded so far, in integers: the context of the next finer level.

All that a context is taken from has to come out the same on every machine. The pictures' own synthesis does not: it
is floating point. So the planes that the networks look at are made from the indices by an integer synthesis of its
own, the 9/7 in fixed-point arithmetic for quantised subbands, the reversible 5/3 (T.800 F.4.8.1) where nothing is
quantised. Shifts round down. This is part of the file format.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...transform.norms import norm_97
from ...transform.wavelet import WAVELETS
from ..integer.companding import FRACTION

__all__ = ["Irreversible", "LowPass", "Reversible"]


_INNER = 8  # bits below the point of the planes: of grey levels over the quantiser step
_SHIFT = 14  # of the lifting coefficients
_STEPS = tuple(round(c * (1 << _SHIFT)) for c in (0.443506852043971, 0.882911075530934))
_FIRST = tuple(round(c * (1 << _SHIFT)) for c in (-0.052980118572961, -1.586134342059924))
_K = round(1.230174104914001 * (1 << _SHIFT))
_INVERSE_K = round((1 << _SHIFT) / 1.230174104914001)
_NORM_SHIFT = 12


def _rounded(x: Tensor, factor: int, shift: int) -> Tensor:
    return (x * factor + (1 << (shift - 1))) >> shift


def _neighbours(x: Tensor, before: int, count: int) -> tuple[Tensor, Tensor]:
    """Return the elements at k - `before` and k - `before` + 1 for k from 0 on, border elements repeated."""
    last = x.shape[-1] - 1
    first = torch.arange(-before, count - before, device=x.device)
    return x[..., first.clamp(0, last)], x[..., (first + 1).clamp(0, last)]


def _merged(low: Tensor, high: Tensor) -> Tensor:
    """Undo one direction of the 9/7 along the last axis (T.800 F.4.8.2), in fixed-point arithmetic."""
    out = low.new_empty(*low.shape[:-1], low.shape[-1] + high.shape[-1])
    if high.shape[-1] == 0:
        out.copy_(low)
        return out
    low, high = _rounded(low, _K, _SHIFT), _rounded(high, _INVERSE_K, _SHIFT)
    for update, predict in zip((_STEPS[0], _FIRST[0]), (_STEPS[1], _FIRST[1]), strict=True):
        left, right = _neighbours(high, 1, low.shape[-1])
        low = low - _rounded(left + right, update, _SHIFT)
        left, right = _neighbours(low, 0, high.shape[-1])
        high = high - _rounded(left + right, predict, _SHIFT)
    out[..., ::2], out[..., 1::2] = low, high
    return out


class LowPass:
    """The low-pass plane at one level after another, from coarse to fine.

    Attributes
    ----------
    plane : Tensor of int64, shape (..., h, w)
        LL of the level that was reached.
    level : int
        That level.
    """

    plane: Tensor
    level: int

    def refine(self, details: Sequence[Tensor]) -> None:
        """Go to the next finer level by HL, LH and HH (int64) of this one."""
        raise NotImplementedError

    def relative(self, difference: Tensor) -> Tensor:
        """Return a difference of values of the plane in sixteenths of the quantiser step of LL."""
        raise NotImplementedError


class Irreversible(LowPass):
    """Of quantised subbands of the 9/7, or of a transform that is built on it: an approximation then.

    Parameters
    ----------
    ll : Tensor of int64, shape (..., h, w)
        Indices of LL; a quantiser step is the same for all subbands, over the norms of their basis vectors.
    level : int
        Its level.
    """

    def __init__(self, ll: Tensor, level: int) -> None:
        self.level = level
        self.plane = self._values(ll, "LL")

    def _values(self, indices: Tensor, orientation: str) -> Tensor:
        factor = round((1 << (_INNER + _NORM_SHIFT)) / norm_97(orientation, self.level))
        return _rounded(indices, factor, _NORM_SHIFT)

    def refine(self, details: Sequence[Tensor]) -> None:
        hl, lh, hh = (
            self._values(band, name) for band, name in zip(details, ("HL", "LH", "HH"), strict=True)
        )
        low, high = _merged(self.plane, hl), _merged(lh, hh)
        self.plane = _merged(low.transpose(-1, -2), high.transpose(-1, -2)).transpose(-1, -2)
        self.level -= 1

    def relative(self, difference: Tensor) -> Tensor:
        factor = round(norm_97("LL", self.level) * (1 << _INNER))
        return (difference * factor) >> (2 * _INNER - FRACTION)


class Reversible(LowPass):
    """Of the subbands of the reversible 5/3: LL as it is.

    Parameters
    ----------
    ll : Tensor of int64, shape (..., h, w)
        LL.
    level : int
        Its level.
    raw : int
        Low bits of the details that are noise: two to this is what a step is elsewhere.
    """

    def __init__(self, ll: Tensor, level: int, raw: int = 0) -> None:
        self.plane, self.level, self.raw = ll, level, raw

    def refine(self, details: Sequence[Tensor]) -> None:
        hl, lh, hh = details
        self.plane = WAVELETS["5-3"].synthesise(self.plane, hl, lh, hh)
        self.level -= 1

    def relative(self, difference: Tensor) -> Tensor:
        return (difference << FRACTION) >> self.raw
