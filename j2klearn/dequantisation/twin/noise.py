"""The noise of a component in integers, interpolated between the centres of the tiles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.geometry import Rect
from .tables import NOISE_BITS

__all__ = ["HIGHEST", "LOWEST", "noise_codes"]

#: Range of the codes: log2 of the noise from -10 to 22. The codes of a file are within it.
LOWEST, HIGHEST = -10 << NOISE_BITS, 22 << NOISE_BITS

#: Bits of the position between two centres.
_SHARE_BITS = 14


def _weighted(
    levels: NDArray[np.int64], start: int, end: int, centres: NDArray[np.float64], side: int
) -> NDArray[np.int64]:
    """Interpolate along the first axis, at the centres of the positions of `side` samples from `start` to `end`."""
    if len(centres) == 1:
        return np.repeat(levels << _SHARE_BITS, (end - start) // side, axis=0)
    # in halves of a sample, in which the centres of tiles and positions are integers
    halves = np.rint(2 * centres).astype(np.int64)
    at = np.arange(2 * start + side - 1, 2 * end, 2 * side)
    low = np.clip(np.searchsorted(halves, at, "right") - 1, 0, len(halves) - 2)
    before, after = halves[low], halves[low + 1]
    share = ((at - before) << _SHARE_BITS) // np.maximum(after - before, 1)
    share = np.clip(share, 0, 1 << _SHARE_BITS)[:, None]
    out: NDArray[np.int64] = levels[low] * ((1 << _SHARE_BITS) - share) + levels[low + 1] * share
    return out


def noise_codes(
    levels: NDArray[np.float32],
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    area: Rect,
    side: int = 2,
) -> NDArray[np.int16]:
    """Return log2 of the noise in an area, in 1/256.

    Parameters
    ----------
    levels : ndarray, shape (tiles down, tiles across), float32
        log2 of the noise of each tile, in 8-bit grey levels.
    rows, columns : ndarray, float64
        Positions of the tile centres on the reference grid, in rising order; multiples of one half.
    area : Rect
        An area of height H and width W with corners at multiples of `side`.
    side : int
        Side S of a position, in samples.

    Returns
    -------
    ndarray, int16, shape (H / S, W / S) or (1, 1)
        A code from `LOWEST` to `HIGHEST` for every position, or one code if there is one tile only.
    """
    units = np.clip(np.nan_to_num(np.rint(levels.astype(np.float64) * (1 << NOISE_BITS))), LOWEST, HIGHEST)
    codes: NDArray[np.int64] = units.astype(np.int64)
    if codes.size == 1:
        return codes.astype(np.int16)
    codes = _weighted(codes, area.y0, area.y1, rows, side)
    codes = _weighted(np.ascontiguousarray(codes.T), area.x0, area.x1, columns, side).T
    bits = 2 * _SHARE_BITS
    rounded: NDArray[np.int64] = (codes + (1 << (bits - 1))) >> bits
    return np.ascontiguousarray(rounded.astype(np.int16))
