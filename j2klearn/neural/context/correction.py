"""A linear correction of the mixture means from already decoded neighbours; its weights are stored before the subband.

Networks learn what suits most pictures. In some pictures details follow almost linearly from decoded data, but
differently in every picture: chroma that was once subsampled, pictures from a colour filter array, noise that
components share. So a file may store a correction of the means for a subband. This is part of the file format.

A correction has one weight, in units of 1/512, for each of these, in this order:

* the mean itself;
* the six coefficients of the same subband at the offsets `_OWN`;
* the eight neighbours of the place in the low-pass plane of the level, less the sample at the place, row by row;
* for every earlier subband of the level (HL, LH), the 3x3 coefficients around the place, row by row;
* for every earlier component that the network is conditioned on, the 3x3 coefficients of the same subband.

All of them are without the low bits that are coded raw. A coefficient outside its subband is 0; the low-pass plane is
extended by its border samples. A smaller subband is padded with zeros to the size of this one, a larger one is cropped.
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

#: Largest magnitude of weights.
MOST = 2047

#: Row and column offsets of the coefficients of the same subband. All belong to earlier wavefronts.
_OWN = ((-1, 0), (0, -1), (-1, -1), (-1, 1), (-2, 0), (0, -2))

#: Number of weights of the mean and of the same subband. The other weights follow.
OWN = 1 + len(_OWN)

#: Fractional bits of weights.
UNIT_BITS = 9

_MEAN_BITS = 5  # fractional bits of means
_REACH = 2  # largest offset in `_OWN`

_BLOCK = 1 << 15  # samples that are processed at a time, to save memory

Weights = NDArray[np.int64]


@dataclass(frozen=True)
class Surroundings:
    """The data around a subband that is decoded before the subband itself.

    Attributes
    ----------
    low : ndarray of int64, shape (h or more, w or more)
        The low-pass plane of the level.
    raw : int
        Number of low bits that are left out.
    planes : tuple of ndarray of int32, each of shape (h, w)
        Subbands of which 3x3 coefficients have weights, without their low bits.
    shape : (int, int)
        Height and width of the subband.
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
        """Yield ranges of rows, each a block of about `_BLOCK` samples."""
        height, width = self.shape
        step = max(1, _BLOCK // max(1, width))
        for first in range(0, height, step):
            yield slice(first, min(first + step, height))

    def taps(self, rows: slice) -> Iterator[NDArray[np.int64]]:
        """Yield the terms of the weights from `OWN` on for a range of rows, (rows, w) each."""
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
    """Yield the terms of the weights of the subband's own coefficients (h, w) for a range of rows, (rows, w) each."""
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
        The surroundings of the subband.
    weights : ndarray of int64, shape (surroundings.count,)
        The weights, from -`MOST` to `MOST`.
    """

    def __init__(self, surroundings: Surroundings, weights: Weights) -> None:
        self._around, self._weights = surroundings, weights
        self.shape = surroundings.shape

    def _sum(self, weights: Weights, taps: Iterator[NDArray[np.int64]], rows: slice) -> NDArray[np.int64]:
        """Return the weighted sum of terms for a range of rows, flat."""
        total = np.zeros((rows.stop - rows.start, self.shape[1]), np.int64)
        for weight, tap in zip(weights, taps, strict=True):
            if weight:
                total += weight * tap
        return total.ravel()

    def _around_sum(self, rows: slice) -> NDArray[np.int64]:
        """Return the weighted sum of the surroundings for a range of rows, flat."""
        return self._sum(self._weights[OWN:], self._around.taps(rows), rows)

    def plane(self, mixtures: Parameters, values: Values) -> Parameters:
        """Return the corrected mixtures (h * w, 3, K) of a whole subband (h, w), for the encoder."""
        out = mixtures.copy()
        width = self.shape[1]
        for rows in self._around.blocks():
            total = self._around_sum(rows) + self._sum(self._weights[1:OWN], own_taps(values, rows), rows)
            places = slice(rows.start * width, rows.stop * width)
            out[places, 1] = self.means(mixtures[places, 1], total)
        return out

    def passing(self) -> CorrectionPass:
        """Return a run of the correction over the subband, wavefront by wavefront, for the decoder."""
        sums = [self._around_sum(rows) for rows in self._around.blocks()]
        return CorrectionPass(self, np.concatenate(sums), self._weights[1:OWN])

    def means(self, means: NDArray[np.int16], totals: NDArray[np.int64]) -> NDArray[np.int16]:
        """Return corrected means (n, K), given the weighted sums (n,) of all other terms."""
        wide = means.astype(np.int64)
        wide += (self._weights[0] * wide + (1 << (UNIT_BITS - 1))) >> UNIT_BITS
        shift = UNIT_BITS - _MEAN_BITS
        wide += ((totals + (1 << (shift - 1))) >> shift)[:, None]
        limits = np.iinfo(np.int16)
        return wide.clip(limits.min, limits.max).astype(np.int16)


class CorrectionPass:
    """A run of a correction over a subband, wavefront by wavefront.

    Parameters
    ----------
    correction : Correction
        The correction of the subband.
    around : ndarray of int64, shape (h * w,)
        Weighted sums of the surroundings.
    weights : ndarray of int64
        Weights of the subband's own coefficients.
    """

    def __init__(self, correction: Correction, around: NDArray[np.int64], weights: Weights) -> None:
        self._correction, self._around = correction, around
        height, self._width = correction.shape
        self._stride = self._width + 2 * _REACH
        self._values = np.zeros((height + _REACH) * self._stride, np.int64)
        self._own = [
            (int(weight), down * self._stride + across)
            for weight, (down, across) in zip(weights, _OWN, strict=True)
            if weight
        ]

    def _places(self, places: NDArray[np.intp]) -> NDArray[np.intp]:
        padding = places // self._width * (self._stride - self._width)
        return places + padding + (_REACH * self._stride + _REACH)

    def corrected(self, mixtures: Parameters, places: NDArray[np.intp]) -> Parameters:
        """Return the corrected mixtures (n, 3, K) of a wavefront, at these places of the flat subband."""
        at, totals = self._places(places), self._around[places]
        for weight, offset in self._own:
            totals += weight * self._values[at + offset]
        out = mixtures.copy()
        out[:, 1] = self._correction.means(mixtures[:, 1], totals)
        return out

    def take(self, places: NDArray[np.intp], values: Values) -> None:
        """Take the decoded coefficients (n,) of a wavefront, without their low bits."""
        self._values[self._places(places)] = values
