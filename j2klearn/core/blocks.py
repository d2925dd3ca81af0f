"""The whole square blocks of a plane."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["whole_blocks"]

T = TypeVar("T", bound=np.generic)


def whole_blocks(plane: NDArray[T], side: int) -> NDArray[T]:
    """Return the blocks of a plane, without the rows and columns beyond the last whole block.

    Parameters
    ----------
    plane : ndarray, shape (h, w)
        The plane.
    side : int
        Rows and columns of a block.

    Returns
    -------
    ndarray, shape (h // side, side, w // side, side)
        The blocks: axes 0 and 2 count them, axes 1 and 3 are the rows and columns of each.
    """
    rows, columns = (length // side for length in plane.shape)
    return plane[: rows * side, : columns * side].reshape(rows, side, columns, side)
