"""Synthesis gains of a trained transform, and the subband scales that compensate for them.

OpenJPEG orders its coding passes by the squared error that they save in the picture. It computes this error with the L2
norms of the 9/7 synthesis. If a structure has other gains, every subband is multiplied by (its gain) / (norm of the
9/7) before the transport. An error of the scaled coefficients then has the effect that OpenJPEG assumes.
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
from .scales import MEASURED_LEVELS
from .structures import Structure
from .wavelet import WAVELETS

__all__ = ["measure"]

#: Rows and columns of the synthetic scene.
_SIDE = 192

#: Ratios are limited to the range from this value to its reciprocal.
_MIN_RATIO = 0.01

#: The quantiser step, in grey levels, whose errors the noise simulates.
_STEP = 16.0


def _scene() -> Tensor:
    """Return a scene with edges in all directions, textures and flat parts, shape (192, 192), float32.

    The gains of a network depend on its input, so the scene has to resemble a photograph.
    """
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
    """Measure the ratios of a transform's synthesis gains to the norms of the 9/7.

    Uniform noise, like that of a quantiser, is added to one subband of a synthetic scene at a time. The gain of the
    subband is the square root of (squared error in the picture) / (squared error of the coefficients). The scene and
    the noise are fixed: the same weights give the same ratios.

    Parameters
    ----------
    structure : Structure
        The transform. Its weights are not changed.

    Returns
    -------
    list of float
        LL of level `MEASURED_LEVELS`, then HL, LH and HH from this level to level 1; rounded to three significant
        digits, 0.01 to 100.
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
        # component 0 has no noise, each other component has noise in one subband
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
    # a badly trained network may have any gain, and the learned-transform segment limits the scales
    finite = [ratio if math.isfinite(ratio) else 1.0 for ratio in ratios]
    return [float(f"{min(max(ratio, _MIN_RATIO), 1 / _MIN_RATIO):.3g}") for ratio in finite]


def _norms(levels: int) -> list[float]:
    """Return the norms of the 9/7 for all subbands, in the order of the transport."""
    details = [norm_97(name, level) for level in range(levels, 0, -1) for name in ORIENTATIONS]
    return [norm_97("LL", levels), *details]
