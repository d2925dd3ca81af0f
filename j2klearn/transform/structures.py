"""Lifting structures: one level of a learned wavelet transform, as a sequence of invertible steps.

A structure splits a plane into LL, HL, LH and HH and puts them together again. Whatever its networks compute, the
inverse is exact up to rounding: every step adds to one group of samples a function of the others. With networks that
predict nothing every structure is its base wavelet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..core.geometry import Rect, ceil_div
from ..errors import ModelError
from .lifting import Plane, Steps
from .operators import OPERATORS, Fixed, Operator, Tap
from .wavelet import LIFTINGS, Lifting

__all__ = ["Bands", "BaseWavelet", "FixedWavelet", "Hybrid", "Separable", "Structure"]

#: LL, HL, LH and HH of one level, each (C, 1, h, w) for C components.
Bands = tuple[Tensor, Tensor, Tensor, Tensor]

Options = Mapping[str, Any]


class BaseWavelet(Protocol):
    """One level of a fixed wavelet: `j2klearn.transform.wavelet.Wavelet`, or the native library's."""

    def analyse(self, x: Tensor, origin: tuple[int, int] = ...) -> Bands: ...

    def synthesise(
        self, ll: Tensor, hl: Tensor, lh: Tensor, hh: Tensor, origin: tuple[int, int] = ...
    ) -> Tensor: ...


class Structure(Steps):
    """Base class of lifting structures.

    Attributes
    ----------
    base : str
        Name of the base wavelet.
    matched : bool
        The synthesis gains are those of the 9/7, near enough, for which the transport's tier-1 orders its passes;
        else subbands are scaled (`j2klearn.transform.gains`).
    """

    base: str
    matched: bool

    @property
    def chain(self) -> list[Operator]:
        """The operators of the steps in the order of synthesis, one that serves both directions twice."""
        raise NotImplementedError

    @property
    def radius(self) -> int:
        """How far the learned steps of one level reach on the subband grid, each taken to read the one before."""
        return sum(operator.radius for operator in self.chain)

    def analyse(self, x: Tensor, origin: tuple[int, int], wavelet: BaseWavelet) -> Bands:
        """Split a plane into subbands.

        Parameters
        ----------
        x : Tensor, shape (C, 1, H, W)
            Samples, in units of 8-bit grey levels.
        origin : (int, int)
            Where the first sample lies on the grid.
        wavelet : BaseWavelet
            What computes the base wavelet where the structure keeps it whole.
        """
        raise NotImplementedError

    def synthesise(self, bands: Bands, area: Rect, wavelet: BaseWavelet) -> Tensor:
        """Put the subbands of `area` together again; the inverse of `analyse`.

        With gradients off, `bands` may be overwritten.
        """
        raise NotImplementedError

    def check(self) -> None:
        """Raise `ModelError` if the weights make steps that cannot be undone."""

    def _clean(self, operator: Operator | None, bands: Sequence[Plane], sign: int) -> list[Plane]:
        """Take the high-to-low step: predict aliasing in LL from HL, LH and HH (P1, Section II-C)."""
        if operator is None:
            return list(bands)
        return [*self.lift(operator, bands[1:], bands[:1], sign), *bands[1:]]

    def _compact(self, operator: Operator | None, bands: Sequence[Plane], sign: int) -> list[Plane]:
        """Take the low-to-high step: predict HL, LH and HH from LL."""
        if operator is None:
            return list(bands)
        return [bands[0], *self.lift(operator, bands[:1], bands[1:], sign)]


def _operator(name: str, inputs: int, outputs: int, taps: Sequence[Tap], options: Options) -> Operator:
    if name not in OPERATORS:
        raise ModelError(f"the model's operator {name!r} is not known to this version of j2klearn")
    return OPERATORS[name](inputs, outputs, taps, **options)


class FixedWavelet(Structure):
    """A base wavelet and nothing else, for models that have other networks: learned de-quantisation, say.

    Parameters
    ----------
    base : {"9-7", "5-3"}
        The base wavelet.
    """

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base, self.matched = base, base == "9-7"

    @property
    def chain(self) -> list[Operator]:
        return []

    def analyse(self, x: Tensor, origin: tuple[int, int], wavelet: BaseWavelet) -> Bands:
        return wavelet.analyse(x, origin)

    def synthesise(self, bands: Bands, area: Rect, wavelet: BaseWavelet) -> Tensor:
        return wavelet.synthesise(*bands, area.origin)


