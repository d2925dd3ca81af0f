"""The conditions under which Winograd's F(2x2, 3x3) computes a convolution of 3x3 exactly in integers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["SUM_LIMIT", "transform_fits"]

#: Sums of products stay below this: four times as large, they fit 32 bits.
SUM_LIMIT = 1 << 29

#: 2 G, so that the transform of a filter is an integer.
_TWICE_G = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]])


def transform_fits(weights: NDArray[np.int64]) -> bool:
    """Return whether the transformed filters 4 G g G' fit 16 bits.

    Parameters
    ----------
    weights : ndarray of int64, shape (outputs, inputs, 3, 3)
        The filters g.
    """
    largest = np.abs(_TWICE_G @ weights @ _TWICE_G.T).max(initial=0)
    return int(largest) <= np.iinfo(np.int16).max
