"""Lifting structures: one level of a learned wavelet transform, as a sequence of invertible steps.

A structure splits a plane into LL, HL, LH and HH and puts them together again. Whatever its networks compute, the
inverse is exact up to rounding: every step adds to one group of samples a function of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .errors import ModelError
from .geometry import Rect
from .operators import OPERATORS, Operator
from .wavelet import WAVELETS

__all__ = ["STRUCTURES", "Bands", "BaseWavelet", "Hybrid", "Structure", "build"]

#: LL, HL, LH and HH of one level, each (C, 1, h, w) for C components.
Bands = tuple[Tensor, Tensor, Tensor, Tensor]

# Planes are worked on in blocks of this many samples a side: their activations stay in the second-level cache, and
# the memory in use does not grow with the picture.
_BLOCK = 256


class BaseWavelet(Protocol):
    """One level of a fixed wavelet: `j2klearn.wavelet.Wavelet`, or the native library's."""

    def analyse(self, x: Tensor, origin: tuple[int, int] = ...) -> Bands: ...

    def synthesise(
        self, ll: Tensor, hl: Tensor, lh: Tensor, hh: Tensor, origin: tuple[int, int] = ...
    ) -> Tensor: ...


class Structure(nn.Module):
    """Base class of lifting structures.

    Attributes
    ----------
    base : str
        Name of the base wavelet.
    radius : int
        How far the learned steps of one level reach on the subband grid.
    shared : bool
        The first component's opacities serve all components, which are those of one picture; else every component
        stands for itself.
    fast : bool
        Convolve in bfloat16.
    """

    base: str
    radius: int
    shared: bool = False
    fast: bool = False

    def analyse(self, x: Tensor, origin: tuple[int, int], wavelet: BaseWavelet) -> Bands:
        """Split `x`, shape (C, 1, H, W) and first sample at `origin` on the grid, into subbands."""
        raise NotImplementedError

    def synthesise(self, bands: Bands, area: Rect, wavelet: BaseWavelet) -> Tensor:
        """Put the subbands of `area` together again; the inverse of `analyse`.

        With gradients off, `bands` may be overwritten.
        """
        raise NotImplementedError


def _window(band: Tensor, rect: Rect, window: Rect) -> Tensor:
    """Cut a window of the common grid out of a subband that covers `rect`, repeating its border samples beyond.

    Subbands of one level differ in size by a row or a column where the plane's borders are odd.
    """
    if rect.size == 0:
        return band.new_zeros(*band.shape[:2], *window.shape)
    inside = window.intersection(rect)
    pads = (
        inside.x0 - window.x0,
        window.x1 - inside.x1,
        inside.y0 - window.y0,
        window.y1 - inside.y1,
    )
    return F.pad(band[(..., *inside.slices_in(rect))], pads, mode="replicate")


def _blocks(grid: Rect) -> Iterator[Rect]:
    for y in range(grid.y0, grid.y1, _BLOCK):
        for x in range(grid.x0, grid.x1, _BLOCK):
            yield Rect(y, x, y + _BLOCK, x + _BLOCK).intersection(grid)


class Hybrid(Structure):
    """A fixed base wavelet followed by a high-to-low and a low-to-high step (P1, Section II-C and Fig. 3).

    Analysis: ``LL -= H2L(HL, LH, HH)``, then ``(HL, LH, HH) -= L2H(LL)``; synthesis undoes them in turn.
    """

    def __init__(self, base: str, operator: str, h2l: Mapping[str, Any], l2h: Mapping[str, Any]) -> None:
        super().__init__()
        if base not in WAVELETS or operator not in OPERATORS:
            raise ModelError(f"a hybrid structure on {base!r} with {operator!r} operators is not known")
        self.base = base
        self.h2l = OPERATORS[operator](3, 1, **h2l)
        self.l2h = OPERATORS[operator](1, 3, **l2h)
        self.radius = self.h2l.radius + self.l2h.radius

    def _add(
        self,
        operator: Operator,
        sources: list[tuple[Tensor, Rect]],
        targets: list[tuple[Tensor, Rect]],
        sign: int,
    ) -> list[Tensor]:
        """Return the targets with the operator's predictions from the sources added, or taken off."""
        grid = Rect(
            min(rect.y0 for _, rect in sources + targets),
            min(rect.x0 for _, rect in sources + targets),
            max(rect.y1 for _, rect in sources + targets),
            max(rect.x1 for _, rect in sources + targets),
        )
        if torch.is_grad_enabled():
            step = self._predict(operator, sources, grid)
            return [
                band + sign * step[(slice(None), slice(i, i + 1), *rect.slices_in(grid))]
                for i, (band, rect) in enumerate(targets)
            ]
        for block in _blocks(grid):
            step = self._predict(operator, sources, block)
            for i, (band, rect) in enumerate(targets):
                part = block.intersection(rect)
                prediction = step[(slice(None), slice(i, i + 1), *part.slices_in(block))]
                band[(..., *part.slices_in(rect))].add_(prediction, alpha=sign)
        return [band for band, _ in targets]

    def _predict(self, operator: Operator, sources: list[tuple[Tensor, Rect]], block: Rect) -> Tensor:
        window = block.grown(operator.radius)
        x = torch.cat([_window(band, rect, window) for band, rect in sources], 1)
        x = x.contiguous(memory_format=torch.channels_last)
        guide = x[:1] if self.shared else None
        predicted: Tensor
        if torch.is_grad_enabled():
            predicted = operator(x, guide, fast=self.fast)
            return predicted
        # Proposals are linear: where the sources of a component are zero, so is its prediction, exactly.
        loud = [component for component in range(len(x)) if x[component].any()]
        if len(loud) == len(x):
            return operator(x, guide, fast=self.fast)  # type: ignore[no-any-return]
        predicted = x.new_zeros(len(x), operator.outputs, *block.shape)
        if loud:
            predicted[loud] = operator(x[loud], guide, fast=self.fast)
        return predicted

    def _steps(self, bands: Bands, area: Rect, *, inverse: bool) -> Bands:
        rects = area.decomposed()
        ll, *details = bands
        sign = 1 if inverse else -1

        def clean() -> Tensor:
            return self._add(self.h2l, list(zip(details, rects[1:], strict=True)), [(ll, rects[0])], sign)[0]

        def compact() -> list[Tensor]:
            return self._add(self.l2h, [(ll, rects[0])], list(zip(details, rects[1:], strict=True)), sign)

        if inverse:
            details = compact()
            ll = clean()
        else:
            ll = clean()
            details = compact()
        return ll, details[0], details[1], details[2]

    def analyse(self, x: Tensor, origin: tuple[int, int], wavelet: BaseWavelet) -> Bands:
        area = Rect(*origin, origin[0] + x.shape[-2], origin[1] + x.shape[-1])
        return self._steps(wavelet.analyse(x, origin), area, inverse=False)

    def synthesise(self, bands: Bands, area: Rect, wavelet: BaseWavelet) -> Tensor:
        return wavelet.synthesise(*self._steps(bands, area, inverse=True), area.origin)


#: Structure classes by the name used in model configurations.
STRUCTURES: dict[str, Callable[..., Structure]] = {"hybrid": Hybrid}


def build(config: Mapping[str, Any]) -> Structure:
    """Return an untrained structure from a model's configuration."""
    options = dict(config)
    name = options.pop("structure")
    if name not in STRUCTURES:
        raise ModelError(f"the model's structure {name!r} is not known to this version of j2klearn")
    structure = STRUCTURES[name](**options)
    structure.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return structure
