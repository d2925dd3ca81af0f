"""The base wavelets of T.800 Annex F in PyTorch: the irreversible 9/7 and the reversible 5/3, one level at a time.

Both work on any size from 1x1 and on any origin: the parity of the origin decides which samples are low-pass, and
borders are extended by whole-sample symmetry (T.800 F.4). They are differentiable (the 9/7) and used for training;
the native library has the same transforms for coding, and the tests hold the two against each other.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .errors import OptionError

__all__ = ["NORMS_97", "WAVELETS", "Wavelet"]

_ALPHA = -1.586134342059924
_BETA = -0.052980118572961
_GAMMA = 0.882911075530934
_DELTA = 0.443506852043971
_K = 1.230174104914001

#: L2 norms of the 9/7 synthesis basis vectors in T.800's normalisation (low-pass gain 1, high-pass gain 2), level
#: 1 first. A coefficient's error is worth ``norm ** 2`` in the picture.
NORMS_97 = {
    "LL": (1.9659, 4.1224, 8.4167, 16.9356, 33.9249, 67.8772),
    "HL": (1.0113, 1.9968, 4.1833, 8.5341, 17.1667, 34.3852),
    "LH": (1.0113, 1.9968, 4.1833, 8.5341, 17.1667, 34.3852),
    "HH": (0.5202, 0.9672, 2.0793, 4.3005, 8.6867, 17.4188),
}


def _neighbours(samples: Tensor, count: int, before: int, dim: int) -> tuple[Tensor, Tensor]:
    """Return the left and right neighbour of each of `count` samples of the other phase, mirrored at the borders.

    `before` is 1 where the first sample of the other phase lies before the first of `samples`.
    """
    length = samples.shape[dim]
    parts = [samples]
    if before:
        parts.insert(0, samples.narrow(dim, 0, 1))
    if count + 1 > length + before:
        parts.append(samples.narrow(dim, length - 1, 1))
    extended = torch.cat(parts, dim) if len(parts) > 1 else samples
    return extended.narrow(dim, 0, count), extended.narrow(dim, 1, count)


def _split(x: Tensor, dim: int, odd: int) -> tuple[Tensor, Tensor]:
    """Split into the samples at even (low) and at odd (high) grid positions."""
    index = [slice(None)] * x.ndim
    index[dim] = slice(odd, None, 2)
    low = x[tuple(index)]
    index[dim] = slice(1 - odd, None, 2)
    return low, x[tuple(index)]


def _merge(low: Tensor, high: Tensor, dim: int, odd: int) -> Tensor:
    """Interleave the two phases; the inverse of `_split`."""
    shape = list(low.shape)
    shape[dim] += high.shape[dim]
    out = low.new_empty(shape)
    index = [slice(None)] * low.ndim
    index[dim] = slice(odd, None, 2)
    out[tuple(index)] = low
    index[dim] = slice(1 - odd, None, 2)
    out[tuple(index)] = high
    return out


def _lift(target: Tensor, source: Tensor, weight: float, before: int, dim: int) -> Tensor:
    left, right = _neighbours(source, target.shape[dim], before, dim)
    return target + weight * (left + right)


def _analyse_97(x: Tensor, dim: int, odd: int) -> tuple[Tensor, Tensor]:
    low, high = _split(x, dim, odd)
    if x.shape[dim] == 1:  # T.800 F.4.6: a lone sample is kept, doubled where it is a high-pass one
        return low, high * 2
    high = _lift(high, low, _ALPHA, odd, dim)
    low = _lift(low, high, _BETA, 1 - odd, dim)
    high = _lift(high, low, _GAMMA, odd, dim)
    low = _lift(low, high, _DELTA, 1 - odd, dim)
    return low * (1 / _K), high * _K


def _synthesise_97(low: Tensor, high: Tensor, dim: int, odd: int) -> Tensor:
    if low.shape[dim] + high.shape[dim] == 1:
        return _merge(low, high / 2, dim, odd)
    low, high = low * _K, high * (1 / _K)
    low = _lift(low, high, -_DELTA, 1 - odd, dim)
    high = _lift(high, low, -_GAMMA, odd, dim)
    low = _lift(low, high, -_BETA, 1 - odd, dim)
    high = _lift(high, low, -_ALPHA, odd, dim)
    return _merge(low, high, dim, odd)


def _predict_53(low: Tensor, count: int, odd: int, dim: int) -> Tensor:
    left, right = _neighbours(low, count, odd, dim)
    return (left + right) >> 1


def _update_53(high: Tensor, count: int, odd: int, dim: int) -> Tensor:
    left, right = _neighbours(high, count, 1 - odd, dim)
    return (left + right + 2) >> 2


def _analyse_53(x: Tensor, dim: int, odd: int) -> tuple[Tensor, Tensor]:
    low, high = _split(x, dim, odd)
    if x.shape[dim] == 1:
        return low, high * 2
    high = high - _predict_53(low, high.shape[dim], odd, dim)
    return low + _update_53(high, low.shape[dim], odd, dim), high


def _synthesise_53(low: Tensor, high: Tensor, dim: int, odd: int) -> Tensor:
    if low.shape[dim] + high.shape[dim] == 1:
        return _merge(low, high >> 1, dim, odd)
    low = low - _update_53(high, low.shape[dim], odd, dim)
    return _merge(low, high + _predict_53(low, high.shape[dim], odd, dim), dim, odd)


class Wavelet:
    """One base wavelet of T.800: ``analyse`` and ``synthesise`` a single level of a two-dimensional plane.

    Parameters
    ----------
    name : {"9-7", "5-3"}
        The irreversible 9/7 (floating point, T.800 F.4.8.2) or the reversible 5/3 (integers, F.4.8.1).
    """

    def __init__(self, name: str) -> None:
        if name not in _FILTERS:
            raise OptionError(f"unknown base wavelet {name!r}: it is one of {', '.join(_FILTERS)}")
        self.name = name
        self._analyse, self._synthesise = _FILTERS[name]

    def analyse(self, x: Tensor, origin: tuple[int, int] = (0, 0)) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Split a plane into LL, HL, LH and HH.

        Parameters
        ----------
        x : Tensor, shape (..., H, W)
            Samples; floating point for the 9/7, an integer dtype for the 5/3.
        origin : (int, int)
            Grid position ``(y0, x0)`` of the first sample; its parity decides the phases.

        Returns
        -------
        ll, hl, lh, hh : Tensor
            Subbands of the sizes of T.800 equation B-15; a side may be empty.
        """
        row, column = origin[0] & 1, origin[1] & 1
        low, high = self._analyse(x, -2, row)  # vertical first, T.800 F.4.2
        ll, hl = self._analyse(low, -1, column)
        lh, hh = self._analyse(high, -1, column)
        return ll, hl, lh, hh

    def synthesise(
        self, ll: Tensor, hl: Tensor, lh: Tensor, hh: Tensor, origin: tuple[int, int] = (0, 0)
    ) -> Tensor:
        """Put LL, HL, LH and HH together again; the inverse of `analyse`, with the same `origin`."""
        row, column = origin[0] & 1, origin[1] & 1
        low = self._synthesise(ll, hl, -1, column)
        high = self._synthesise(lh, hh, -1, column)
        return self._synthesise(low, high, -2, row)


_FILTERS = {"9-7": (_analyse_97, _synthesise_97), "5-3": (_analyse_53, _synthesise_53)}

#: The base wavelets by name.
WAVELETS = {name: Wavelet(name) for name in _FILTERS}
