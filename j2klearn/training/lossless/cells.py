"""Training data of reversible models: subbands of the non-separable 5/3 of pictures as a camera gives them.

Collections of pictures have usually been compressed before, so their fine detail is not what lossless files hold. The
pictures are therefore reduced, and noise is added to most of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from ...errors import InputError
from ...native import wavelet
from ..data import files

__all__ = ["Cells"]

#: Factors by which pictures are reduced, and the filters.
_FACTORS = (0.5, 0.5, 0.6, 0.75)
_FILTERS = (Image.Resampling.LANCZOS, Image.Resampling.BICUBIC, Image.Resampling.BOX)

#: Share of the pictures that get noise, and its least and largest standard deviation in grey levels.
_NOISY, _LEAST_NOISE, _MOST_NOISE = 0.6, 0.3, 2.5

#: Levels that are trained on, and their shares of the steps.
SHARES = (0.7, 0.2, 0.1)


def _reduced(picture: Image.Image, side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    factor = max(float(rng.choice(_FACTORS)), side / min(picture.size))
    size = tuple(max(side, round(length * factor)) for length in picture.size)
    out = picture.resize((size[0], size[1]), _FILTERS[rng.integers(len(_FILTERS))])
    return np.asarray(out).astype(np.float32)


def _noise(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return noise of a random strength: white or blurred, of each component or partly of all."""
    noise = rng.normal(size=shape)
    if rng.random() < 0.5:
        noise = 0.6 * noise + 0.6 * rng.normal(size=shape[:2])[..., None]
    if rng.random() < 0.4:
        noise = (noise + 0.3 * (np.roll(noise, 1, 0) + np.roll(noise, 1, 1))) / 1.1
    return noise * rng.uniform(_LEAST_NOISE, _MOST_NOISE)


class Cells:
    """Subbands of luma patches, one patch from each picture.

    Parameters
    ----------
    folder : Path
        Holds pictures, or tar files of pictures.
    side : int
        Side of a patch in pixels, a multiple of eight. Smaller pictures are enlarged.
    seed : int
        Seed of sizes, positions and noise.

    Attributes
    ----------
    levels : list of ndarray, each (n, 4, h, w), int16
        LL, HL, LH and HH of the non-separable 5/3, from the finest level on.

    Raises
    ------
    InputError
        If there is no such folder, a file cannot be read, or there are no pictures.
    """

    def __init__(self, folder: Path, side: int = 192, seed: int = 0) -> None:
        if not folder.is_dir():
            raise InputError(f"{folder} is not a folder of training pictures")
        rng = np.random.default_rng(seed)
        patches = []
        for file in tqdm(files(folder), desc="reading pictures", unit=" files", disable=None, leave=False):
            rgb = _reduced(file.image(), side, rng)
            y, x = (int(rng.integers(0, length - side + 1)) for length in rgb.shape[:2])
            patch: NDArray[np.floating[Any]] = rgb[y : y + side, x : x + side]
            if rng.random() < _NOISY:
                patch = patch + _noise(patch.shape, rng)
            red, green, blue = np.clip(np.rint(patch), 0, 255).astype(np.int32).transpose(2, 0, 1)
            patches.append(((red + 2 * green + blue) >> 2) - 128)  # T.800 equation G-3
        if not patches:
            raise InputError(f"there are no pictures in {folder}")
        self.levels: list[NDArray[np.int16]] = []
        for _ in SHARES:
            bands = [wavelet.analyse(np.ascontiguousarray(plane), non_separable=True) for plane in patches]
            self.levels.append(np.stack([np.stack(own) for own in bands]).astype(np.int16))
            patches = [own[0] for own in bands]

    def batch(self, level: int, count: int, rng: np.random.Generator) -> Tensor:
        """Return the subbands of some patches, (count, 4, h, w), float32: half of them transposed, some inverted."""
        own = self.levels[level]
        x = own[rng.integers(0, len(own), count)].astype(np.float32)
        if rng.random() < 0.5:  # HL and LH change places
            x = x[:, [0, 2, 1, 3]].swapaxes(-1, -2)
        if rng.random() < 0.3:
            x = -x
        return torch.from_numpy(np.ascontiguousarray(x))
