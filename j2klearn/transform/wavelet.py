"""The base wavelets in PyTorch, one level at a time: the 9/7 and the 5/3 of T.800 Annex F, and the 1/3.

They accept any size from 1x1 and any origin. The parity of the origin decides which samples are low-pass. Borders are
extended by whole-sample symmetry (T.800 F.4.7). On floating point the wavelets are linear and differentiable. The
native library has the 9/7 and the reversible 5/3 too; tests compare the implementations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import OptionError

__all__ = ["LIFTINGS", "WAVELETS", "Lifting", "LiftingStep", "Wavelet"]

_ALPHA = -1.586134342059924
_BETA = -0.052980118572961
_GAMMA = 0.882911075530934
_DELTA = 0.443506852043971
_K = 1.230174104914001


@dataclass(frozen=True)
class LiftingStep:
    """One lifting step of a base wavelet in one direction.

    Attributes
    ----------
    predict : bool
        True for a predict step, which changes the high-pass samples; False for an update step, which changes the
        low-pass samples.
    taps : (float, float, float)
        The analysis adds to a sample of cell k the samples of the other phase in cells k-1, k and k+1, multiplied by
        these weights. Cell k holds the grid positions 2k (low-pass) and 2k+1 (high-pass).
    """

    predict: bool
    taps: tuple[float, float, float]


@dataclass(frozen=True)
class Lifting:
    """A base wavelet in one direction.

    Attributes
    ----------
    steps : tuple of LiftingStep
        The steps in the order of analysis.
    before, after : (float, float)
        Factors of the low-pass and the high-pass samples before and after the steps of the analysis.
    """

    steps: tuple[LiftingStep, ...]
    before: tuple[float, float] = (1.0, 1.0)
    after: tuple[float, float] = (1.0, 1.0)


#: The base wavelets by name: the 9/7 (T.800 F.4.8.2), the 5/3 (T.800 F.4.8.1, P1 equations 1 and 2), and the 1/3. The
#: 1/3 takes the average of two samples (update) and then the prediction by a parabola through three averages (P1,
#: Fig. 2).
LIFTINGS = {
    "9-7": Lifting(
        (
            LiftingStep(True, (0.0, _ALPHA, _ALPHA)),
            LiftingStep(False, (_BETA, _BETA, 0.0)),
            LiftingStep(True, (0.0, _GAMMA, _GAMMA)),
            LiftingStep(False, (_DELTA, _DELTA, 0.0)),
        ),
        after=(1 / _K, _K),
    ),
    "5-3": Lifting((LiftingStep(True, (0.0, -0.5, -0.5)), LiftingStep(False, (0.25, 0.25, 0.0)))),
    "1-3": Lifting(
        (LiftingStep(False, (0.0, 0.5, 0.0)), LiftingStep(True, (0.125, -1.0, -0.125))), before=(0.5, 1.0)
    ),
}


def _shifted(samples: Tensor, first: int, count: int, offsets: Sequence[int], dim: int) -> tuple[Tensor, ...]:
    """Return, for each offset, `count` samples that start at index ``first + offset``; border samples are repeated.

    Repeating the border sample of one phase is the whole-sample symmetric extension of the signal (T.800 F.4.7), as far
    as the lifting steps read it.
    """
    length = samples.shape[dim]
    before = max(0, -(first + min(offsets)))
    after = max(0, first + max(offsets) + count - length)
    if before or after:
        ends = (samples.narrow(dim, 0, 1), samples.narrow(dim, length - 1, 1))
        samples = torch.cat([ends[0]] * before + [samples] + [ends[1]] * after, dim)
    return tuple(samples.narrow(dim, first + offset + before, count) for offset in offsets)


def _split(x: Tensor, dim: int, odd: int) -> tuple[Tensor, Tensor]:
    """Split into the samples at even (low) and odd (high) grid positions; `odd` is the parity of the first."""
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


def _lift(
    low: Tensor, high: Tensor, step: LiftingStep, sign: int, dim: int, odd: int
) -> tuple[Tensor, Tensor]:
    # the first low-pass sample lies in cell `odd`, the first high-pass one in cell 0
    target, source, first = (high, low, -odd) if step.predict else (low, high, odd)
    weights: dict[float, list[int]] = {}
    for offset, weight in zip((-1, 0, 1), step.taps, strict=True):
        if weight:
            weights.setdefault(weight, []).append(offset)
    for weight, offsets in weights.items():
        parts = _shifted(source, first, target.shape[dim], offsets, dim)
        target = target + sign * weight * (parts[0] + parts[1] if len(parts) == 2 else parts[0])
    return (low, target) if step.predict else (target, high)


def _scaled(low: Tensor, high: Tensor, gains: tuple[float, float]) -> tuple[Tensor, Tensor]:
    return (low, high) if gains == (1.0, 1.0) else (low * gains[0], high * gains[1])


def _analyse(x: Tensor, dim: int, odd: int, lifting: Lifting) -> tuple[Tensor, Tensor]:
    low, high = _split(x, dim, odd)
    if (
        x.shape[dim] == 1
    ):  # T.800 F.4.6: a single low-pass sample is copied, a single high-pass sample is doubled
        return low.clone(), high * 2
    low, high = _scaled(low, high, lifting.before)
    for step in lifting.steps:
        low, high = _lift(low, high, step, 1, dim, odd)
    return _scaled(low, high, lifting.after)


def _synthesise(low: Tensor, high: Tensor, dim: int, odd: int, lifting: Lifting) -> Tensor:
    if low.shape[dim] + high.shape[dim] == 1:
        return _merge(low, high / 2, dim, odd)
    low, high = _scaled(low, high, (1 / lifting.after[0], 1 / lifting.after[1]))
    for step in reversed(lifting.steps):
        low, high = _lift(low, high, step, -1, dim, odd)
    low, high = _scaled(low, high, (1 / lifting.before[0], 1 / lifting.before[1]))
    return _merge(low, high, dim, odd)


def _predict_53(low: Tensor, count: int, odd: int, dim: int) -> Tensor:
    left, right = _shifted(low, -odd, count, (0, 1), dim)
    return (left + right) >> 1


def _update_53(high: Tensor, count: int, odd: int, dim: int) -> Tensor:
    left, right = _shifted(high, odd, count, (-1, 0), dim)
    return (left + right + 2) >> 2


def _analyse_reversible(x: Tensor, dim: int, odd: int) -> tuple[Tensor, Tensor]:
    low, high = _split(x, dim, odd)
    if x.shape[dim] == 1:
        return low, high * 2
    high = high - _predict_53(low, high.shape[dim], odd, dim)
    return low + _update_53(high, low.shape[dim], odd, dim), high


def _synthesise_reversible(low: Tensor, high: Tensor, dim: int, odd: int) -> Tensor:
    if low.shape[dim] + high.shape[dim] == 1:
        return _merge(low, high >> 1, dim, odd)
    low = low - _update_53(high, low.shape[dim], odd, dim)
    return _merge(low, high + _predict_53(low, high.shape[dim], odd, dim), dim, odd)


class Wavelet:
    """One base wavelet: analysis and synthesis of a single level of a two-dimensional plane.

    Parameters
    ----------
    name : {"9-7", "5-3", "1-3"}
        A key of `LIFTINGS`. The 5/3 is reversible on integer planes (T.800 F.4.8.1) and linear on floating-point
        planes.

    Raises
    ------
    OptionError
        If the name is unknown.
    """

    def __init__(self, name: str) -> None:
        if name not in LIFTINGS:
            raise OptionError(f"the base wavelet must be one of {', '.join(LIFTINGS)}, not {name!r}")
        self.name = name

    def analyse(self, x: Tensor, origin: tuple[int, int] = (0, 0)) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Split a plane into LL, HL, LH and HH (T.800 F.4.2).

        Parameters
        ----------
        x : Tensor, shape (..., H, W)
            Samples; floating point, or of an integer dtype for the reversible 5/3.
        origin : (int, int)
            Grid position ``(y0, x0)`` of the first sample; its parity decides which samples are low-pass.

        Returns
        -------
        ll, hl, lh, hh : Tensor, each (..., h, w)
            Subbands of the sizes of T.800 equation B-15, in the dtype of `x`. They may be empty.
        """
        row, column = origin[0] & 1, origin[1] & 1
        low, high = self._forward(x, -2, row)  # vertical first
        ll, hl = self._forward(low, -1, column)
        lh, hh = self._forward(high, -1, column)
        return ll, hl, lh, hh

    def synthesise(
        self, ll: Tensor, hl: Tensor, lh: Tensor, hh: Tensor, origin: tuple[int, int] = (0, 0)
    ) -> Tensor:
        """Synthesise a plane from LL, HL, LH and HH (T.800 F.3.2); the inverse of `analyse`.

        Parameters
        ----------
        ll, hl, lh, hh : Tensor, each (..., h, w)
            Subbands; floating point, or of an integer dtype for the reversible 5/3.
        origin : (int, int)
            As in `analyse`.

        Returns
        -------
        Tensor, shape (..., H, W)
            Samples.
        """
        row, column = origin[0] & 1, origin[1] & 1
        low = self._backward(ll, hl, -1, column)
        high = self._backward(lh, hh, -1, column)
        return self._backward(low, high, -2, row)

    def _forward(self, x: Tensor, dim: int, odd: int) -> tuple[Tensor, Tensor]:
        if self.name == "5-3" and not x.is_floating_point():
            return _analyse_reversible(x, dim, odd)
        return _analyse(x, dim, odd, LIFTINGS[self.name])

    def _backward(self, low: Tensor, high: Tensor, dim: int, odd: int) -> Tensor:
        if self.name == "5-3" and not low.is_floating_point():
            return _synthesise_reversible(low, high, dim, odd)
        return _synthesise(low, high, dim, odd, LIFTINGS[self.name])


#: The base wavelets by name.
WAVELETS = {name: Wavelet(name) for name in LIFTINGS}
