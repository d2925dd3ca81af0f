"""Training pictures as they are decoded before de-quantisation, coded by the real coders at rates drawn at random."""

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

#: Rates are times a factor of two to plus or minus this.
_SPREAD = 0.4

#: Files tell the noise in eighths of an octave: crops are told it so much beside.
_UNSURE = 0.06

#: Qualities that patches are coded at by an entropy model: steps of 4 to 107 grey levels.
_QUALITIES = (3.7, 71.4)


@dataclass(frozen=True)
class Batch:
    """Crops as they were decoded and as they should be.

    Attributes
    ----------
    decoded, original : Tensor, shape (N, C, crop, crop)
        In grey levels, level shifted; with three components those of the ICT.
    noise : Tensor, shape (N, C, 1, 1)
        log2 of the noise that the file tells.
    """

    decoded: Tensor
    original: Tensor
    noise: Tensor


@dataclass(frozen=True)
class Decoded:
    """Patches as they were decoded, and as they should be.

    Attributes
    ----------
    patches : ndarray, shape (n, size, size) or (n, size, size, 3), uint8
        Grey, or RGB.
    which : ndarray, shape (m,), int
        The patch of each decoded one.
    decoded : ndarray, shape (m, C, size, size), float16
        In grey levels, level shifted.
    noise : ndarray, shape (m, C), float32
        log2 of the noise that the file tells.
    """

    patches: Patches
    which: NDArray[np.intp]
    decoded: NDArray[np.float16]
    noise: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.which)

    def joined(self, other: Decoded) -> Decoded:
        """Return these and others of the same patches."""
        return Decoded(
            self.patches,
            np.concatenate([self.which, other.which]),
            np.concatenate([self.decoded, other.decoded]),
            np.concatenate([self.noise, other.noise]),
        )

    def batch(self, count: int, crop: int, rng: np.random.Generator) -> Batch:
        """Return crops at even places, turned and mirrored at random."""
        chosen = rng.choice(len(self), count, replace=False)
        x = np.empty((count, self.decoded.shape[1], crop, crop), np.float32)
        y = np.empty_like(x)
        room = (self.decoded.shape[2] - crop) // 2 + 1
        for at, index in enumerate(chosen):
            top, left = 2 * rng.integers(0, room, 2)
            some = slice(top, top + crop), slice(left, left + crop)
            turn = int(rng.integers(8))
            original = planes(Picture(self.patches[self.which[index]][some]))
            for out, source in ((x, self.decoded[index][(slice(None), *some)]), (y, original)):
                piece = np.rot90(source.astype(np.float32), turn % 4, (1, 2))
                out[at] = piece[:, ::-1] if turn > 3 else piece
        noise = self.noise[chosen] + rng.normal(0, _UNSURE, (count, 1)).astype(np.float32)
        return Batch(torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(noise)[..., None, None])


def _decoded(patches: Patches, found: list[tuple[int, NDArray[np.float32], NDArray[np.float32]]]) -> Decoded:
    if not found:
        raise OptionError("nothing can be learned of these patches: no noise is told of any")
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
        Rates of the layers, all times a factor of 2 ** -0.4 to 2 ** 0.4.
    layers : int
        How many of them are decoded.
    rng : Generator
        Draws the factors and the layers.
    """
    found = []
    bar = tqdm(patches, desc="coding patches", unit=" patches", disable=None, leave=False)
    for index, patch in enumerate(bar):
        factor = 2.0 ** rng.uniform(-_SPREAD, _SPREAD)
        data = encode(patch, bpp=[rate * factor for rate in bpp], model=model, fallback=False, threads=1)
        file = LearnedFile.open(PartialCodestream(open_source(data)), finder(lambda: [model]))
        assert file is not None
        area = file.header.area
        for layer in sorted(rng.choice(len(bpp), layers, replace=False) + 1):
            codes = np.stack([measure(bands, area, [area]) for bands in file.coarse(int(layer))])
            table = NoiseTable(codes.reshape(-1, 1, 1))
            told = [table.log2(at, 1) for at in range(len(codes))]
            known = [level for level in told if level is not None]
            if len(known) == len(told):
                found.append((index, file.synthesised(int(layer)), np.concatenate(known)))
    return _decoded(patches, found)


def code_neural(patches: Patches, model: EntropyModel, rng: np.random.Generator) -> Decoded:
    """Code RGB patches with an entropy model at a quality drawn for each, and decode them; see `code`."""
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
