"""The dead-zone quantiser (T.800 Annex E.1), and substitutes for its derivative.

The quantiser gives the magnitude ``floor(|y| / step)`` and the point of its interval at which the decoder reconstructs
(`j2klearn.ebcot.reconstruction`). Both are constant, with jumps at the thresholds, which are multiples of the step. The
kinds differ in the derivatives, and two of them also in the values:

* annealed (P1, Section IV-A): the true values. The derivative replaces every jump by a kernel of unit area around its
  threshold: a triangle with a half-width of `width` steps, which shrinks during training. At a width of 1 the
  derivative is that of a straight line beyond the first threshold, and rises to it from zero within the dead zone.
* straight-through: the true values, with the derivative of a straight line everywhere.
* noise: uniform noise of one step is added in place of quantisation.
* mixed: magnitudes, and so the rate, as with noise; reconstruction as with straight-through.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["NOISY", "Quantised", "quantise"]

#: The kinds that need noise.
NOISY = frozenset({"noise", "mixed"})


class Quantised(NamedTuple):
    """A quantised subband.

    Attributes
    ----------
    magnitude : Tensor
        Magnitudes of the indices, with their derivatives.
    value : Tensor
        Reconstructed coefficients, with their derivatives.
    jump : Tensor or None
        For each coefficient, the magnitude below the nearest threshold: there a function of the magnitude jumps. None
        if magnitudes are not integers.
    """

    magnitude: Tensor
    value: Tensor
    jump: Tensor | None


def quantise(
    y: Tensor,
    step: Tensor,
    kind: str,
    *,
    width: float | Tensor = 1.0,
    bias: float = 0.0,
    noise: Tensor | None = None,
) -> Quantised:
    """Quantise coefficients.

    Parameters
    ----------
    y : Tensor
        Coefficients, of any shape.
    step : Tensor
        Quantiser step, in the unit of the coefficients; of a shape that broadcasts to that of `y`.
    kind : {"annealed", "straight-through", "noise", "mixed"}
        See the module's docstring.
    width : float or scalar Tensor
        Half-width of the annealed kernels in steps, above 0 up to 1.
    bias : float
        Distance of the reconstruction point below the middle of the interval, in steps.
    noise : Tensor, optional
        Uniform noise from 0 to 1, of the shape of `y`; required for "noise" and "mixed".
    """
    scaled = (y / step).detach()
    size = scaled.abs()
    index = size.floor()
    if kind in NOISY:
        assert noise is not None
        # on average floor(x) is x - 1/2
        magnitude = ((y / step).abs() - noise).clamp_min(0)
        if kind == "noise":
            return Quantised(magnitude, y + step * (noise - 0.5), None)
    centre = torch.sign(scaled) * (index + 0.5 - bias) * step * (index > 0)
    if kind == "annealed":
        # kernels of the thresholds below and above; the lowest threshold is one step, not zero
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
