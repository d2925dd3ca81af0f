"""Conversion of colours by their ICC profile."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["cmyk_to_srgb"]

_TOP = (1 << 16) - 1


def cmyk_to_srgb(inks: NDArray[np.float64], profile: bytes) -> NDArray[np.float64] | None:
    """Convert CMYK to sRGB, with the intent "perceptual".

    Parameters
    ----------
    inks : ndarray, shape (h, w, 4)
        CMYK, 0 to 1.
    profile : bytes
        ICC profile of the colour space CMYK.

    Returns
    -------
    ndarray, shape (h, w, 3), or None
        sRGB, 0 to 1. None if the profile cannot be used.
    """
    import imagecodecs

    codes = np.rint(np.clip(inks, 0, 1) * _TOP).astype(np.uint16)
    try:
        out: NDArray[np.uint16] = imagecodecs.cms_transform(
            codes,
            profile,
            imagecodecs.cms_profile("srgb"),
            colorspace="cmyk",
            outcolorspace="rgb",
            outdtype="uint16",
        )
    except RuntimeError:  # CmsError, of Little CMS
        return None
    return out / _TOP
