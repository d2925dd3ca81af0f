"""A differentiable model of tier-1 and tier-2: it predicts the bits of quantised subbands in a codestream.

Tier-1 codes a coefficient bit-plane by bit-plane. It adapts probabilities per code-block and context, and the context
is the significance of the neighbours (T.800 Annex D). So the bits of a coefficient are modelled as a function of its
magnitude and the magnitudes of its neighbours, with few parameters per orientation. Costs per code-block and per packet
are added. Those of a code-block are its part of the packet header, the termination of the arithmetic coder and the
adaptation of the probabilities.

The parameters were fitted to real codestreams (`j2klearn.training.transform.calibration`) and are stored in
``rate_proxy.json``. They are constant when a transform is trained.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from importlib import resources
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.geometry import ORIENTATIONS

__all__ = ["CODEBLOCK", "RateProxy"]

#: Side of a code-block.
CODEBLOCK = 64

Number = float | Tensor

_BANDS = ("LL", *ORIENTATIONS)
_LN2 = math.log(2.0)

#: The base-2 logarithm of the activity is clamped to this range.
_ACTIVITY_RANGE = (-5.0, 7.0)


def _around(x: Tensor, horizontal: Number, vertical: Number, diagonal: Number, ring: Number) -> Tensor:
    """Return weighted means of the neighbours of each sample of (N, 1, h, w). Samples outside the subband are zero."""
    height = x.shape[-2]
    x = F.pad(x, (2, 2, 2, 2))
    sides = x[..., 1:-3] + x[..., 3:-1]
    middle = x[..., 2:-2]
    rows = sides + middle + x[..., :-4] + x[..., 4:]
    inner = slice(2, 2 + height)
    columns = middle[..., 1:-3, :] + middle[..., 3:-1, :]
    corners = sides[..., 1:-3, :] + sides[..., 3:-1, :]
    left_right = sides[..., inner, :]
    square = (
        rows[..., :-4, :] + rows[..., 1:-3, :] + rows[..., inner, :] + rows[..., 3:-1, :] + rows[..., 4:, :]
    )
    outer = square - left_right - columns - corners - middle[..., inner, :]
    return horizontal / 2 * left_right + vertical / 2 * columns + diagonal / 4 * corners + ring / 16 * outer


class _Around(torch.autograd.Function):
    """`_around` with constant weights. Its kernel is symmetric, so the same function computes its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *weights: float) -> Tensor:
        ctx.weights = weights
        return _around(x, *weights)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return _around(gradients[0], *ctx.weights), *([None] * len(ctx.weights))


