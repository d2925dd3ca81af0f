"""Pictures of half the size, interpolated to any number of bits: all bits carry information, as in no 8-bit picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["half_size"]


def half_size(image: NDArray[np.uint8], bits: int) -> NDArray[Any]:
    """Return a picture of half the width and height, uint8 for 8 bits and uint16 for more."""
    size = image.shape[1] // 2, image.shape[0] // 2
    planes = [
        np.asarray(Image.fromarray(plane.astype(np.float32)).resize(size, Image.Resampling.LANCZOS))
        for plane in np.moveaxis(np.atleast_3d(image), 2, 0)
    ]
    samples = np.rint(np.clip(np.stack(planes, 2) / 255, 0, 1) * ((1 << bits) - 1))
    samples = samples.astype(np.uint8 if bits == 8 else np.uint16)
    return samples if image.ndim == 3 else samples[:, :, 0]
