"""Wavefronts: the places of a subband that can be decoded together under a raster-order context.

A 3x3 masked convolution reads three places of the row above and the place to the left. So with t = x + 2 y, a place
depends only on places of smaller t, whatever the number of masked layers. All places of one t form a wavefront and are
decoded together, with the full context. The outputs of every layer are kept for four wavefronts, the reach of a mask.

The file codes places in the order of t, and of y within one t.
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

#: For every place of a mask, in its order: how far it is back in t, and up in y.
_BACK = ((3, 1), (2, 1), (1, 1), (1, 0), (0, 0))


def wavefronts(shape: tuple[int, int]) -> Iterator[tuple[int, int, int, NDArray[np.intp]]]:
    """Yield the wavefronts of a subband.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the subband.

    Yields
    ------
    (int, int, int, ndarray of intp)
        t, the first row, the row after the last, and the indices of the places in the flat subband.
    """
    height, width = shape
    if not height or not width:
        return
    for t in range(width + 2 * (height - 1)):
        first, end = max(0, (t - width + 2) // 2), min(height - 1, t // 2) + 1
        if first < end:
            yield t, first, end, t + np.arange(first, end, dtype=np.intp) * (width - 2)


class Kept:
    """The outputs of a layer for the last wavefronts, with zeros outside of the subband.

    Parameters
    ----------
    height : int
        Height of the subband.
    channels : int
        Channels of the layer.
    """

    def __init__(self, height: int, channels: int) -> None:
        self._rows = np.zeros((_REACH, height + 1, channels), np.int16)  # a row of zeros first

    def put(self, t: int, first: int, end: int, outputs: Plane) -> None:
        """Store the outputs (n, channels) of wavefront `t`, rows `first` to `end` - 1."""
        rows = self._rows[t % _REACH]
        rows[:] = 0
        rows[first + 1 : end + 1] = outputs

    def gathered(self, t: int, first: int, end: int, taps: int) -> Plane:
        """Return the inputs of a masked layer for wavefront `t`, (n, taps x channels)."""
        parts = [self._rows[(t - back) % _REACH, first + 1 - up : end + 1 - up] for back, up in _BACK[:taps]]
        return np.concatenate(parts, 1)


class Passing(Protocol):
    """A run of a network over a subband, wavefront by wavefront."""

    def mixtures(self, t: int, first: int, end: int, places: NDArray[np.intp]) -> Plane:
        """Return the parameters of the mixtures of a wavefront, (n, 3, K)."""

    def take(self, t: int, first: int, end: int, compressed: Plane) -> None:
        """Take the decoded coefficients of a wavefront, compressed, (n,)."""


def decoded(
    through: Passing,
    shape: tuple[int, int],
    read: Callable[[Plane, NDArray[np.intp]], Values],
    compress: Callable[[Values], Plane],
) -> Values:
    """Decode a subband wavefront by wavefront.

    Parameters
    ----------
    through : Passing
        The run of the network over the subband.
    shape : (int, int)
        Height and width of the subband.
    read : callable
        Returns the coefficients (n,) of a wavefront, given the mixtures (n, 3, K) and the places in the flat subband.
    compress : callable
        Compresses coefficients for the network, see `j2klearn.neural.integer.companding.compressed`.

    Returns
    -------
    ndarray of int32, shape (h, w)
        The subband.
    """
    values = np.zeros(shape[0] * shape[1], np.int32)
    for t, first, end, places in wavefronts(shape):
        found = read(through.mixtures(t, first, end, places), places)
        values[places] = found
        through.take(t, first, end, compress(found))
    return values.reshape(shape)
