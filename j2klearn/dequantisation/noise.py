"""Measurement of the quantisation noise in a file, which learned de-quantisation needs.

A file stores the noise in one byte per component, layer and tile. So every reader uses the same value for the whole
picture and for a region. The encoder measures it in the decoded subbands of levels 2 to 4: the tenth percentile of the
magnitudes above zero, multiplied by the norm of the synthesis basis vectors. Where few coefficients are zero, a lower
percentile is used.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..core.geometry import ORIENTATIONS, Rect
from ..core.noise_table import _ONE, _PER_OCTAVE
from ..core.subbands import Subbands
from ..transform.norms import NORMS_97

__all__ = ["REACH", "measure"]

#: Samples that de-quantisation with positions of 2 x 2 samples reads beyond an area: at half resolution, at most ten
#: 3x3 convolutions (four pairs and two more) and half the window of the local mean, rounded up. With positions of 4 x 4
#: samples, it reads at most twice as far.
REACH = 32

#: Levels in which the noise is measured. The finest level often has no nonzero coefficients, and the coarsest levels
#: have few coefficients.
_LEVELS = (2, 3, 4)

#: Share of the nonzero magnitudes that lie below the measured one.
_QUANTILE = 0.1

#: The noise, in 8-bit grey levels, of a tile without nonzero coefficients.
_DEFAULT_NOISE = 64.0

#: Smaller magnitudes count as zero.
_SMALLEST = 1e-6

#: Smaller components have too few coefficients for a measurement. De-quantisation leaves them unchanged.
_MIN_SAMPLES = 32 * 32


def measure(bands: Subbands, area: Rect, tiles: Sequence[Rect]) -> NDArray[np.uint8]:
    """Measure the quantisation noise in the tiles of a component.

    Parameters
    ----------
    bands : Subbands
        Decoded coefficients of all levels but the finest.
    area : Rect
        The area of the component, in samples of the picture.
    tiles : sequence of Rect
        The areas of the tiles, in samples of the picture.

    Returns
    -------
    ndarray, shape (tiles,), uint8
        Codes as in `j2klearn.core.noise_table.NoiseTable`: 1 to 255; or all 0 if the component is too small.
    """
    if area.size < _MIN_SAMPLES:
        return np.zeros(len(tiles), np.uint8)
    levels = []
    for level in _LEVELS:
        if level - 2 < bands.levels:
            norms = {name: NORMS_97[name][level - 1] for name in ORIENTATIONS}
            named = dict(zip(ORIENTATIONS, bands.details[level - 2], strict=True))
            levels.append((level, norms, named))
    noises = [_noise(levels, area, tile) for tile in tiles]
    codes = np.rint(_ONE + _PER_OCTAVE * np.log2(noises))
    out: NDArray[np.uint8] = np.clip(codes, 1, 255).astype(np.uint8)
    return out


def _noise(
    levels: list[tuple[int, dict[str, float], dict[str, NDArray[np.float32]]]], area: Rect, tile: Rect
) -> float:
    """Return the noise of one tile in 8-bit grey levels: the median over the levels of their lowest subband."""
    found = []
    for level, norms, named in levels:
        lowest = np.inf
        for name, band in named.items():
            part = np.abs(band[tile.subband(name, level).slices_in(area.subband(name, level))])
            nonzero = part[part > _SMALLEST]
            if nonzero.size:
                # At high rates few coefficients are zero, and about as few are in the lowest nonzero cell.
                share = min(_QUANTILE, (1 - nonzero.size / part.size) / 2)
                lowest = min(lowest, float(np.quantile(nonzero, share)) * norms[name])
        if np.isfinite(lowest):
            found.append(np.log(lowest))
    return float(np.exp(np.median(found))) if found else _DEFAULT_NOISE
