"""How large the quantisation noise of a file is, which learned de-quantisation goes by.

A file tells it in a byte for every component, layer and tile, so that every reader, of the whole or of a region,
goes by the same figure. The encoder measures it in what it has coded: the smallest magnitudes that are there (their
tenth percentile) of the subbands of levels 2 to 4, times the norms of their basis vectors.
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

#: Samples beyond an area that de-quantisation reads: four pairs of convolutions, two more, and half the window of the
#: mean, at half resolution.
REACH = 32

#: Levels that tell of the noise; the finest one has often nothing left, and the coarsest ones are few samples.
_LEVELS = (2, 3, 4)

_QUANTILE = 0.1
_UNKNOWN = 64.0  # where no detail is left at all
_SMALLEST = 1e-6

#: Pictures of fewer samples have too few coefficients to tell of noise: nothing is done to them.
_LEAST_SAMPLES = 32 * 32


def measure(bands: Subbands, area: Rect, tiles: Sequence[Rect]) -> NDArray[np.uint8]:
    """Return the codes of a component's tiles.

    Parameters
    ----------
    bands : Subbands
        As decoded, all levels but the finest.
    area : Rect
        What the component covers, in samples of the finest level.
    tiles : sequence of Rect
        What its tiles cover.
    """
    if area.size < _LEAST_SAMPLES:
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
    found = []
    for level, norms, named in levels:
        least = np.inf
        for name, band in named.items():
            part = np.abs(band[tile.subband(name, level).slices_in(area.subband(name, level))])
            there = part[part > _SMALLEST]
            if there.size:
                # about as large a share of them is in the lowest cell as of all are zero: at high rates few
                share = min(_QUANTILE, (1 - there.size / part.size) / 2)
                least = min(least, float(np.quantile(there, share)) * norms[name])
        if np.isfinite(least):
            found.append(np.log(least))
    return float(np.exp(np.median(found))) if found else _UNKNOWN
