"""Median prediction of LL: the cross-component model codes and uses the differences, which are small.

The prediction of a sample is the median of its left neighbour, the neighbour above, and the sum of both less the
neighbour above left (LOCO-I's median edge detector, ISO/IEC 14495-1 A.4.1). In the first row it is the left neighbour,
in the first column the neighbour above, and 0 for the first sample. This is part of the file format.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import CodestreamError
from ..entropy.range_coder import MAX_MAGNITUDE

__all__ = ["differences", "restored"]


def differences(low: Tensor) -> Tensor:
    """Return the differences of planes to their predictions.

    Parameters
    ----------
    low : Tensor, shape (..., h, w)
        Planes, integers or floating point. Gradients pass through.
    """
    left, above, between = torch.zeros_like(low), torch.zeros_like(low), torch.zeros_like(low)
    left[..., 1:] = low[..., :-1]
    above[..., 1:, :] = low[..., :-1, :]
    between[..., 1:, 1:] = low[..., :-1, :-1]
    above[..., 0, :] = between[..., 0, :] = left[..., 0, :]
    left[..., 1:, 0] = between[..., 1:, 0] = above[..., 1:, 0]
    smaller, larger = torch.minimum(left, above), torch.maximum(left, above)
    return low - torch.maximum(smaller, torch.minimum(larger, left + above - between))


def restored(found: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the plane (h, w), int32, of differences (h, w).

    Raises
    ------
    CodestreamError
        If a sample is 2**30 or more in magnitude.
    """
    above: Sequence[int] | None = None
    rows = []
    for differences_of_row in found.tolist():
        row: list[int] = []
        for x, difference in enumerate(differences_of_row):
            if above is None:
                predicted = row[-1] if x else 0
            elif not x:
                predicted = above[0]
            else:
                a, b = row[-1], above[x]
                predicted = sorted((a, b, a + b - above[x - 1]))[1]
            row.append(predicted + difference)
        if row and max(max(row), -min(row)) >= MAX_MAGNITUDE:
            raise CodestreamError("the segment is damaged: it has a coefficient of 2^30 or more")
        rows.append(row)
        above = row
    return np.array(rows, np.int32).reshape(found.shape)
