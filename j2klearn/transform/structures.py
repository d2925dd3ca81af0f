"""Lifting structures: one level of a learned wavelet transform, as a sequence of invertible steps.

The analysis splits a plane into LL, HL, LH and HH; the synthesis is its inverse. The inverse is exact up to rounding
for any weights of the networks, because every step adds a function of some samples to other samples. If all networks
predict zero, a structure equals its base wavelet.
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
    """One level of a fixed wavelet: `j2klearn.transform.wavelet.Wavelet`, or the 9/7 of the native library."""

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
        Whether the synthesis gains are close to those of the 9/7, which OpenJPEG assumes when it orders coding passes.
        If not, the subbands are scaled before the transport (`j2klearn.transform.gains`).
    """

    base: str
    matched: bool

    @property
    def chain(self) -> list[Operator]:
        """The operators of the learned steps in the order of synthesis. Operators of both directions appear twice."""
        raise NotImplementedError

    @property
    def radius(self) -> int:
        """Samples of the subband grid that the learned steps of one level read beyond an area.

        This is an upper bound: it assumes that every step reads the output of the step before.
        """
        return sum(operator.radius for operator in self.chain)

    def analyse(self, x: Tensor, origin: tuple[int, int], wavelet: BaseWavelet) -> Bands:
        """Split a plane into subbands.

        Parameters
        ----------
        x : Tensor, shape (C, 1, H, W)
            Samples, in units of 8-bit grey levels.
        origin : (int, int)
            Grid position ``(y0, x0)`` of the first sample.
        wavelet : BaseWavelet
            Computes the base wavelet, in structures that do not replace its steps.

        Returns
        -------
        ll, hl, lh, hh : Tensor, each (C, 1, h, w)
            Subbands of the sizes of T.800 equation B-15.
        """
        raise NotImplementedError

    def synthesise(self, bands: Bands, area: Rect, wavelet: BaseWavelet) -> Tensor:
        """Synthesise a plane from its subbands; the inverse of `analyse`.

        Parameters
        ----------
        bands : tuple of Tensor
            LL, HL, LH and HH, each (C, 1, h, w). If gradients are off, they may be overwritten.
        area : Rect
            The area of the plane on the grid.
        wavelet : BaseWavelet
            As in `analyse`.

        Returns
        -------
        Tensor, shape (C, 1, H, W)
            Samples of `area`.
        """
        raise NotImplementedError

    def check(self) -> None:
        """Check that all steps are invertible.

        Raises
        ------
        ModelError
            If the weights make a step that has no inverse.
        """

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
        raise ModelError(f"this version of j2klearn does not support the model's operator {name!r}")
    return OPERATORS[name](inputs, outputs, taps, **options)


class FixedWavelet(Structure):
    """A base wavelet without learned steps, for models that only have other networks, such as de-quantisation.

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

    The analysis computes ``LL -= H2L(HL, LH, HH)``, then ``(HL, LH, HH) -= L2H(LL)``. The synthesis inverts these steps
    in reverse order.

    Parameters
    ----------
    base : {"9-7", "5-3"}
        The base wavelet.
    operator : str
        A key of `OPERATORS`.
    h2l, l2h : mapping
        Options of the operators.
    gains : {"measured"}, optional
        Scale the subbands by the measured gains of the trained transform even if the base wavelet is the 9/7. Without
        it only structures on the 5/3 are scaled.

    Raises
    ------
    ModelError
        If the base wavelet or the operator is unknown.
    """

    def __init__(self, base: str, operator: str, h2l: Options, l2h: Options, gains: str = "") -> None:
        super().__init__()
        if base not in LIFTINGS:
            raise ModelError(f"this version of j2klearn does not support the model's base wavelet {base!r}")
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
    """Split a plane into its rows at even (low) and odd (high) grid positions."""
    x, rect = plane
    odd = rect.y0 & 1
    low = Rect(ceil_div(rect.y0, 2), rect.x0, ceil_div(rect.y1, 2), rect.x1)
    high = Rect(rect.y0 // 2, rect.x0, rect.y1 // 2, rect.x1)
    # copies, because the steps overwrite them if gradients are off
    return (
        Plane(x[..., odd::2, :].clone(memory_format=torch.contiguous_format), low),
        Plane(x[..., 1 - odd :: 2, :].clone(memory_format=torch.contiguous_format), high),
    )


def _merge(low: Plane, high: Plane, y0: int) -> Plane:
    """Interleave low and high rows; `y0` is the position of the first row. The inverse of `_split`."""
    odd, height = y0 & 1, low.rect.height + high.rect.height
    out = low.samples.new_empty(*low.samples.shape[:2], height, low.samples.shape[-1])
    out[..., odd::2, :] = low.samples
    out[..., 1 - odd :: 2, :] = high.samples
    return Plane(out, Rect(y0, low.rect.x0, y0 + height, low.rect.x1))


class Separable(Structure):
    """The lifting steps of a base wavelet with learned operators (P1, Section II-A, II-B and II-D).

    The analysis first splits the plane into even and odd rows, and then each half into even and odd columns. Every
    operator reads two-dimensional neighbourhoods in the planes of its split. The steps between columns are the same for
    low and high rows.

    Parameters
    ----------
    base : str
        A key of `LIFTINGS`, which defines the steps. The prediction of an operator is added to the taps of its step.
    operator : str
        A key of `OPERATORS`.
    predict, update : mapping or None
        Options of the operators of the predict and of the update steps; None for steps without a learned part.
    h2l, l2h : mapping, optional
        Options of a high-to-low and of a low-to-high step after the others. The high-to-low step replaces the last
        update between columns of the low rows, including its taps (P1, Fig. 4: U_H fused into T_H2L). The last update
        of the high rows stays.
    shared : bool
        Whether one set of operators serves both directions.
    scales : bool
        Whether the gains of low-pass and high-pass samples are trained (the normalisation of P2).

    Raises
    ------
    ModelError
        If the base wavelet or the operator is unknown, or if `h2l` is given and the last step is not an update.
    """

    #: A trained gain is one plus this times its parameter (P2).
    _GAIN_SCALE = 0.1

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
            raise ModelError(f"this version of j2klearn does not support the model's base wavelet {base!r}")
        self.base, self.matched = base, False
        self.lifting: Lifting = LIFTINGS[base]
        if h2l is not None and self.lifting.steps[-1].predict:
            raise ModelError(
                f"the base wavelet {base!r} does not end with an update, which a high-to-low step would replace"
            )

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
        ratio = (
            self.lifting.after[0] / self.lifting.after[1]
        )  # the gains apply before the fused step reads HL
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
        if self.scales is not None and not bool((1 + self._GAIN_SCALE * self.scales.detach() > 0).all()):
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
        gains = 1 + self._GAIN_SCALE * self.scales
        first, second = 1 / gains if inverse else gains
        return Plane(low.samples * first, low.rect), Plane(high.samples * second, high.rect)

    def _rows(
        self, low: Plane, high: Plane, *, transposed: bool, inverse: bool, fused: bool = False
    ) -> tuple[Plane, Plane]:
        """Take the steps of one direction, or invert them.

        `fused` leaves out the last update, which is then part of the high-to-low step.
        """
        if low.rect.height + high.rect.height == 1:  # T.800 F.4.6, as in the base wavelet
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