class RateProxy(nn.Module):
    """Predicts the bits of quantised subbands.

    The activity of a coefficient is a sum with positive weights of a constant and of four mean magnitudes: of the left
    and right neighbours, of those above and below, of the diagonal neighbours, and of the outer ring of the 5x5 window.
    Cubic polynomials of its logarithm predict the probability that the coefficient is not zero, and how the bits grow
    with its magnitude.

    Parameters
    ----------
    constants : mapping, optional
        The result of `constants` of a fitted proxy; empty for the initial values. Default: the shipped constants.
    """

    def __init__(self, constants: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        # logarithms of the weights of the activity: constant, horizontal, vertical, diagonal, ring
        self.around = nn.ParameterDict({b: torch.tensor([-3.0, -2.0, -2.0, -2.0, -1.5]) for b in _BANDS})
        # coefficients of cubic polynomials in the logarithm of the activity: logit of the probability of a nonzero
        # coefficient, logarithm of the growth of the bits, logarithm of the curvature of the growth
        self.shape = nn.ParameterDict(
            {
                b: torch.tensor([[0.0, 1.0, 0.0, 0.0], [0.7, 0.0, 0.0, 0.0], [0.0, -0.7, 0.0, 0.0]])
                for b in _BANDS
            }
        )
        self.sign = nn.ParameterDict({b: torch.tensor(0.95) for b in _BANDS})
        # bits of a nonempty code-block, of the base-2 logarithm of its length, of an empty code-block, of a packet
        self.headers = nn.Parameter(torch.tensor([20.0, 1.5, 1.0, 8.0]))
        self.requires_grad_(False)
        self._load(_shipped() if constants is None else constants)
        # as numbers, because reading them from a GPU would make every step wait for it
        self._neighbours = {band: tuple(weights.exp().tolist()[1:]) for band, weights in self.around.items()}

    def _load(self, constants: Mapping[str, Any]) -> None:
        if constants:
            self.load_state_dict({key: torch.tensor(constants[key]) for key in self.state_dict()})

    def constants(self) -> dict[str, Any]:
        """Return the parameters as (lists of) numbers, rounded to six significant digits."""

        def rounded(value: Any) -> Any:
            if isinstance(value, list):
                return [rounded(part) for part in value]
            return float(f"{value:.6g}")

        return {key: rounded(value.tolist()) for key, value in self.state_dict().items()}

    def _activity(self, magnitude: Tensor, orientation: str) -> Tensor:
        """Return the base-2 logarithm of the activity of each coefficient."""
        constant, *weights = self.around[orientation].exp()
        if magnitude.requires_grad:
            around = _Around.apply(magnitude, *self._neighbours[orientation])  # type: ignore[no-untyped-call]
        else:
            around = _around(magnitude, *weights)
        return torch.log2(constant + around).clamp(*_ACTIVITY_RANGE)

    def costs(self, magnitude: Tensor, orientation: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the parameters of the bits of each coefficient, as predicted from its neighbours.

        Parameters
        ----------
        magnitude : Tensor, shape (N, 1, h, w)
            Magnitudes of the quantiser indices. They may be fractional, as in training with additive noise.
        orientation : {"LL", "HL", "LH", "HH"}
            Orientation of the subband.

        Returns
        -------
        zero, one, growth, curvature : Tensor, shape (N, 1, h, w)
            Bits of a zero, bits of a magnitude of one with its sign, and two parameters for larger magnitudes; see
            `bits_of`.
        """
        u = self._activity(magnitude, orientation)
        logit, growth, curvature = (
            ((c[3] * u / 10 + c[2]) * u / 10 + c[1]) * u + c[0] for c in self.shape[orientation]
        )
        zero = F.softplus(logit) / _LN2
        one = F.softplus(-logit) / _LN2 + self.sign[orientation]
        return zero, one, growth.clamp(-6, 4).exp(), curvature.clamp(-12, 4).exp()

    @staticmethod
    def bits_of(magnitude: Tensor, costs: tuple[Tensor, Tensor, Tensor, Tensor]) -> Tensor:
        """Return the bits of magnitudes, given the result of `costs`; all of shape (N, 1, h, w).

        The bits are linear from 0 to 1, and then grow by ``growth * log2(1 + curvature * (magnitude - 1))``.
        """
        zero, one, growth, curvature = costs
        beyond = growth * torch.log2(1 + curvature * (magnitude - 1).clamp_min(0))
        return zero + (one - zero) * magnitude.clamp(max=1) + beyond

    def bits(self, magnitude: Tensor, orientation: str) -> Tensor:
        """Return the bits of each coefficient, shape (N, 1, h, w); see `costs` for the parameters."""
        return self.bits_of(magnitude, self.costs(magnitude, orientation))

    def blocks(self, bits: Tensor, magnitude: Tensor) -> Tensor:
        """Return the bits of a subband: those of its coefficients, and those per code-block.

        Parameters
        ----------
        bits : Tensor, shape (N, 1, h, w)
            Bits of the coefficients.
        magnitude : Tensor, shape (N, 1, h, w)
            Magnitudes of their quantiser indices.

        Returns
        -------
        Tensor, shape (N,)
            Bits.
        """
        full, order, empty, _ = self.headers
        height, width = magnitude.shape[-2:]
        pads = (0, -width % CODEBLOCK, 0, -height % CODEBLOCK)
        inside = F.avg_pool2d(F.pad(bits, pads), CODEBLOCK) * CODEBLOCK**2
        busy = F.max_pool2d(F.pad(magnitude.detach(), pads), CODEBLOCK) >= 1
        # a code-block without significant coefficients has no bits outside the packet header
        cost = torch.where(busy, inside + full + order * torch.log2(1 + inside), empty)
        return cost.sum((1, 2, 3))

    @property
    def packet(self) -> Tensor:
        """Bits of a packet header in addition to those of its code-blocks."""
        return self.headers[3]


def _shipped() -> dict[str, Any]:
    file = resources.files(__package__) / "rate_proxy.json"
    return dict(json.loads(file.read_text(encoding="utf-8"))["constants"]) if file.is_file() else {}
