"""Likelihoods of coefficients under mixtures, in floating point, for training."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["LOG_SCALES", "PARAMETERS", "Bounded", "bits_beside_outlier"]

#: Number of parameters of a component of a mixture: logit, mean, log-scale.
PARAMETERS = 3

#: Range that natural logarithms of scales are clamped to.
LOG_SCALES = (-2.5, 7.0)

#: Natural logarithm of the weight, and scale, of the outlier distribution that gives every integer some probability.
_LOG_OUTLIER_WEIGHT = -9.0
_OUTLIER_SCALE = 24.0


class Bounded(torch.autograd.Function):
    """Clamping with a gradient for values outside, if it leads back into the range."""

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
    """Return the bits of integers under their mixtures and an outlier distribution.

    Parameters
    ----------
    mixed : Tensor
        Natural logarithms of the probabilities of the integers under their mixtures.
    values : Tensor of the same shape
        The integers.
    """
    far = values.abs() / _OUTLIER_SCALE
    outlier = _LOG_OUTLIER_WEIGHT - math.log(_OUTLIER_SCALE) - far - 2 * F.softplus(-far)
    return -torch.logaddexp(mixed, outlier) / math.log(2)
