"""Training pictures, coded by the real coders at random rates, and decoded without de-quantisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from ...access.partial_codestream import PartialCodestream
from ...api.encode import encode
from ...core.noise_table import NoiseTable
from ...core.picture import Picture
from ...dequantisation.noise import measure
from ...ebcot.learned_file import LearnedFile
from ...errors import OptionError
from ...io.sources import open_source
from ...models.model import Model
from ...models.registry import finder
from ...neural.coefficients.quantisation import component_norms
from ...neural.entropy_model import EntropyModel
from ...neural.reader import NeuralFile
from ...transform.colour import planes

__all__ = ["Batch", "Decoded", "code", "code_neural"]

Patches = NDArray[np.uint8]

#: Rates are multiplied by a factor between 2 ** -0.4 and 2 ** 0.4.
_RATE_SPREAD = 0.4

#: Standard deviation of the jitter of log2 of the noise level. Files store the level in eighths of an octave.
_LEVEL_JITTER = 0.06

#: Range of qualities for the neural profile: steps of 4 to 107 grey levels.
_QUALITIES = (3.7, 71.4)


@dataclass(frozen=True)
class Batch:
    """Decoded crops and their originals.

    Attributes
    ----------
    decoded, original : Tensor, shape (N, C, crop, crop)
        float32, in grey levels, level shifted. Three components are those of the ICT (T.800 Annex G.3).
    noise : Tensor, shape (N, C, 1, 1)
        log2 of the noise level that the file stores.
    """

    decoded: Tensor
    original: Tensor
    noise: Tensor


@dataclass(frozen=True)
class Decoded:
    """Decoded patches and their originals.

    Attributes
    ----------
    patches : ndarray, shape (n, size, size) or (n, size, size, 3), uint8
        Grey, or RGB.
    which : ndarray, shape (m,), int
        Index of the original of each decoded patch.
    decoded : ndarray, shape (m, C, size, size), float16
        Decoded patches in grey levels, level shifted.
    noise : ndarray, shape (m, C), float32
        log2 of the noise level that the file stores.
    """

    patches: Patches
    which: NDArray[np.intp]
    decoded: NDArray[np.float16]
    noise: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.which)

    def joined(self, other: Decoded) -> Decoded:
        """Return these decoded patches together with others of the same originals."""
        return Decoded(
            self.patches,
            np.concatenate([self.which, other.which]),
            np.concatenate([self.decoded, other.decoded]),
            np.concatenate([self.noise, other.noise]),
        )

    def batch(self, count: int, crop: int, rng: np.random.Generator, side: int = 2) -> Batch:
        """Return random crops at multiples of `side`, rotated and reflected at random.

        Parameters
        ----------
        count : int
            Number of crops, at most `len(self)`; each is of another decoded patch.
        crop : int
            Side of a crop in pixels, at most that of the patches.
        rng : numpy.random.Generator
            Draws patches, positions, orientations and the jitter of the noise level.
        side : int
            Rows and columns from one possible place of a crop to the next.
        """
        chosen = rng.choice(len(self), count, replace=False)
        x = np.empty((count, self.decoded.shape[1], crop, crop), np.float32)
        y = np.empty_like(x)
        places = (self.decoded.shape[2] - crop) // side + 1
        for at, index in enumerate(chosen):
            top, left = side * rng.integers(0, places, 2)
            window = slice(top, top + crop), slice(left, left + crop)
            turn = int(rng.integers(8))
            original = planes(Picture(self.patches[self.which[index]][window]))
            for out, source in ((x, self.decoded[index][(slice(None), *window)]), (y, original)):
                piece = np.rot90(source.astype(np.float32), turn % 4, (1, 2))
                out[at] = piece[:, ::-1] if turn > 3 else piece
        noise = self.noise[chosen] + rng.normal(0, _LEVEL_JITTER, (count, 1)).astype(np.float32)
        return Batch(torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(noise)[..., None, None])


def _decoded(patches: Patches, found: list[tuple[int, NDArray[np.float32], NDArray[np.float32]]]) -> Decoded:
    if not found:
        raise OptionError("training needs patches with quantisation noise, and the files of these store none")
    which, decoded, noise = zip(*found, strict=True)
    halves = np.stack([plane.astype(np.float16) for plane in decoded])
    return Decoded(patches, np.array(which), halves, np.stack(noise).astype(np.float32))


def code(
    patches: Patches, model: Model, bpp: tuple[float, ...], layers: int, rng: np.random.Generator
) -> Decoded:
    """Code patches with EBCOT and decode some layers of each.

    Parameters
    ----------
    patches : ndarray, shape (n, size, size) or (n, size, size, 3), uint8
        Grey, or RGB.
    model : Model
        The transform.
    bpp : tuple of float
        Rates of the layers in bits per pixel. For each patch all are multiplied by one random factor between 2 ** -0.4
        and 2 ** 0.4.
    layers : int
        How many layers of each patch are decoded, at most `len(bpp)`.
    rng : Generator
        Draws the factors and the layers.

    Raises
    ------
    OptionError
        If no file stores a noise level.
    """
    found = []
    bar = tqdm(patches, desc="coding patches", unit=" patches", disable=None, leave=False)
    for index, patch in enumerate(bar):
        factor = 2.0 ** rng.uniform(-_RATE_SPREAD, _RATE_SPREAD)
        data = encode(patch, bpp=[rate * factor for rate in bpp], model=model, fallback=False, threads=1)
        file = LearnedFile.open(PartialCodestream(open_source(data)), finder(lambda: [model]))
        assert file is not None
        area = file.header.area
        for layer in sorted(rng.choice(len(bpp), layers, replace=False) + 1):
            codes = np.stack([measure(bands, area, [area]) for bands in file.coarse(int(layer))])
            table = NoiseTable(codes.reshape(-1, 1, 1))
            by_component = [table.log2(at, 1) for at in range(len(codes))]
            noise = [level for level in by_component if level is not None]
            if len(noise) == len(by_component):
                found.append((index, file.synthesised(int(layer)), np.concatenate(noise)))
    return _decoded(patches, found)


def code_neural(patches: Patches, model: EntropyModel, rng: np.random.Generator) -> Decoded:
    """Code RGB patches with the neural profile, each at a random quality, and decode them.

    Parameters
    ----------
    patches : ndarray, shape (n, size, size, 3), uint8
        RGB.
    model : EntropyModel
        A lossy entropy model.
    rng : Generator
        Draws the qualities.
    """
    found = []
    bar = tqdm(patches, desc="coding patches", unit=" patches", disable=None, leave=False)
    for index, patch in enumerate(bar):
        quality = float(rng.uniform(*_QUALITIES))
        data = encode(patch, profile="neural", quality=quality, model=model, threads=1)
        file = NeuralFile.open(PartialCodestream(open_source(data)), model)
        assert file is not None
        assert file.header.step is not None
        noise = np.log2(file.header.step / np.array(component_norms(3, ict=True)))
        found.append((index, file.synthesised(), noise.astype(np.float32)))
    return _decoded(patches, found)
