"""Indices in training as the encoder chooses them, by what they cost: see `j2klearn.neural.context.rdo_choice`.

The encoder chooses place by place, and what follows sees what it has chosen. In training one look at plainly quantised
coefficients says what indices cost, all of a level are chosen at once, and these are what the networks learn from.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...neural.coefficients.expectation import MOST_ERROR, WEIGHT
from ...neural.context.network import mixture_bits

__all__ = ["chosen"]


def chosen(mixtures: Tensor, scaled: Tensor) -> Tensor:
    """Return the indices that are the best at their cost.

    Parameters
    ----------
    mixtures : Tensor, shape (N, B, 3, K, h, w)
        What the network says, as of `mixture_bits`.
    scaled : Tensor, shape (N, B, h, w)
        Coefficients over the quantiser step.

    Returns
    -------
    Tensor of int64, shape (N, B, h, w)
    """
    size = scaled.abs()
    index = (size + 0.5).floor()
    which = (index > 0) & (size - index + 1 < MOST_ERROR)
    picked = mixtures.permute(0, 1, 4, 5, 2, 3)[which]  # (n, 3, K)
    size, upper, sign = size[which], index[which], scaled[which].sign()
    both = torch.stack([sign * upper, sign * (upper - 1)], 1)
    costs = mixture_bits(picked[:, None, :, :, None, None].expand(-1, 2, -1, -1, 1, 1), both[..., None, None])
    saved = (costs[:, 0] - costs[:, 1]).view(-1)
    worse = (size - upper + 1) ** 2 - (size - upper) ** 2
    index[which] = torch.where(worse < WEIGHT * saved, upper - 1, upper)
    return (index * scaled.sign()).long()
