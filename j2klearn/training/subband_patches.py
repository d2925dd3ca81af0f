"""Subbands of the training pictures of the context networks. Each picture is decomposed once; the subbands are kept."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from ..core.geometry import ORIENTATIONS
from ..core.picture import Picture
from ..errors import InputError, OptionError
from ..models.registry import resolve
from ..neural.coefficients.quantisation import component_norms
from ..transform.colour import planes
from ..transform.dwt import ready
from ..transform.levels import decompose
from ..transform.norms import norm_97
from ..transform.wavelet import WAVELETS
from .data import files

__all__ = ["Crop", "SubbandPatches", "read_patches"]


class Crop(NamedTuple):
    """Subbands of crops, in float32.

    Attributes
    ----------
    ll : Tensor, shape (N, C, h, w)
        LL of the coarsest level.
    details : list of Tensor, each (N, C, 3, h, w)
        HL, LH and HH of every level, finest first.
    """

    ll: Tensor
    details: list[Tensor]


def read_patches(folder: Path, size: int = 256, count: int | None = None) -> NDArray[np.uint8]:
    """Cut the pictures of a folder, or of the tar files in it, into patches.

    Parameters
    ----------
    folder : Path
        Holds pictures, or tar files of pictures.
    size : int
        Side of a patch in pixels.
    count : int, optional
        Largest number of patches. Default: all.

    Returns
    -------
    ndarray of uint8, shape (n, size, size, 3)
        RGB.

    Raises
    ------
    InputError
        If a file cannot be read, or no picture is large enough.
    """
    patches: list[NDArray[np.uint8]] = []
    for file in tqdm(files(folder), desc="reading pictures", unit=" files", disable=None, leave=False):
        rgb = np.asarray(file.image())
        for y in range(0, rgb.shape[0] - size + 1, size):
            for x in range(0, rgb.shape[1] - size + 1, size):
                patches.append(rgb[y : y + size, x : x + size])
        if count is not None and len(patches) >= count:
            break
    if not patches:
        raise InputError(f"no training pictures of at least {size}x{size} pixels in {folder}")
    return np.stack(patches[:count])


def _analysed(
    patch: NDArray[np.uint8], transform: str, levels: int, learned_levels: int
) -> tuple[Tensor, list[Tensor]]:
    """Return LL (C, h, w) and the details (C, 3, h, w), finest first; normalised to a quantiser step of 1 if lossy."""
    if transform == "5-3":
        r, g, b = torch.from_numpy(patch.astype(np.int32)).unbind(-1)
        components = torch.stack([((r + 2 * g + b) >> 2) - 128, b - g, r - g])

        def split_53(x: Tensor, level: int) -> tuple[Tensor, Tensor]:
            ll, *bands = WAVELETS["5-3"].analyse(x)
            return ll, torch.stack(bands, 1)

        return decompose(components, levels, split_53)
    weights = torch.tensor(component_norms(3, ict=True)).view(3, 1, 1)
    wavelet = WAVELETS["9-7"]
    structure, native = (None, wavelet) if transform == "9-7" else ready(resolve(transform).structure, 1)

    def split_97(x: Tensor, level: int) -> tuple[Tensor, Tensor]:
        if structure is not None and level <= learned_levels:
            ll, *bands = structure.analyse(x, (0, 0), native)
        else:
            ll, *bands = wavelet.analyse(x)
        scaled = [
            band[:, 0] * (norm_97(name, level) * weights)
            for name, band in zip(ORIENTATIONS, bands, strict=True)
        ]
        return ll, torch.stack(scaled, 1)

    ll, details = decompose(torch.from_numpy(planes(Picture(patch)))[:, None], levels, split_97)
    return ll[:, 0] * (norm_97("LL", levels) * weights), details


class SubbandPatches:
    """Subbands of training pictures, in memory.

    Parameters
    ----------
    patches : ndarray, shape (n, size, size, 3), uint8
        RGB; `size` is a multiple of ``2 ** (levels + 1)``.
    transform : str
        "9-7", the name of a learned transform, or "5-3" for lossless coding in integers.
    levels, learned_levels : int
        Decomposition levels, and how many of the finest ones use the learned steps.
    device : str
        Device that stores and crops the subbands.

    Attributes
    ----------
    ll : Tensor, shape (n, 3, h, w)
        int16 if lossless, else float16, normalised to a quantiser step of 1.
    details : list of Tensor, each (n, 3, 3, h, w)
        HL, LH and HH of every level, finest first; same dtypes.
    lossless : bool
        Whether the transform is the reversible 5/3.

    Raises
    ------
    OptionError
        If the size of the patches is not such a multiple.
    """

    def __init__(
        self,
        patches: NDArray[np.uint8],
        transform: str,
        levels: int,
        learned_levels: int,
        device: str = "cpu",
    ) -> None:
        if patches.shape[1] % (2 << levels):
            raise OptionError(f"the sides of patches must be multiples of {2 << levels} pixels")
        self.lossless = transform == "5-3"
        dtype = torch.int16 if self.lossless else torch.float16
        lows, details = [], []
        with torch.inference_mode():
            bar = tqdm(patches, desc="decomposing pictures", unit=" pictures", disable=None, leave=False)
            for patch in bar:
                low, bands = _analysed(patch, transform, levels, learned_levels)
                lows.append(low.to(dtype))
                details.append([band.to(dtype) for band in bands])
            self.ll = torch.stack(lows).to(device, copy=True)
            self.details = [torch.stack(bands).to(device, copy=True) for bands in zip(*details, strict=True)]

    def __len__(self) -> int:
        return len(self.ll)

    def crop(self, chosen: NDArray[np.int64], components: slice, rng: np.random.Generator) -> Crop:
        """Return one quarter of each of some pictures, transposed or not.

        The quarter and the transposition are drawn once, for all pictures together.

        Parameters
        ----------
        chosen : ndarray of int64, shape (N,)
            Indices of the pictures.
        components : slice
            Components to return.
        rng : numpy.random.Generator
            Draws the quarter and the transposition.
        """
        index = torch.from_numpy(chosen).to(self.ll.device)
        down, across, turned = rng.integers(2, size=3)

        def quarter(x: Tensor) -> Tensor:
            height, width = x.shape[-2] // 2, x.shape[-1] // 2
            y0, x0 = down * height, across * width
            part = x[index, components][..., y0 : y0 + height, x0 : x0 + width].float()
            return part.transpose(-1, -2) if turned else part

        details = [quarter(bands) for bands in self.details]
        if turned:
            details = [bands[:, :, [1, 0, 2]] for bands in details]
        return Crop(quarter(self.ll), details)