class Hybrid(Structure):
    """A fixed base wavelet followed by a high-to-low and a low-to-high step (P1, Section II-C and Fig. 3).

    Analysis: ``LL -= H2L(HL, LH, HH)``, then ``(HL, LH, HH) -= L2H(LL)``; synthesis undoes them in turn.

    Parameters
    ----------
    base : {"9-7", "5-3"}
        The base wavelet.
    operator : str
        A key of `OPERATORS`.
    h2l, l2h : mapping
        Options of the operators.
    gains : {"measured"}, optional
        Scale the subbands by the gains of the trained transform on the 9/7 too.
    """

    def __init__(self, base: str, operator: str, h2l: Options, l2h: Options, gains: str = "") -> None:
        super().__init__()
        if base not in LIFTINGS:
            raise ModelError(f"the model's base wavelet {base!r} is not known to this version of j2klearn")
        self.base = base
        self.matched = base == "9-7" and not gains
        self.h2l = _operator(operator, 3, 1, (), h2l)
        self.l2h = _operator(operator, 1, 3, (), l2h)

    @property
    def chain(self) -> list[Operator]:
        return [self.l2h, self.h2l]

    def analyse(self, x: Tensor, origin: tuple[int, int], wavelet: BaseWavelet) -> Bands:
        area = Rect(*origin, origin[0] + x.shape[-2], origin[1] + x.shape[-1])
        bands = list(map(Plane, wavelet.analyse(x, origin), area.decomposed()))
        bands = self._compact(self.l2h, self._clean(self.h2l, bands, -1), -1)
        return bands[0].samples, bands[1].samples, bands[2].samples, bands[3].samples

    def synthesise(self, bands: Bands, area: Rect, wavelet: BaseWavelet) -> Tensor:
        planes = list(map(Plane, bands, area.decomposed()))
        planes = self._clean(self.h2l, self._compact(self.l2h, planes, 1), 1)
        ll, hl, lh, hh = (plane.samples for plane in planes)
        return wavelet.synthesise(ll, hl, lh, hh, area.origin)


