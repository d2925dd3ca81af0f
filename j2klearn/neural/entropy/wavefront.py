"""Wavefronts: all places of a subband that can be decoded at once when each sees what comes before it in raster order.

A 3x3 raster mask reads three places of the row above and the one to the left. So with t = x + 2 y all places of one t
depend on those of smaller t alone, whatever the number of masked layers, and are decoded together; nothing of the
context is lost. Every layer's outputs are kept for the last four t, which is how far a mask reaches.

The order of places in the file is that of t, and of y within one t.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..integer.layer import Plane
from .mixture import Values

__all__ = ["Kept", "Passing", "decoded", "wavefronts"]

_REACH = 4

#: How far back in t, and up in y, the places of a mask are, in its order.
_BACK = ((3, 1), (2, 1), (1, 1), (1, 0), (0, 0))


def wavefronts(shape: tuple[int, int]) -> Iterator[tuple[int, int, int, NDArray[np.intp]]]:
    """Yield t, the first row and the row after the last, and the places in the flat subband, of every wavefront."""
    height, width = shape
    if not height or not width:
        return
    for t in range(width + 2 * (height - 1)):
        first, end = max(0, (t - width + 2) // 2), min(height - 1, t // 2) + 1
        if first < end:
            yield t, first, end, t + np.arange(first, end, dtype=np.intp) * (width - 2)


class Kept:
    """The outputs of a layer for the last wavefronts, zeros wherever there is no place."""

    def __init__(self, height: int, channels: int) -> None:
        self._rows = np.zeros((_REACH, height + 1, channels), np.int16)  # a row of zeros first

    def put(self, t: int, first: int, end: int, outputs: Plane) -> None:
        rows = self._rows[t % _REACH]
        rows[:] = 0
        rows[first + 1 : end + 1] = outputs

    def gathered(self, t: int, first: int, end: int, taps: int) -> Plane:
        """Return what the masks of a wavefront read, (n, taps x channels)."""
        parts = [self._rows[(t - back) % _REACH, first + 1 - up : end + 1 - up] for back, up in _BACK[:taps]]
        return np.concatenate(parts, 1)


class Passing(Protocol):
    """A subband on its way through a network, wavefront by wavefront."""

    def mixtures(self, t: int, first: int, end: int, places: NDArray[np.intp]) -> Plane:
        """Return the mixtures of a wavefront, (n, 3, K)."""

    def take(self, t: int, first: int, end: int, compressed: Plane) -> None:
        """Go on, knowing what a wavefront has been decoded to."""


def decoded(
    through: Passing,
    shape: tuple[int, int],
    read: Callable[[Plane, NDArray[np.intp]], Values],
    compress: Callable[[Values], Plane],
) -> Values:
    """Return a subband (h, w) that is decoded wavefront by wavefront.

    Parameters
    ----------
    through : Passing
        The network.
    shape : (int, int)
        Of the subband.
    read : callable
        Returns the coefficients of some mixtures, (n, 3, K), at their places in the flat subband.
    compress : callable
        Returns coefficients compressed.
    """
    values = np.zeros(shape[0] * shape[1], np.int32)
    for t, first, end, places in wavefronts(shape):
        found = read(through.mixtures(t, first, end, places), places)
        values[places] = found
        through.take(t, first, end, compress(found))
    return values.reshape(shape)
