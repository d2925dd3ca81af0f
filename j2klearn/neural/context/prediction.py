"""What other components foretell of a component's details: linear prediction across components, place by place.

Around a place, what is decoded of a component before a level nearly is a multiple of another component, another one in
every object of a picture. This factor is taken by least squares from the low-pass planes (less their means of nine) and
the details of the level above, in windows of several sizes around the place; the details of the other component at the
place, which are decoded, times the factor and times the square of the correlation, foretell those of the component. A
network would have to multiply and divide to find that. Products and quotients are integers, and round down. This is
part of the file format.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..integer.companding import FRACTION, UNIT, compress
from .features import DETAILS, KNOWN, Known

__all__ = ["PLANES", "WINDOWS", "predicted"]

#: Places along a side of the windows, odd.
WINDOWS = (3, 9)

_OTHERS = 2  # components that can be known
_PER_OTHER = KNOWN + len(WINDOWS) * (DETAILS + 1)

#: Planes of `predicted`.
PLANES = _OTHERS * _PER_OTHER

_BITS = 12  # below the point of factors and correlations
_LEAST = 1 << 8  # added to energies: a square of a quantiser step in 1/16
_FACTOR = 1 << 20  # largest factor
_DETAIL = 1 << 24  # largest detail that is multiplied


def _window(x: Tensor, size: int) -> Tensor:
    """Return the sums of (N, h, w) over windows around every place, zeros outside."""
    before, after = size // 2 + 1, size // 2
    for axis, padding in ((-1, (before, after)), (-2, (0, 0, before, after))):
        sums = F.pad(x, padding).cumsum(axis)
        count = x.shape[axis]
        x = sums.narrow(axis, size, count) - sums.narrow(axis, 0, count)
    return x


def _products(a: Known, b: Known) -> Tensor:
    return (a.local.long() * b.local.long()).sum(1)


def predicted(own: Known, others: Sequence[Known], details: Sequence[Tensor]) -> Tensor:
    """Return what the components before a component tell of its details at a level.

    Parameters
    ----------
    own : Known
        What is known of the component, on grids of (h, w).
    others : sequence of Known
        Of those before it, one or two.
    details : sequence of Tensor of int64, each (N, 3, h, w)
        Their details of the level.

    Returns
    -------
    Tensor of int16, shape (N, PLANES, h, w)
        For each: what is known of it, as the other one itself sees it, and for each window HL, LH and HH foretold,
        compressed, and the square of the correlation in 1/64. Zeros for one that is not there.
    """
    planes = []
    mine = [_window(_products(own, own), size) + _LEAST for size in WINDOWS]
    for other, bands in zip(others, details, strict=True):
        planes.append(other.planes)
        its, both = _products(other, other), _products(own, other)
        for size, energy in zip(WINDOWS, mine, strict=True):
            shared = _window(both, size) << _BITS
            forth = (shared // (_window(its, size) + _LEAST)).clamp(-_FACTOR, _FACTOR)
            back = (shared // energy).clamp(-_FACTOR, _FACTOR)
            correlation = ((forth * back) >> _BITS).clamp_max(1 << _BITS)
            factor = ((forth * correlation) >> _BITS)[:, None]
            foretold = (factor * bands.clamp(-_DETAIL, _DETAIL)) >> (_BITS - FRACTION)
            planes.append(compress(foretold))
            planes.append(((correlation * UNIT) >> _BITS).to(torch.int16)[:, None])
    missing = PLANES - _PER_OTHER * len(others)
    planes.append(own.planes.new_zeros(len(own.planes), missing, *own.planes.shape[-2:]))
    return torch.cat(planes, 1)
