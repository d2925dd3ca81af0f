"""The context network in floating point, as it is trained: from what is decoded to a mixture for every coefficient.

At half the grid of a level (`j2klearn.neural.features.quarters`) a trunk of residual blocks reads what is known
before the level. Then the level's details are decoded in four stages, a phase of HL, LH and HH each, of the two by
two phases in the order (0, 0), (0, 1), (1, 0), (1, 1): what a stage has decoded is taken into the features, a
residual block looks at it, and a linear map of the features gives the mixtures of the next. So what a coefficient's
context is made of is a matter of a few convolutions over whole planes, and not of one pass per coefficient.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    "LOG_SCALES",
    "PARAMETERS",
    "STAGES",
    "Bounded",
    "ContextNetwork",
    "Residual",
    "bits_beside_outlier",
    "mixture_bits",
]

STAGES = 4
PARAMETERS = 3  # of a component of a mixture: logit, mean, log-scale
_BANDS = 3

#: Logarithms of scales are clamped to this.
LOG_SCALES = (-2.5, 7.0)

_OUTLIER = -9.0  # natural logarithm of the weight of what is always possible, and its scale
_OUTLIER_SCALE = 24.0


class Residual(nn.Module):
    """relu(x + conv(relu(conv(x)))), both 3x3."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight *= 0.3

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(F.relu(self.first(x))))


class ContextNetwork(nn.Module):
    """The network of one kind of component.

    Parameters
    ----------
    inputs : int
        Planes of features.
    width : int
        Channels.
    blocks : int
        Residual blocks of the trunk.
    mixtures : int
        Components of a mixture.
    shared : bool
        The residual blocks of the stages are one.
    """

    def __init__(self, inputs: int, width: int, blocks: int, mixtures: int, shared: bool) -> None:
        super().__init__()
        self.mixtures = mixtures
        self.head = nn.Conv2d(4 * inputs, width, 3, padding=1)
        self.trunk = nn.ModuleList(Residual(width) for _ in range(blocks))
        self.taken = nn.ModuleList(nn.Conv2d(_BANDS, width, 3, padding=1) for _ in range(STAGES - 1))
        self.looks = nn.ModuleList(Residual(width) for _ in range(1 if shared else STAGES))
        self.tails = nn.ModuleList(nn.Conv2d(width, _BANDS * PARAMETERS * mixtures, 1) for _ in range(STAGES))
        spread = torch.linspace(0, 3.5, mixtures) if mixtures > 1 else torch.ones(1)
        with torch.no_grad():
            for tail in self.tails:
                nn.init.zeros_(tail.weight)  # type: ignore[arg-type]
                nn.init.zeros_(tail.bias)  # type: ignore[arg-type]
                tail.bias.view(_BANDS, PARAMETERS, mixtures)[:, 2] = spread  # type: ignore[operator]

    def look(self, stage: int) -> nn.Module:
        """Return the residual block of a stage."""
        return self.looks[min(stage, len(self.looks) - 1)]

    def forward(self, features: Tensor, details: Tensor) -> Iterator[Tensor]:
        """Yield the mixtures of one stage after another, (N, 3 bands, 3, K, h, w).

        Parameters
        ----------
        features : Tensor, shape (N, 4 x inputs, h, w)
            Quarters of the features.
        details : Tensor, shape (N, 12, h, w)
            Quarters of the compressed details; of these a stage sees those of the stages before it.
        """
        x = F.relu(self.head(features))
        for block in self.trunk:
            x = block(x)
        for stage, tail in enumerate(self.tails):
            if stage:
                x = F.relu(x + self.taken[stage - 1](details[:, stage - 1 :: STAGES]))
            x = self.look(stage)(x)
            out = tail(x).float()
            yield out.view(len(out), _BANDS, PARAMETERS, self.mixtures, *out.shape[-2:])


class Bounded(torch.autograd.Function):
    """Clamping that still lets what is outside come back in."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.bounds = low, high
        return x.clamp(low, high)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (x,), (low, high), gradient = ctx.saved_tensors, ctx.bounds, gradients[0]
        away = ((x < low) & (gradient > 0)) | ((x > high) & (gradient < 0))
        return gradient * ~away, None, None


def mixture_bits(mixtures: Tensor, values: Tensor) -> Tensor:
    """Return the bits of integers under mixtures of discretised logistic distributions.

    Parameters
    ----------
    mixtures : Tensor, shape (N, B, 3, K, h, w)
        Logits of the weights, means, logarithms of the scales.
    values : Tensor, shape (N, B, h, w)
        Integers.

    Returns
    -------
    Tensor, shape (N, B, h, w)
        A distribution that allows for anything has a weight of exp(-9) beside the mixture, so that a coefficient far
        off costs bits, and not the training.
    """
    weights = torch.log_softmax(mixtures[:, :, 0], 2)
    inverse = torch.exp(-Bounded.apply(mixtures[:, :, 2], *LOG_SCALES))  # type: ignore[no-untyped-call]
    distance = values.unsqueeze(2) - mixtures[:, :, 1]
    inside = F.logsigmoid((distance + 0.5) * inverse) + F.logsigmoid((0.5 - distance) * inverse)
    mixed = torch.logsumexp(weights + inside + torch.log(-torch.expm1(-inverse)), 2)
    return bits_beside_outlier(mixed, values)


def bits_beside_outlier(mixed: Tensor, values: Tensor) -> Tensor:
    """Return the bits of integers whose probability under their mixtures has this logarithm."""
    far = values.abs() / _OUTLIER_SCALE
    outlier = _OUTLIER - math.log(_OUTLIER_SCALE) - far - 2 * F.softplus(-far)
    return -torch.logaddexp(mixed, outlier) / math.log(2)
