"""Corrections of means: linear in what is decoded around a coefficient, with weights that the file tells before.

Networks learn what suits most pictures. Chroma that was subsampled once, pictures made from a colour filter array,
noise that components share: such details follow almost linearly from what is there already, but in every picture
otherwise. So a file may tell for a subband how the means of its mixtures are corrected. This is part of the format.

A correction has a weight, in units of 1/512, of each of these, in this order:

* the means themselves;
* the six coefficients of the subband at `_OWN`;
* the eight neighbours of the place in the low-pass plane of the level, less the sample at the place, in rows;
* the 3x3 coefficients around the place of every subband of the level before this one, HL and LH, in rows;
* and those of the same subband of every component before, where the network knows them too.

All without the low bits that are coded as they are. Outside of its plane a coefficient is 0, and a sample of the
low-pass plane the nearest one; a subband that is smaller than this one goes on with zeros, one that is larger is cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..entropy.mixture import Parameters, Values

__all__ = [
    "MOST",
    "OWN",
    "UNIT_BITS",
    "Correction",
    "CorrectionPass",
    "Surroundings",
    "Weights",
    "own_taps",
]

#: Weights are of this magnitude at most.
MOST = 2047

#: Rows and columns from the place to the coefficients of the same subband: all are of wavefronts before.
_OWN = ((-1, 0), (0, -1), (-1, -1), (-1, 1), (-2, 0), (0, -2))

#: How many weights stand before those of what is known of the whole subband.
OWN = 1 + len(_OWN)

#: Bits below the point of weights.
UNIT_BITS = 9

_MEAN_BITS = 5  # of means
_REACH = 2  # of `_OWN`

_BLOCK = 1 << 15  # samples at a time

Weights = NDArray[np.int64]


@dataclass(frozen=True)
class Surroundings:
    """What is decoded of a component and of others around a subband, before any of the subband itself is.

    Attributes
    ----------
    low : ndarray of int64, shape (h or more, w or more)
        The low-pass plane of the level.
    raw : int
        Low bits that are left out.
    planes : tuple of ndarray of int32, each of shape (h, w)
        Subbands of which 3x3 coefficients count, low bits left out.
    shape : (int, int)
        Of the subband, h and w.
    """

    low: NDArray[np.int64]
    raw: int
    planes: tuple[Values, ...]
    shape: tuple[int, int]

    @property
    def count(self) -> int:
        """Number of weights."""
        return OWN + 8 + 9 * len(self.planes)

    def blocks(self) -> Iterator[slice]:
        """Yield rows, a block at a time."""
        height, width = self.shape
        step = max(1, _BLOCK // max(1, width))
        for first in range(0, height, step):
            yield slice(first, min(first + step, height))

    def taps(self, rows: slice) -> Iterator[NDArray[np.int64]]:
        """Yield what the weights from `OWN` on count at some rows, (rows, w) each."""
        width = self.shape[1]
        above, below = np.array([rows.start - 1, rows.stop])
        at = np.arange(above, below + 1).clip(0, len(self.low) - 1)
        low = self.low[at][:, np.arange(-1, width + 1).clip(0, self.low.shape[1] - 1)]
        middle = low[1:-1, 1:-1]
        for place, part in enumerate(_windows(low)):
            if place != 4:
                yield (part - middle) >> self.raw
        for plane in self.planes:
            wide = np.zeros((rows.stop - rows.start + 2, width + 2), np.int64)
            first, end = max(above, 0), min(below + 1, self.shape[0])
            wide[first - above : end - above, 1:-1] = plane[first:end]
            yield from _windows(wide)


def _windows(wide: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    height, width = wide.shape[0] - 2, wide.shape[1] - 2
    for down in range(3):
        for across in range(3):
            yield wide[down : down + height, across : across + width]


def own_taps(values: Values, rows: slice) -> Iterator[NDArray[np.int64]]:
    """Yield what the weights of the subband's own coefficients (h, w) count at some rows, (rows, w) each."""
    count, width = rows.stop - rows.start, values.shape[1]
    wide = np.zeros((count + _REACH, width + 2 * _REACH), np.int64)
    first = max(rows.start - _REACH, 0)
    wide[first - rows.start + _REACH :, _REACH:-_REACH] = values[first : rows.stop]
    for down, across in _OWN:
        yield wide[_REACH + down : _REACH + down + count, _REACH + across : _REACH + across + width]


