"""The choice whether chroma has learned steps at the finest level, by an estimate of its bits with and without them.

Where chroma was subsampled before, as in most JPEG files, its finest details are almost zero. The learned steps predict
details from luma's opacities all the same, and so add bits. Where chroma has details of its own, the steps save bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..core.normalisation import Normalisation, normalise
from ..native import wavelet
from ..transform.norms import norm_97
from .probe import Probe

if TYPE_CHECKING:
    from ..models.model import Model

__all__ = ["prefers_base_chroma"]

#: Levels whose coefficients are counted: the learned steps change the LL of the finest level too.
_LEVELS = 3

#: Largest height and width of a part that is analysed.
_WINDOW = (128, 256)

#: The base wavelet is chosen if the bits fall to less than this share. Subsampled chroma falls to 0.94 to 0.98.
_ENOUGH = 0.99


def prefers_base_chroma(
    model: Model,
    probe: Probe,
    groups: Sequence[slice],
    normalisation: Sequence[Normalisation],
    step: float,
) -> bool:
    """Return whether chroma needs fewer bits if its finest level has the base wavelet alone.

    Parameters
    ----------
    model : Model
        The learned transform. The choice exists for structures on the 9/7 whose subbands have no scales.
    probe : Probe
        The probe of the picture.
    groups : sequence of slice
        Groups of components that share opacities; all but the first of a group are chroma.
    normalisation : sequence of Normalisation
        How the components are normalised; empty if they are not.
    step : float
        About the quantiser step of the file, in 8-bit grey levels.
    """
    if not model.matched or model.config["structure"] != "hybrid":
        return False
    learned = base = 0.0
    for part in _parts(probe):
        for group in groups:
            chroma = range(group.start + 1, group.stop)
            if not chroma:
                continue
            planes = part[group].copy()
            normalise(planes, normalisation[group], probe.picture.bit_depth)
            unit = step * (normalisation[group.start].factor if normalisation else 1.0)
            found = model.transform.split(planes, (0, 0), 1)
            for at in range(1, len(planes)):
                learned += _bits((found[0][at], found[1][at], found[2][at], found[3][at]), unit)
                base += _bits(wavelet.analyse(planes[at]), unit)
    return base < _ENOUGH * learned


def _parts(probe: Probe) -> list[NDArray[np.float32]]:
    """Return half of the windows of a probe, or windows that cover half of a small picture: (C, h, w) each."""
    height, width = _WINDOW
    parts = [
        planes[:, top : top + height, left : left + width]
        for planes in probe.planes
        for top in range(0, planes.shape[1], height)
        for left in range(0, planes.shape[2], width)
    ]
    return parts[::2]


def _bits(bands: tuple[NDArray[np.float32], ...], step: float) -> float:
    """Return about the bits of LL, HL, LH and HH of the finest level for a quantiser step, without the last LL."""
    bits = 0.0
    ll, *details = bands
    for level in range(1, _LEVELS + 1):
        for name, band in zip(("HL", "LH", "HH"), details, strict=True):
            scale = 2 * math.e * norm_97(name, level) / step
            bits += float(np.log2(1 + np.abs(band) * np.float32(scale)).sum(dtype=np.float64))
        if min(ll.shape) < 2:
            break
        ll, *details = wavelet.analyse(ll)
    return bits
