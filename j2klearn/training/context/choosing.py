"""Rate-distortion optimised indices for training; `j2klearn.neural.context.rdo_choice` has the encoder's choice.

The encoder chooses one coefficient after the other, and later contexts contain the indices that it chose. Training
approximates this: the networks first predict the costs from rounded indices, then all indices of a level are chosen at
once, and the networks learn from these.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...neural.coefficients.expectation import MOST_ERROR, WEIGHT
from ...neural.context.network import mixture_bits

__all__ = ["chosen"]


def chosen(mixtures: Tensor, scaled: Tensor) -> Tensor:
    """Choose between the nearest index and the next one towards zero, by squared error and bits.

    Parameters
    ----------
    mixtures : Tensor, shape (N, B, 3, K, h, w)
        Parameters of the mixtures, as for `mixture_bits`.
    scaled : Tensor, shape (N, B, h, w)
        Coefficients divided by the quantiser step.

    Returns
    -------
    Tensor of int64, shape (N, B, h, w)
        Indices.
    """
    size = scaled.abs()
    index = (size + 0.5).floor()
    undecided = (index > 0) & (size - index + 1 < MOST_ERROR)
    picked = mixtures.permute(0, 1, 4, 5, 2, 3)[undecided]  # (n, 3, K)
    size, upper, sign = size[undecided], index[undecided], scaled[undecided].sign()
    both = torch.stack([sign * upper, sign * (upper - 1)], 1)
    costs = mixture_bits(picked[:, None, :, :, None, None].expand(-1, 2, -1, -1, 1, 1), both[..., None, None])
    saved_bits = (costs[:, 0] - costs[:, 1]).view(-1)
    added_error = (size - upper + 1) ** 2 - (size - upper) ** 2
    index[undecided] = torch.where(added_error < WEIGHT * saved_bits, upper - 1, upper)
    return (index * scaled.sign()).long()