class Correction:
    """The correction of a subband.

    Parameters
    ----------
    surroundings : Surroundings
        Of the subband.
    weights : ndarray of int64, shape (surroundings.count,)
        -`MOST` to `MOST`.
    """

    def __init__(self, surroundings: Surroundings, weights: Weights) -> None:
        self._around, self._weights = surroundings, weights
        self.shape = surroundings.shape

    def _sum(self, weights: Weights, taps: Iterator[NDArray[np.int64]], rows: slice) -> NDArray[np.int64]:
        """Return the weighted sum of taps at some rows, flat."""
        total = np.zeros((rows.stop - rows.start, self.shape[1]), np.int64)
        for weight, tap in zip(weights, taps, strict=True):
            if weight:
                total += weight * tap
        return total.ravel()

    def _known(self, rows: slice) -> NDArray[np.int64]:
        return self._sum(self._weights[OWN:], self._around.taps(rows), rows)

    def plane(self, mixtures: Parameters, values: Values) -> Parameters:
        """Return the corrected mixtures (h * w, 3, K) of a subband (h, w) that is known."""
        out = mixtures.copy()
        width = self.shape[1]
        for rows in self._around.blocks():
            total = self._known(rows) + self._sum(self._weights[1:OWN], own_taps(values, rows), rows)
            places = slice(rows.start * width, rows.stop * width)
            out[places, 1] = self.means(mixtures[places, 1], total)
        return out

    def passing(self) -> CorrectionPass:
        """Return what corrects the subband wavefront by wavefront."""
        known = [self._known(rows) for rows in self._around.blocks()]
        return CorrectionPass(self, np.concatenate(known), self._weights[1:OWN])

    def means(self, means: NDArray[np.int16], totals: NDArray[np.int64]) -> NDArray[np.int16]:
        """Return corrected means (n, K), by the weighted sums (n,) of all but the means."""
        wide = means.astype(np.int64)
        wide += (self._weights[0] * wide + (1 << (UNIT_BITS - 1))) >> UNIT_BITS
        shift = UNIT_BITS - _MEAN_BITS
        wide += ((totals + (1 << (shift - 1))) >> shift)[:, None]
        limits = np.iinfo(np.int16)
        return wide.clip(limits.min, limits.max).astype(np.int16)


class CorrectionPass:
    """A subband that is corrected wavefront by wavefront.

    Parameters
    ----------
    correction : Correction
    known : ndarray of int64, shape (h * w,)
        Weighted sums of what is known of the whole subband.
    weights : ndarray of int64
        Those of the subband's own coefficients.
    """

    def __init__(self, correction: Correction, known: NDArray[np.int64], weights: Weights) -> None:
        self._correction, self._known = correction, known
        height, self._width = correction.shape
        self._stride = self._width + 2 * _REACH
        self._values = np.zeros((height + _REACH) * self._stride, np.int64)
        self._own = [
            (int(weight), down * self._stride + across)
            for weight, (down, across) in zip(weights, _OWN, strict=True)
            if weight
        ]

    def _places(self, places: NDArray[np.intp]) -> NDArray[np.intp]:
        beside = places // self._width * (self._stride - self._width)
        return places + beside + (_REACH * self._stride + _REACH)

    def corrected(self, mixtures: Parameters, places: NDArray[np.intp]) -> Parameters:
        """Return the corrected mixtures (n, 3, K) of a wavefront at these places of the flat subband."""
        at, totals = self._places(places), self._known[places]
        for weight, away in self._own:
            totals += weight * self._values[at + away]
        out = mixtures.copy()
        out[:, 1] = self._correction.means(mixtures[:, 1], totals)
        return out

    def take(self, places: NDArray[np.intp], values: Values) -> None:
        """Go on, knowing what a wavefront has been decoded to."""
        self._values[self._places(places)] = values
