"""Lifting structures: one level of a learned wavelet transform, as a sequence of invertible steps.

A structure splits a plane into LL, HL, LH and HH and puts them together again. Whatever its networks compute, the
inverse is exact up to rounding: every step adds to one group of samples a function of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .errors import ModelError
from .geometry import Rect
from .operators import OPERATORS, Operator
from .wavelet import WAVELETS, level_rects

__all__ = ["STRUCTURES", "Bands", "BaseWavelet", "Hybrid", "Structure", "build"]

#: LL, HL, LH and HH of one level, each (N, 1, h, w).
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
    opacity_dtype : torch.dtype
        Precision of the opacity networks; bfloat16 where the processor has it.
    """

    base: str
    radius: int
    opacity_dtype: torch.dtype = torch.float32

    def analyse(self, x: Tensor, origin: tuple[int, int], wavelet: BaseWavelet) -> Bands:
        """Split `x`, shape (N, 1, H, W) and first sample at `origin` on the grid, into subbands."""
        raise NotImplementedError

    def synthesise(self, bands: Bands, area: Rect, wavelet: BaseWavelet) -> Tensor:
        """Put the subbands of `area` together again; the inverse of `analyse`."""
        raise NotImplementedError


def _extend(band: Tensor, rect: Rect, grid: Rect, margin: int) -> Tensor:
    """Lay a subband on the common grid of its level and repeat its border samples `margin` further.

    Subbands of one level differ in size by a row or a column where the plane's borders are odd.
    """
    if rect.size == 0:
        return band.new_zeros(*band.shape[:2], grid.height + 2 * margin, grid.width + 2 * margin)
    pads = (
        rect.x0 - grid.x0 + margin,
        grid.x1 - rect.x1 + margin,
        rect.y0 - grid.y0 + margin,
        grid.y1 - rect.y1 + margin,
    )
    return F.pad(band, pads, mode="replicate")


def _predict(
    operator: Operator, sources: list[tuple[Tensor, Rect]], grid: Rect, dtype: torch.dtype
) -> Tensor:
    """Run `operator` over the whole grid; in blocks, skipping silent ones, unless gradients are wanted."""
    radius = operator.radius
    x = torch.cat([_extend(band, rect, grid, radius) for band, rect in sources], 1)
    x = x.contiguous(memory_format=torch.channels_last)
    if torch.is_grad_enabled():
        predicted: Tensor = operator(x, dtype)
        return predicted
    out = x.new_zeros(x.shape[0], operator.outputs, grid.height, grid.width)
    for y in range(0, grid.height, _BLOCK):
        for x0 in range(0, grid.width, _BLOCK):
            y1, x1 = min(y + _BLOCK, grid.height), min(x0 + _BLOCK, grid.width)
            block = x[:, :, y : y1 + 2 * radius, x0 : x1 + 2 * radius]
            # Proposals are linear: where the sources are zero, so is the prediction, exactly.
            if block.any():
                out[:, :, y:y1, x0:x1] = operator(block, dtype)
    return out


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

    def _steps(self, bands: Bands, area: Rect, *, inverse: bool) -> Bands:
        rects = level_rects(area)
        grid = Rect(area.y0 // 2, area.x0 // 2, rects[0].y1, rects[0].x1)
        ll, *details = bands
        sign = 1 if inverse else -1

        def cleaned(ll: Tensor, details: list[Tensor]) -> Tensor:
            sources = list(zip(details, rects[1:], strict=True))
            step = _predict(self.h2l, sources, grid, self.opacity_dtype)
            return ll + sign * step[(..., *rects[0].slices_in(grid))]

        def compacted(ll: Tensor, details: list[Tensor]) -> list[Tensor]:
            step = _predict(self.l2h, [(ll, rects[0])], grid, self.opacity_dtype)
            return [
                band + sign * step[(slice(None), slice(i, i + 1), *rect.slices_in(grid))]
                for i, (band, rect) in enumerate(zip(details, rects[1:], strict=True))
            ]

        if inverse:
            details = compacted(ll, details)
            ll = cleaned(ll, details)
        else:
            ll = cleaned(ll, details)
            details = compacted(ll, details)
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
