"""The 5/3 on float32 planes, in numpy: every operation is rounded separately, so all processors give the same samples.

The interface is that of `j2klearn.native.wavelet`, whose 5/3 is the reversible one, on integers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.geometry import Rect

__all__ = ["analyse", "synthesise"]

Plane = NDArray[np.float32]

_HALF, _QUARTER, _TWO = np.float32(0.5), np.float32(0.25), np.float32(2)


def _neighbours(x: Plane, first: int, count: int) -> Plane:
    """Return the sum of rows ``first + i`` and ``first + i + 1`` for i from 0 to `count` - 1; border rows repeat."""
    rows = np.clip(np.arange(first, first + count + 1), 0, len(x) - 1)
    wide = x[rows]
    return wide[:-1] + wide[1:]


def _analyse_rows(x: Plane, y0: int) -> tuple[Plane, Plane]:
    odd = y0 & 1
    low, high = x[odd::2], x[1 - odd :: 2]
    if len(x) == 1:  # T.800 F.4.6
        return low.copy(), high * _TWO
    high = high - _HALF * _neighbours(low, -odd, len(high))
    return low + _QUARTER * _neighbours(high, odd - 1, len(low)), high


def _synthesise_rows(low: Plane, high: Plane, y0: int) -> Plane:
    odd, height = y0 & 1, len(low) + len(high)
    out = np.empty((height, low.shape[1]), np.float32)
    if height == 1:
        high = high * _HALF
    else:
        low = low - _QUARTER * _neighbours(high, odd - 1, len(low))
        high = high + _HALF * _neighbours(low, -odd, len(high))
    out[odd::2], out[1 - odd :: 2] = low, high
    return out


def analyse(
    plane: Plane, origin: tuple[int, int] = (0, 0), threads: int = 1
) -> tuple[Plane, Plane, Plane, Plane]:
    """Decompose a plane into LL, HL, LH and HH by one level of the 5/3 (T.800 F.4.2), without rounding to integers.

    Parameters
    ----------
    plane : ndarray, shape (H, W), float32
        The samples.
    origin : (int, int)
        Grid position ``(y0, x0)`` of the first sample.
    threads : int
        Has no effect.
    """
    bands: list[Plane] = []
    for half in _analyse_rows(plane, origin[0]):
        bands += [np.ascontiguousarray(part.T) for part in _analyse_rows(half.T, origin[1])]
    ll, hl, lh, hh = bands
    return ll, hl, lh, hh


def synthesise(
    ll: Plane, hl: Plane, lh: Plane, hh: Plane, area: Rect, threads: int = 1, out: Plane | None = None
) -> Plane:
    """Reconstruct a plane of shape (area.height, area.width), in `out` if given: the inverse of `analyse`."""
    low = _synthesise_rows(ll.T, hl.T, area.x0).T
    high = _synthesise_rows(lh.T, hh.T, area.x0).T
    plane = np.empty(area.shape, np.float32) if out is None else out
    plane[...] = _synthesise_rows(low, high, area.y0)
    return plane
