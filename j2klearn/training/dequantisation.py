"""Training the network for learned de-quantisation on pictures that the real coder has coded and decoded.

The transform stays as it is, so pictures are coded once, at rates drawn at random, and the network learns to take off
what is left between them and the originals. The loss is the squared error over what it was, picture by picture: a
decibel counts as much at every rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from ..access.parts import PartialCodestream
from ..access.sources import open_source
from ..decoder import LearnedFile
from ..dequantise import Dequantiser
from ..encoder import encode
from ..errors import InputError, OptionError
from ..model import Model
from ..noise import NoiseTable, measure
from ..pictures import write_whole
from .data import Patches

__all__ = ["Decoded", "DequantisationSettings", "code", "train"]

_REPORT = 500  # steps between lines of the log


@dataclass(frozen=True)
class DequantisationSettings:
    """How the network is trained.

    Attributes
    ----------
    width, pairs : int
        Of the network, see `j2klearn.dequantise.Dequantiser`.
    bpp : tuple of float
        Layers that every patch is coded with, all times a factor of 2 ** -0.4 to 2 ** 0.4.
    layers : int
        How many of these each patch is decoded at.
    steps, batch, crop : int
        Steps of the optimiser, crops in each, their side in pixels.
    learning_rate : float
        The highest, after a twentieth of the steps; from there a cosine to nearly 0.
    seed : int
        Of everything that is drawn.
    """

    width: int = 32
    pairs: int = 2
    bpp: tuple[float, ...] = (0.1, 0.2, 0.4, 0.7, 1.2)
    layers: int = 3
    steps: int = 28_000
    batch: int = 16
    crop: int = 96
    learning_rate: float = 1.5e-3
    seed: int = 0


@dataclass(frozen=True)
class Decoded:
    """Patches as they were decoded, before de-quantisation, and as they should be.

    Attributes
    ----------
    decoded : ndarray, shape (n, size, size), float16
        Luma in grey levels, level shifted.
    original : ndarray, shape (n, size, size), uint8
        Luma.
    noise : ndarray, shape (n,), float32
        log2 of the noise that the file tells.
    """

    decoded: NDArray[np.float16]
    original: NDArray[np.uint8]
    noise: NDArray[np.float32]


def code(patches: NDArray[np.uint8], model: Model, settings: DequantisationSettings) -> Decoded:
    """Code patches with the real coder and decode some layers of each.

    Parameters
    ----------
    patches : ndarray, shape (n, size, size), uint8
        Luma.
    model : Model
        The transform.
    settings : DequantisationSettings
        Rates, and the seed.
    """
    rng = np.random.default_rng(settings.seed)
    decoded, original, noise = [], [], []
    for patch in tqdm(patches, desc="coding patches", unit=" patches", disable=None, leave=False):
        factor = 2.0 ** rng.uniform(-0.4, 0.4)
        data = encode(
            patch, bpp=[rate * factor for rate in settings.bpp], model=model, fallback=False, threads=1
        )
        file = LearnedFile.open(PartialCodestream(open_source(data)), model)
        assert file is not None
        area = file.header.area
        for layer in sorted(rng.choice(len(settings.bpp), settings.layers, replace=False) + 1):
            decoded.append(file.synthesised(int(layer))[0].astype(np.float16))
            original.append(patch)
            codes = measure(file.coarse(int(layer))[0], area, [area])
            told = NoiseTable(codes.reshape(1, 1, 1)).log2(0, 1)
            assert told is not None
            noise.append(float(told[0]))
    return Decoded(np.stack(decoded), np.stack(original), np.array(noise, np.float32))


def _batch(
    data: Decoded, chosen: NDArray[np.int64], crop: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Return crops at even places, turned and mirrored at random."""
    x = np.empty((len(chosen), 1, crop, crop), np.float32)
    y = np.empty_like(x)
    room = (data.decoded.shape[1] - crop) // 2 + 1
    for at, index in enumerate(chosen):
        top, left = 2 * rng.integers(0, room, 2)
        some = slice(top, top + crop), slice(left, left + crop)
        turn = int(rng.integers(8))
        for out, source in ((x, data.decoded), (y, data.original)):
            piece = np.rot90(source[index][some].astype(np.float32), turn % 4)
            out[at, 0] = piece[::-1] if turn > 3 else piece
    noise = torch.from_numpy(data.noise[chosen]).view(-1, 1, 1, 1)
    return torch.from_numpy(x), torch.from_numpy(y - 128), noise


def train(data: Decoded, out: Path, base: Model, settings: DequantisationSettings) -> Model:
    """Train the network, and write the model that has it beside the transform.

    Parameters
    ----------
    data : Decoded
        What `code` returned.
    out : Path
        Model file, written anew every few hundred steps.
    base : Model
        The transform; a network for de-quantisation that it has is replaced.
    settings : DequantisationSettings
        How.

    Raises
    ------
    OptionError
        If there are fewer patches than a batch takes.
    """
    if len(data.noise) < settings.batch:
        raise OptionError(f"a batch takes {settings.batch} patches, and there are {len(data.noise)}")
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    network = Dequantiser(settings.width, settings.pairs)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=settings.steps, pct_start=0.05
    )
    recent, model = 0.0, base
    bar = tqdm(range(1, settings.steps + 1), desc="training", unit=" steps", disable=None)
    for step in bar:
        chosen = rng.choice(len(data.noise), settings.batch, replace=False)
        x, y, noise = _batch(data, chosen, settings.crop, rng)
        before = ((x - y) ** 2).mean((1, 2, 3))
        after = ((x + network(x, noise) - y) ** 2).mean((1, 2, 3))
        loss = ((after + 0.1) / (before + 0.1)).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        recent += loss.item()
        if step % _REPORT == 0 or step == settings.steps:
            count = (step - 1) % _REPORT + 1
            bar.write(f"step {step}: error {recent / count:.4f} of what it was")
            recent = 0.0
            model = with_dequantiser(base, network, settings)
            write_whole(out, model.to_bytes())
    return model


def with_dequantiser(base: Model, network: Dequantiser, settings: DequantisationSettings) -> Model:
    """Return a model with another network for de-quantisation."""
    own = {key: value for key, value in base.tensors.items() if not key.startswith("dequantiser.")}
    state = {
        f"dequantiser.{key}": value.detach().contiguous().numpy().copy()
        for key, value in network.state_dict().items()
    }
    card: dict[str, Any] = {
        **base.card,
        "name": f"{base.name.removesuffix('-dq')}-dq",
        "dequantiser": {name: getattr(settings, name) for name in settings.__dataclass_fields__},
    }
    config = {**base.config, "dequantiser": {"width": settings.width, "pairs": settings.pairs}}
    return Model(config, {**own, **state}, card)


def patches_of(folder: Path, count: int | None) -> NDArray[np.uint8]:
    """Return training patches, the first `count` of them.

    Raises
    ------
    InputError
        If the folder has none.
    """
    patches = Patches(folder).patches[:count]
    if not len(patches):
        raise InputError(f"no training pictures are taken of {folder}")
    return patches
