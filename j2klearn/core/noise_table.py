"""Noise codes of a file: the level of quantisation noise per component, layer and tile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["NoiseTable"]

_PER_OCTAVE = 8

_ONE = 80  # the code of a noise of one grey level


@dataclass(frozen=True)
class NoiseTable:
    """The noise of components, layers and tiles as codes of a byte: 0 where nothing is to be done.

    Attributes
    ----------
    codes : ndarray, shape (components, layers, tiles), uint8
        1 to 255: eight times log2 of the noise in 8-bit grey levels, plus 80.
    """

    codes: NDArray[np.uint8]

    def log2(self, component: int, layer: int) -> NDArray[np.float32] | None:
        """Return log2 of the noise in each tile; None where nothing is to be done."""
        codes = self.codes[component, min(layer, self.codes.shape[1]) - 1]
        return None if (codes == 0).any() else (codes.astype(np.float32) - _ONE) / _PER_OCTAVE
