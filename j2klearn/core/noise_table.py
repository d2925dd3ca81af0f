"""The noise codes of a file: the level of the quantisation noise per component, layer and tile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["NoiseTable"]

_PER_OCTAVE = 8  # code steps per doubling of the noise
_ONE = 80  # code of a noise of one 8-bit grey level


@dataclass(frozen=True)
class NoiseTable:
    """Noise levels as one-byte codes, one for each component, layer and tile.

    Attributes
    ----------
    codes : ndarray, shape (components, layers, tiles), uint8
        0 if the component must not be de-quantised. Otherwise 1 to 255: eight times log2 of the noise level
        in 8-bit grey levels, plus 80.
    """

    codes: NDArray[np.uint8]

    def log2(self, component: int, layer: int) -> NDArray[np.float32] | None:
        """Return log2 of the noise in each tile, in 8-bit grey levels.

        Parameters
        ----------
        component : int
            Index of the component.
        layer : int
            Number of the decoded layers, from 1 on. Beyond the last layer of the table, the last one counts.

        Returns
        -------
        ndarray, shape (tiles,), float32, or None
            None if the code of any tile is 0: then the component must not be de-quantised.
        """
        codes = self.codes[component, min(layer, self.codes.shape[1]) - 1]
        return None if (codes == 0).any() else (codes.astype(np.float32) - _ONE) / _PER_OCTAVE
