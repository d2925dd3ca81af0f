"""The choice whose opacities chroma uses: those of luma, or its own.

Luma's opacities serve chroma too, because its own would make reading 1.6 times as long. But where colours meet that
are equally bright, luma shows no edge: its opacities say nothing about chroma, and those of a reader, who sees luma
with noise, differ from those of the encoder. The predictions of chroma then differ too, in proportion to the contrast
of the colours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.blocks import whole_blocks
from ..native import wavelet
from .probe import Probe

__all__ = ["prefers_own_opacities"]

#: The level whose HL and LH are compared: coarse enough for chroma that was subsampled once.
_LEVEL = 2

#: Side of the blocks of a subband in which the energies of luma and chroma are compared.
_BLOCK = 8

#: Chroma uses its own opacities if its energy in the blocks where it has more than luma reaches this share of luma's
#: energy in all blocks. Photographs have less than 0.05, with few exceptions.
_ENOUGH = 0.3


def prefers_own_opacities(probe: Probe) -> bool:
    """Return whether the colours of a picture have edges that its luma does not show.

    Parameters
    ----------
    probe : Probe
        The probe of a picture with the ICT.
    """
    luma = alone = 0.0
    for planes in probe.planes:
        own, blue, red = (_energies(plane) for plane in planes[:3])
        chroma = blue + red
        luma += float(own.sum())
        alone += float(chroma[chroma > own].sum())
    return alone > _ENOUGH * luma


def _energies(plane: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the energy of HL and LH of a level of the 9/7 in every whole block; empty if the plane is too small."""
    for _ in range(_LEVEL):
        if min(plane.shape) < 2:
            return np.zeros(0)
        plane, hl, lh, _ = wavelet.analyse(plane)
    rows, columns = map(min, hl.shape, lh.shape)
    both = np.square(hl[:rows, :columns], dtype=np.float64) + np.square(lh[:rows, :columns], dtype=np.float64)
    energies: NDArray[np.float64] = whole_blocks(both, _BLOCK).sum((1, 3))
    return energies
