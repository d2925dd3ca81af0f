"""Synthesis gains of a trained transform, and the scales that fit its subbands to those that OpenJPEG assumes.

OpenJPEG orders its coding passes by what an error of a coefficient costs in the picture, and takes for that the norms
of the 9/7's synthesis. Where a structure's are others, every subband is multiplied by (its gain) / (norm of the 9/7)
before the transport: an error of the scaled coefficients then costs what OpenJPEG thinks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..core.geometry import ORIENTATIONS, Rect
from .levels import compose, decompose
from .norms import norm_97
from .structures import Structure
from .wavelet import WAVELETS

__all__ = ["MEASURED_LEVELS", "extended", "measure"]

#: Levels whose gains are measured; ratios to the norms of the 9/7 hardly change from there on.
MEASURED_LEVELS = 3

_SIDE = 192
_LEAST = 0.01
_STEP = 16.0  # the quantiser step, in grey levels, whose errors the noise stands for


def _scene() -> Tensor:
    """Return edges of all directions, textures and plain parts: gains of a network depend on what it sees."""
    generator = np.random.default_rng(97)
    y, x = np.mgrid[:_SIDE, :_SIDE].astype(np.float64)
    scene = np.zeros((_SIDE, _SIDE))
    for _ in range(24):
        angle, offset = generator.uniform(0, 2 * np.pi), generator.uniform(-0.5, 0.5) * _SIDE
        edge = (x - _SIDE / 2) * np.cos(angle) + (y - _SIDE / 2) * np.sin(angle) - offset
        scene += generator.uniform(5, 40) * np.tanh(edge / generator.uniform(0.5, 6))
    texture = np.sin(x * 0.9 + y * 0.5) + np.sin(x * 0.3 - y * 1.1)
    scene += 12 * texture * (x > _SIDE / 2) + generator.normal(0, 3, scene.shape)
    scene *= 50 / scene.std()
    return torch.from_numpy((scene - scene.mean()).clip(-128, 127).astype(np.float32))


def measure(structure: Structure) -> list[float]:
    """Return the ratios of a transform's synthesis gains to the 9/7's norms, measured with noise in every subband.

    The gain of a subband is the root of the squared error in the picture over that of its coefficients, for errors as a
    quantiser makes them, on a synthetic scene. The measurement is a fixed one: the same weights give the same ratios.

    Parameters
    ----------
    structure : Structure
        Its weights are not changed.

    Returns
    -------
    list of float
        LL of level `MEASURED_LEVELS`, then HL, LH and HH from there to the finest level; to three digits, from 0.01
        to 100.
    """
    wavelet = WAVELETS[structure.base]
    weight = next(structure.parameters())
    generator = np.random.default_rng(53)
    plain = structure.configured()

    def split(x: Tensor, level: int) -> tuple[Tensor, Sequence[Tensor]]:
        ll, *bands = plain.analyse(x, (0, 0), wavelet)
        return ll, bands

    with torch.inference_mode():
        scene = _scene().to(weight)[None, None]
        low, details = decompose(scene, MEASURED_LEVELS, split)
        bands = [low, *(band for level in reversed(details) for band in level)]
        # component 0 stays as it is, each other one has noise in one of the subbands
        power = []
        several = [band.repeat(len(bands) + 1, 1, 1, 1) for band in bands]
        for index, norm in enumerate(_norms(MEASURED_LEVELS)):
            noise = generator.uniform(-0.5, 0.5, bands[index].shape[-2:]) * _STEP / norm
            several[index][index + 1, 0] += torch.from_numpy(noise).to(weight)
            power.append(float(np.square(noise).sum()))

        def join(low: Tensor, details: Sequence[Tensor], level: int) -> Tensor:
            hl, lh, hh = details
            area = Rect(0, 0, 2 * low.shape[-2], 2 * low.shape[-1])
            return plain.synthesise((low, hl, lh, hh), area, wavelet)

        noisy = [several[i : i + 3] for i in range(len(several) - 3, 0, -3)]  # finest first
        x = compose(several[0], noisy, join)
        errors = (x[1:] - x[:1]).double().square().sum((1, 2, 3)).tolist()
    gains = [(error / noise) ** 0.5 for error, noise in zip(errors, power, strict=True)]
    ratios = [gain / norm for gain, norm in zip(gains, _norms(MEASURED_LEVELS), strict=True)]
    # a network in a bad state may have any gain, and the segment holds no more than sense allows
    sound = [ratio if math.isfinite(ratio) else 1.0 for ratio in ratios]
    return [float(f"{min(max(ratio, _LEAST), 1 / _LEAST):.3g}") for ratio in sound]


def _norms(levels: int) -> list[float]:
    """Return the 9/7's norms of all subbands in the transport's order."""
    details = [norm_97(name, level) for level in range(levels, 0, -1) for name in ORIENTATIONS]
    return [norm_97("LL", levels), *details]


def extended(ratios: list[float], levels: int) -> tuple[float, ...]:
    """Return measured ratios for any number of levels, in the transport's order: coarser ones as the coarsest.

    The ratio of LL is that of the coarsest level measured, too, where there are fewer levels.
    """
    low, *details = ratios
    by_level = [details[i : i + 3] for i in range(len(details) - 3, -1, -3)]  # finest first
    wanted = [by_level[min(level, MEASURED_LEVELS) - 1] for level in range(levels, 0, -1)]
    return low, *(ratio for level in wanted for ratio in level)
