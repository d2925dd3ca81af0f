"""Luma of colour pictures, for codecs and metrics that take one component."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["luma"]

_WEIGHTS = np.array([0.299, 0.587, 0.114])  # BT.601


def luma(image: NDArray[Any]) -> NDArray[Any]:
    """Return the luma of a colour picture (BT.601 weights).

    Parameters
    ----------
    image : ndarray, shape (H, W, 3)
        RGB samples, uint8 or uint16.

    Returns
    -------
    ndarray, shape (H, W)
        Rounded luma, of the dtype of `image`. For uint8 it is computed by Pillow (mode "L").
    """
    if image.dtype == np.uint8:
        return np.asarray(Image.fromarray(image).convert("L"))
    out: NDArray[Any] = np.rint(image @ _WEIGHTS).astype(image.dtype)
    return out
