"""A differentiable stand-in for tier-1 and tier-2: the bits that quantised subbands cost in a codestream.

Tier-1 codes a coefficient bit-plane by bit-plane, with probabilities that it learns per code-block and context, and
the context is what is significant around (T.800 Annex D). So the cost of a magnitude is modelled as a function of
itself and of the magnitudes around it, with few parameters per orientation; to it come the costs per code-block (its
part of the packet header, the flushing of the arithmetic coder, what it costs to learn probabilities) and per packet.

The parameters are fitted to real codestreams (`j2klearn.training.transform.calibration`), shipped, and constant in
training.
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

#: The logarithm of what goes on around a coefficient is cut to this range.
_ACTIVITY = (-5.0, 7.0)


def _around(x: Tensor, horizontal: Number, vertical: Number, diagonal: Number, ring: Number) -> Tensor:
    """Return weighed means of the neighbours of each sample of (N, 1, h, w); beyond the border there is nothing."""
    height = x.shape[-2]
    x = F.pad(x, (2, 2, 2, 2))
    sides = x[..., 1:-3] + x[..., 3:-1]
    middle = x[..., 2:-2]
    rows = sides + middle + x[..., :-4] + x[..., 4:]
    inner = slice(2, 2 + height)
    columns = middle[..., 1:-3, :] + middle[..., 3:-1, :]
    corners = sides[..., 1:-3, :] + sides[..., 3:-1, :]
    beside = sides[..., inner, :]
    square = (
        rows[..., :-4, :] + rows[..., 1:-3, :] + rows[..., inner, :] + rows[..., 3:-1, :] + rows[..., 4:, :]
    )
    outer = square - beside - columns - corners - middle[..., inner, :]
    return horizontal / 2 * beside + vertical / 2 * columns + diagonal / 4 * corners + ring / 16 * outer


class _Around(torch.autograd.Function):
    """`_around` with constant weights: as its kernel is symmetric, it is its own derivative."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *weights: float) -> Tensor:
        ctx.weights = weights
        return _around(x, *weights)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return _around(gradients[0], *ctx.weights), *([None] * len(ctx.weights))


class RateProxy(nn.Module):
    """Bits of quantised subbands.

    The activity around a coefficient is a positive combination of a constant and of the mean magnitudes to its left and
    right, above and below, at its corners, and in the ring of 5x5 around these. Cubic polynomials of its logarithm give
    the probability that the coefficient is not zero and how bits grow with its magnitude.

    Parameters
    ----------
    constants : mapping, optional
        What `constants` of a fitted proxy returned; the shipped ones if not given.
    """

    def __init__(self, constants: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        # activity: constant, horizontal, vertical, diagonal, ring (logarithms)
        self.around = nn.ParameterDict({b: torch.tensor([-3.0, -2.0, -2.0, -2.0, -1.5]) for b in _BANDS})
        # logit of being significant; logarithms of the bits' growth and of its curvature: cubic in the activity
        self.shape = nn.ParameterDict(
            {
                b: torch.tensor([[0.0, 1.0, 0.0, 0.0], [0.7, 0.0, 0.0, 0.0], [0.0, -0.7, 0.0, 0.0]])
                for b in _BANDS
            }
        )
        self.sign = nn.ParameterDict({b: torch.tensor(0.95) for b in _BANDS})
        # bits of a code-block with something in it, and per binary order of its length; of an empty one; of a packet
        self.headers = nn.Parameter(torch.tensor([20.0, 1.5, 1.0, 8.0]))
        self.requires_grad_(False)
        self._load(_shipped() if constants is None else constants)

    def _load(self, constants: Mapping[str, Any]) -> None:
        if constants:
            self.load_state_dict({key: torch.tensor(constants[key]) for key in self.state_dict()})

    def constants(self) -> dict[str, Any]:
        """Return the parameters as numbers, to six digits."""

        def rounded(value: Any) -> Any:
            if isinstance(value, list):
                return [rounded(part) for part in value]
            return float(f"{value:.6g}")

        return {key: rounded(value.tolist()) for key, value in self.state_dict().items()}

    def _activity(self, magnitude: Tensor, orientation: str) -> Tensor:
        """Return the logarithm, to the base of two, of what goes on around each coefficient."""
        constant, *weights = self.around[orientation].exp()
        if magnitude.requires_grad:
            constants = [weight.item() for weight in weights]
            around = _Around.apply(magnitude, *constants)  # type: ignore[no-untyped-call]
        else:
            around = _around(magnitude, *weights)
        return torch.log2(constant + around).clamp(*_ACTIVITY)

    def costs(self, magnitude: Tensor, orientation: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return what the surroundings make of a coefficient.

        Parameters
        ----------
        magnitude : Tensor, shape (N, 1, h, w)
            Magnitudes of the indices; whole, or real where noise stands for the quantiser.
        orientation : {"LL", "HL", "LH", "HH"}
            Of the subband.

        Returns
        -------
        zero, one, growth, curvature : Tensor, shape (N, 1, h, w)
            Bits of a zero, bits of a magnitude of one with its sign, and what `bits_of` makes of larger ones.
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
        """Return the bits of magnitudes; straight between zero and one."""
        zero, one, growth, curvature = costs
        beyond = growth * torch.log2(1 + curvature * (magnitude - 1).clamp_min(0))
        return zero + (one - zero) * magnitude.clamp(max=1) + beyond

    def bits(self, magnitude: Tensor, orientation: str) -> Tensor:
        """Return the bits of each coefficient; see `costs`."""
        return self.bits_of(magnitude, self.costs(magnitude, orientation))

    def blocks(self, bits: Tensor, magnitude: Tensor) -> Tensor:
        """Return the bits of all code-blocks of a subband: those of their coefficients, and the costs per code-block.

        Parameters
        ----------
        bits, magnitude : Tensor, shape (N, 1, h, w)
            Of the coefficients.

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
        # a code-block without a significant coefficient is not coded at all
        cost = torch.where(busy, inside + full + order * torch.log2(1 + inside), empty)
        return cost.sum((1, 2, 3))

    @property
    def packet(self) -> Tensor:
        """Bits of a packet header beside its code-blocks."""
        return self.headers[3]


def _shipped() -> dict[str, Any]:
    file = resources.files(__package__) / "rate_proxy.json"
    return dict(json.loads(file.read_text(encoding="utf-8"))["constants"]) if file.is_file() else {}