def _split(plane: Plane) -> tuple[Plane, Plane]:
    """Part a plane into its rows at even (low) and odd (high) grid positions."""
    x, rect = plane
    odd = rect.y0 & 1
    low = Rect(ceil_div(rect.y0, 2), rect.x0, ceil_div(rect.y1, 2), rect.x1)
    high = Rect(rect.y0 // 2, rect.x0, rect.y1 // 2, rect.x1)
    # copies: without gradients the steps write into them
    return (
        Plane(x[..., odd::2, :].clone(memory_format=torch.contiguous_format), low),
        Plane(x[..., 1 - odd :: 2, :].clone(memory_format=torch.contiguous_format), high),
    )


def _merge(low: Plane, high: Plane, y0: int) -> Plane:
    """Interleave rows, the first of which lies at `y0`; the inverse of `_split`."""
    odd, height = y0 & 1, low.rect.height + high.rect.height
    out = low.samples.new_empty(*low.samples.shape[:2], height, low.samples.shape[-1])
    out[..., odd::2, :] = low.samples
    out[..., 1 - odd :: 2, :] = high.samples
    return Plane(out, Rect(y0, low.rect.x0, y0 + height, low.rect.x1))


class Separable(Structure):
    """The lifting steps of a base wavelet made learned, rows first and then columns (P1, Section II-A, II-B and II-D).

    Every learned operator sees two-dimensional neighbourhoods: of the plane parted into even and odd rows, and of each
    of the two parted into even and odd columns. Steps of one direction serve low and high rows alike.

    Parameters
    ----------
    base : str
        A key of `LIFTINGS`, whose steps these are. Operators add to the taps of their step.
    operator : str
        A key of `OPERATORS`.
    predict, update : mapping or None
        Options of the operators of the predict and of the update steps; None keeps these as they are.
    h2l, l2h : mapping, optional
        Options of a high-to-low and a low-to-high step after the others. The former takes the place of the last update
        of low rows, its taps included (P1, Fig. 4: U_H fused into T_H2L); that of high rows stays.
    shared : bool
        One set of operators serves both directions.
    scales : bool
        The gains of low-pass and high-pass samples are trained (P2's normalisation).
    """

    #: How much of a trained gain counts (P2).
    _SHARE = 0.1

    def __init__(
        self,
        base: str,
        operator: str,
        predict: Options | None = None,
        update: Options | None = None,
        h2l: Options | None = None,
        l2h: Options | None = None,
        shared: bool = False,
        scales: bool = False,
    ) -> None:
        super().__init__()
        if base not in LIFTINGS:
            raise ModelError(f"the model's base wavelet {base!r} is not known to this version of j2klearn")
        self.base, self.matched = base, False
        self.lifting: Lifting = LIFTINGS[base]
        if h2l is not None and self.lifting.steps[-1].predict:
            raise ModelError(f"the base wavelet {base!r} has no last update to fuse with a high-to-low step")

        def operators() -> nn.ModuleList:
            made = nn.ModuleList()
            for step in self.lifting.steps:
                taps = [Tap(0, dy, 0, -w) for dy, w in zip((-1, 0, 1), step.taps, strict=True) if w]
                options = predict if step.predict else update
                made.append(Fixed(taps) if options is None else _operator(operator, 1, 1, taps, options))
            return made

        self.vertical = operators()
        self.horizontal = self.vertical if shared else operators()
        self.scales = nn.Parameter(torch.zeros(2)) if scales else None
        ratio = self.lifting.after[0] / self.lifting.after[1]  # HL has its gain when the fused step reads it
        fused = [
            Tap(0, 0, dx, -w * ratio)
            for dx, w in zip((-1, 0, 1), self.lifting.steps[-1].taps, strict=True)
            if w
        ]
        self.h2l = None if h2l is None else _operator(operator, 3, 1, fused, h2l)
        self.l2h = None if l2h is None else _operator(operator, 1, 3, (), l2h)

    @property
    def chain(self) -> list[Operator]:
        last = [operator for operator in (self.l2h, self.h2l) if operator is not None]
        steps = [*reversed(self.horizontal), *reversed(self.vertical)]
        return [*last, *(step for step in steps if isinstance(step, Operator))]

    def check(self) -> None:
        if self.scales is not None and not bool((1 + self._SHARE * self.scales.detach() > 0).all()):
            raise ModelError("the model's gains are not positive")

    def _gained(
        self, low: Plane, high: Plane, gains: tuple[float, float], *, inverse: bool
    ) -> tuple[Plane, Plane]:
        if gains == (1.0, 1.0):
            return low, high
        first, second = (1 / gains[0], 1 / gains[1]) if inverse else gains
        return Plane(low.samples * first, low.rect), Plane(high.samples * second, high.rect)

    def _trained(self, low: Plane, high: Plane, *, inverse: bool) -> tuple[Plane, Plane]:
        if self.scales is None:
            return low, high
        first, second = 1 / (1 + self._SHARE * self.scales) if inverse else 1 + self._SHARE * self.scales
        return Plane(low.samples * first, low.rect), Plane(high.samples * second, high.rect)

    def _rows(
        self, low: Plane, high: Plane, *, transposed: bool, inverse: bool, fused: bool = False
    ) -> tuple[Plane, Plane]:
        """Take the steps of one direction, or undo them; without the last update where that is `fused` elsewhere."""
        if low.rect.height + high.rect.height == 1:  # T.800 F.4.6, as the base wavelet has it
            return low, Plane(high.samples * (0.5 if inverse else 2.0), high.rect)
        operators = self.horizontal if transposed else self.vertical
        spacing = (2, 2) if transposed else (2, 1)
        steps = list(zip(self.lifting.steps, operators, strict=True))[: -1 if fused else None]
        if inverse:
            steps.reverse()
            low, high = self._trained(low, high, inverse=True)
            low, high = self._gained(low, high, self.lifting.after, inverse=True)
        else:
            low, high = self._gained(low, high, self.lifting.before, inverse=False)
        for step, operator in steps:
            source, target = (low, high) if step.predict else (high, low)
            (done,) = self.lift(
                operator,  # type: ignore[arg-type]
                [source],
                [target],
                1 if inverse else -1,
                spacing,
                transposed=transposed,
            )
            low, high = (low, done) if step.predict else (done, high)
        if inverse:
            return self._gained(low, high, self.lifting.before, inverse=True)
        return self._trained(*self._gained(low, high, self.lifting.after, inverse=False), inverse=False)

    def analyse(self, x: Tensor, origin: tuple[int, int], wavelet: BaseWavelet) -> Bands:
        area = Rect(*origin, origin[0] + x.shape[-2], origin[1] + x.shape[-1])
        halves = self._rows(*_split(Plane(x, area)), transposed=False, inverse=False)
        bands: list[Plane] = []
        for half, fused in zip(halves, (self.h2l is not None, False), strict=True):
            low, high = _split(half.transposed)
            parts = self._rows(low, high, transposed=True, inverse=False, fused=fused)
            bands += [part.transposed for part in parts]
        bands = self._compact(self.l2h, self._clean(self.h2l, bands, -1), -1)
        ll, hl, lh, hh = (band.samples.contiguous() for band in bands)
        return ll, hl, lh, hh

    def synthesise(self, bands: Bands, area: Rect, wavelet: BaseWavelet) -> Tensor:
        planes = list(map(Plane, bands, area.decomposed()))
        planes = self._clean(self.h2l, self._compact(self.l2h, planes, 1), 1)
        halves: list[Plane] = []
        for first, fused in ((0, self.h2l is not None), (2, False)):
            low, high = planes[first].transposed, planes[first + 1].transposed
            low, high = self._rows(low, high, transposed=True, inverse=True, fused=fused)
            halves.append(_merge(low, high, area.x0).transposed)
        low, high = self._rows(*halves, transposed=False, inverse=True)
        return _merge(low, high, area.y0).samples.contiguous()
