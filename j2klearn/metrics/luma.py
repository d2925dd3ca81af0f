"""Luma of colour pictures, as it is coded and as it is compared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["luma"]

_WEIGHTS = np.array([0.299, 0.587, 0.114])  # BT.601


def luma(image: NDArray[Any]) -> NDArray[Any]:
    """Return the luma (H, W) of a colour picture (H, W, 3), rounded; of 8 bits as Pillow makes it."""
    if image.dtype == np.uint8:
        return np.asarray(Image.fromarray(image).convert("L"))
    out: NDArray[Any] = np.rint(image @ _WEIGHTS).astype(image.dtype)
    return out
