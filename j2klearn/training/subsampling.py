"""Training pictures with subsampled chroma, because the chroma of most pictures (JPEG, video) was subsampled once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

__all__ = ["subsampled"]

_UPSAMPLING = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)


def subsampled(patches: NDArray[np.uint8], share: float, seed: int) -> NDArray[np.uint8]:
    """Subsample the chroma of some patches to 4:2:0, and upsample it again with an interpolation that decoders use.

    Parameters
    ----------
    patches : ndarray of uint8, shape (n, h, w, 3)
        RGB; h and w are even.
    share : float
        Probability that a patch is subsampled, 0 to 1.
    seed : int
        Seed of the choice of patches and of interpolations.

    Returns
    -------
    ndarray of uint8, shape (n, h, w, 3)
        RGB; `patches` itself if none was chosen.
    """
    rng = np.random.default_rng(seed)
    chosen = np.flatnonzero(rng.random(len(patches)) < share)
    out = patches.copy() if chosen.size else patches
    for at in tqdm(chosen, desc="subsampling chroma", unit=" pictures", disable=None, leave=False):
        y, *chroma = Image.fromarray(patches[at]).convert("YCbCr").split()
        half, upsampling = (y.width // 2, y.height // 2), _UPSAMPLING[rng.integers(len(_UPSAMPLING))]
        planes = [plane.resize(half, Image.Resampling.BOX).resize(y.size, upsampling) for plane in chroma]
        out[at] = np.asarray(Image.merge("YCbCr", [y, *planes]).convert("RGB"))
    return out
