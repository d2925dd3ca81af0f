"""Training pictures whose chroma was subsampled once, as that of most pictures was: JPEG, video, scans of film."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

__all__ = ["subsampled"]

_UP = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)


def subsampled(patches: NDArray[np.uint8], share: float, seed: int) -> NDArray[np.uint8]:
    """Return patches of which some went to 4:2:0 and back, by one of the interpolations that decoders use.

    Parameters
    ----------
    patches : ndarray of uint8, shape (n, h, w, 3)
        RGB; h and w are even.
    share : float
        Probability of each to be one of them.
    seed : int
        Of the choice.
    """
    rng = np.random.default_rng(seed)
    chosen = np.flatnonzero(rng.random(len(patches)) < share)
    out = patches.copy() if chosen.size else patches
    for at in tqdm(chosen, desc="subsampling chroma", unit=" pictures", disable=None, leave=False):
        y, *chroma = Image.fromarray(patches[at]).convert("YCbCr").split()
        half, up = (y.width // 2, y.height // 2), _UP[rng.integers(len(_UP))]
        planes = [plane.resize(half, Image.Resampling.BOX).resize(y.size, up) for plane in chroma]
        out[at] = np.asarray(Image.merge("YCbCr", [y, *planes]).convert("RGB"))
    return out
