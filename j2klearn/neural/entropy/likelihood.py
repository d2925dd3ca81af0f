"""Likelihoods of coefficients under mixtures, in floating point, for training."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["LOG_SCALES", "PARAMETERS", "Bounded", "bits_beside_outlier"]

PARAMETERS = 3  # of a component of a mixture: logit, mean, log-scale

#: Logarithms of scales are clamped to this.
LOG_SCALES = (-2.5, 7.0)

_OUTLIER = -9.0  # natural logarithm of the weight of what is always possible, and its scale

_OUTLIER_SCALE = 24.0


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


def bits_beside_outlier(mixed: Tensor, values: Tensor) -> Tensor:
    """Return the bits of integers whose probability under their mixtures has this logarithm."""
    far = values.abs() / _OUTLIER_SCALE
    outlier = _OUTLIER - math.log(_OUTLIER_SCALE) - far - 2 * F.softplus(-far)
    return -torch.logaddexp(mixed, outlier) / math.log(2)
