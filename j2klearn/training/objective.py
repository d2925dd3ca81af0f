"""The rate-distortion objective: a dead-zone quantiser one can differentiate through, and a proxy for tier-1's bits.

The distortion is measured behind the real dead-zone quantiser with mid-point reconstruction, whose gradient is taken
as one (straight-through). The rate is the code length of noisy indices under a Laplacian whose scale follows the
magnitudes around each coefficient, as EBCOT's contexts do; the few weights of that model are trained along.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..wavelet import NORMS_97

__all__ = ["Pyramid", "RateProxy", "dead_zone", "steps_of"]

#: LL of the coarsest level, and (HL, LH, HH) per level, finest first.
Pyramid = tuple[Tensor, list[tuple[Tensor, Tensor, Tensor]]]

_LN2 = math.log(2.0)


def steps_of(step: Tensor, level: int, orientation: str) -> Tensor:
    """Quantiser step of a subband: `step` in units of the picture, divided by the 9/7 norm."""
    return step / NORMS_97[orientation][level - 1]


def dead_zone(x: Tensor, step: Tensor) -> Tensor:
    """Quantise with a zero bin of twice `step` and reconstruct at mid-points (T.800 E.1); gradient one."""
    with torch.no_grad():
        index = torch.floor(x.abs() / step)
        value = torch.sign(x) * (index + 0.5) * step * (index > 0)
    return x + (value - x).detach()


class RateProxy(nn.Module):
    """Bits per coefficient of quantised subbands, estimated as adaptive Laplacian code lengths.

    The scale of the Laplacian at a coefficient is a positive combination of a constant and of the mean magnitudes in
    the 3x3 and 5x5 windows around it (itself left out), with weights per orientation.
    """

    def __init__(self) -> None:
        super().__init__()
        start = torch.tensor([0.12, 0.6, 0.25])
        self.weights = nn.ParameterDict({band: torch.log(start.clone()) for band in NORMS_97})

    @staticmethod
    def _surroundings(magnitude: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean magnitudes of the eight nearest and of the sixteen next coefficients around each."""
        x = F.pad(magnitude, (2, 2, 2, 2), mode="replicate")
        height = magnitude.shape[-2]
        triple = x[..., 1:-3] + x[..., 2:-2] + x[..., 3:-1]
        quintuple = triple + x[..., :-4] + x[..., 4:]
        inner = torch.stack([triple[..., i : i + height, :] for i in (1, 2, 3)]).sum(0)
        outer = torch.stack([quintuple[..., i : i + height, :] for i in range(5)]).sum(0)
        return (inner - magnitude) / 8, (outer - inner) / 16

    def forward(self, index: Tensor, orientation: str) -> Tensor:
        """Return the bits of each (noisy, real-valued) index; both are (N, 1, h, w)."""
        near, far = self._surroundings(index.abs())
        constant, w_near, w_far = self.weights[orientation].exp()
        scale = constant + w_near * near + w_far * far
        # P(|x| in the bin) of a Laplacian, in a form that neither overflows nor underflows
        t = index.abs()
        inside = 1 - torch.exp(-0.5 / scale) * torch.cosh((t / scale).clamp(max=0.5 / scale))
        outside = (0.5 - t) / scale + torch.log(0.5 * (1 - torch.exp(-1 / scale)))
        log_p = torch.where(t < 0.5, torch.log(inside.clamp_min(1e-9)), outside)
        return -log_p / _LN2
