"""The dead-zone quantiser of tier-1, and what stands for it when one differentiates.

Forwards all but noise give the true thing: ``floor(|y| / step)`` and the point of its interval at which the decoder
reconstructs (T.800 E.1; `j2klearn.ebcot.reconstruction`). Both are constant but for jumps at the thresholds, which
are multiples of the step. Backwards:

* annealed (P1, Section IV-A): every jump is a kernel of unit area around its threshold, a triangle whose half-width is
  `width` steps and shrinks as training goes on. At a width of one the derivative is that of a straight line
  beyond the first threshold, and rises to it from zero within the dead zone.
* straight-through: the derivative of a straight line everywhere.
* noise: uniform noise of one step stands for the quantiser, forwards as well.
* mixed: magnitudes, and so the rate, as with noise, reconstruction as with straight-through.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Quantised", "quantise"]


class Quantised(NamedTuple):
    """A quantised subband.

    Attributes
    ----------
    magnitude : Tensor
        Magnitudes of the indices, with their derivatives.
    value : Tensor
        Reconstructed coefficients, with their derivatives.
    jump : Tensor or None
        The magnitude below the threshold next to the coefficient, at which a function of the magnitude jumps; None
        where magnitudes are not whole.
    """

    magnitude: Tensor
    value: Tensor
    jump: Tensor | None


def quantise(
    y: Tensor, step: Tensor, kind: str, *, width: float = 1.0, bias: float = 0.0, noise: Tensor | None = None
) -> Quantised:
    """Quantise coefficients.

    Parameters
    ----------
    y : Tensor
        Coefficients, of any shape.
    step : Tensor
        Quantiser step, in the unit of the coefficients; a scalar.
    kind : {"annealed", "straight-through", "noise", "mixed"}
        See above.
    width : float
        Half-width of the annealed kernels in steps, above 0 up to 1.
    bias : float
        How far reconstruction lies below the middle of the interval, in steps.
    noise : Tensor, optional
        Uniform in 0 to 1, of the shape of `y`; needed for "noise" and "mixed".
    """
    scaled = (y / step).detach()
    size = scaled.abs()
    index = size.floor()
    if kind in ("noise", "mixed"):
        assert noise is not None
        # floor(x) is x - 1/2 give or take a half
        magnitude = ((y / step).abs() - noise).clamp_min(0)
        if kind == "noise":
            return Quantised(magnitude, y + step * (noise - 0.5), None)
    centre = torch.sign(scaled) * (index + 0.5 - bias) * step * (index > 0)
    if kind == "annealed":
        # to the thresholds below and above; the lowest threshold is one, not zero
        below = (1 - (size - index) / width).clamp_min(0) / width * (index > 0)
        above = (1 - (index + 1 - size) / width).clamp_min(0) / width
        first = 1.5 - bias  # the jump out of the dead zone
        slope = below * torch.where(index == 1, first, 1.0) + above * torch.where(index == 0, first, 1.0)
        value = centre + slope * (y - y.detach())
        magnitude = index + (below + above) * ((y / step).abs() - size)
    else:
        value = centre + (y - y.detach())
        if kind == "straight-through":
            magnitude = index + ((y / step).abs() - size)
    if kind == "mixed":
        return Quantised(magnitude, value, None)
    nearer_below = (size - index < 0.5) & (index > 0)
    return Quantised(magnitude, value, index - nearer_below.to(index))
