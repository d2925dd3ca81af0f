"""Cross-component prediction: predicts a component's detail coefficients from other components.

Around a place, a component is nearly a multiple of another component, with a different factor in every object of a
picture. The factor is found by least squares from the low-pass planes (less their 3x3 means) and the details of the
next coarser level, in windows of several sizes around the place. The prediction is the already decoded detail of the
other component at the place, times the factor, times the squared correlation. A network cannot easily find it, since it
would have to multiply and divide. Products and quotients are integers and round down. This is part of the file format.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..integer.companding import FRACTION, UNIT, compress
from .features import DETAILS, KNOWN, Known

__all__ = ["PLANES", "WINDOWS", "predicted"]

#: Sides of the windows, odd numbers of places.
WINDOWS = (3, 9)

_MAX_OTHERS = 2  # most components to predict from
_PER_OTHER = KNOWN + len(WINDOWS) * (DETAILS + 1)

#: Number of planes of `predicted`.
PLANES = _MAX_OTHERS * _PER_OTHER

_BITS = 12  # fractional bits of factors and correlations
_MIN_ENERGY = 1 << 8  # added to energies: the square of a quantiser step, which counts in sixteenths
_MAX_FACTOR = 1 << 20
_MAX_DETAIL = 1 << 24  # details are clamped to this before they are multiplied


def _window(x: Tensor, size: int) -> Tensor:
    """Return the sums of planes (N, h, w) over square windows around every place, with zeros outside."""
    before, after = size // 2 + 1, size // 2
    for axis, padding in ((-1, (before, after)), (-2, (0, 0, before, after))):
        sums = F.pad(x, padding).cumsum(axis)
        count = x.shape[axis]
        x = sums.narrow(axis, size, count) - sums.narrow(axis, 0, count)
    return x


def _products(a: Known, b: Known) -> Tensor:
    return (a.local.long() * b.local.long()).sum(1)


def predicted(own: Known, others: Sequence[Known], details: Sequence[Tensor]) -> Tensor:
    """Return predictions of the details of a component at a level from earlier components.

    Parameters
    ----------
    own : Known
        The features of the component, on the grid (h, w) of the level.
    others : sequence of Known
        The features of one or two earlier components.
    details : sequence of Tensor of int64, each (N, 3, h, w)
        The details of the earlier components at the level.

    Returns
    -------
    Tensor of int16, shape (N, PLANES, h, w)
        For each earlier component its own features; then, for each window, the predicted HL, LH and HH, compressed, and
        the squared correlation in units of 1/64. Zeros for a missing component.
    """
    planes = []
    mine = [_window(_products(own, own), size) + _MIN_ENERGY for size in WINDOWS]
    for other, bands in zip(others, details, strict=True):
        planes.append(other.planes)
        its, both = _products(other, other), _products(own, other)
        for size, energy in zip(WINDOWS, mine, strict=True):
            shared = _window(both, size) << _BITS
            slope = (shared // (_window(its, size) + _MIN_ENERGY)).clamp(-_MAX_FACTOR, _MAX_FACTOR)
            inverse = (shared // energy).clamp(-_MAX_FACTOR, _MAX_FACTOR)
            correlation = ((slope * inverse) >> _BITS).clamp_max(1 << _BITS)
            factor = ((slope * correlation) >> _BITS)[:, None]
            prediction = (factor * bands.clamp(-_MAX_DETAIL, _MAX_DETAIL)) >> (_BITS - FRACTION)
            planes.append(compress(prediction))
            planes.append(((correlation * UNIT) >> _BITS).to(torch.int16)[:, None])
    missing = PLANES - _PER_OTHER * len(others)
    planes.append(own.planes.new_zeros(len(own.planes), missing, *own.planes.shape[-2:]))
    return torch.cat(planes, 1)
