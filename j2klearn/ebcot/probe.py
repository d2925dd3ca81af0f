"""A probe of a picture: some windows that show the range of its samples, and the quantiser step that a rate allows."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..core.normalisation import MAX_EXPONENT, Normalisation
from ..core.picture import Picture
from ..native import wavelet
from ..transform.colour import planes
from ..transform.norms import norm_97

__all__ = ["Probe", "value_range"]

#: Windows in each direction, and their height and width. Smaller pictures are read wholly.
_WINDOWS = 4
_HEIGHT, _WIDTH = 128, 256

#: Share of the samples that may lie below, and above, the range. Broken pixels must not determine it.
_OUTSIDE = 0.002

#: The range is taken to be at least this many standard deviations. A page with little text must not be flat.
_DEVIATIONS = 4.0

#: Components that use at least this share of their range are not normalised.
_MIN_SHARE = 0.25

#: Levels of the 9/7 whose subbands are counted; the rest are one coefficient in 256.
_LEVELS = 4

#: Side of the blocks of a subband in which coefficients are assumed to have one distribution.
_BLOCK = 8

#: The search for a step: log2 of the finest and the coarsest one, and the number of halvings.
_FINEST, _COARSEST, _HALVINGS = -12.0, 10.0, 12


class Probe:
    """Some windows of a picture.

    Parameters
    ----------
    parts : sequence of Picture
        The windows, row by row.
    across : int
        Number of windows in a row.
    whole : bool
        Whether there is one window, which is the whole picture.
    """

    def __init__(self, parts: Sequence[Picture], across: int = 1, *, whole: bool = False) -> None:
        self.picture, self.parts, self.across, self.whole = parts[0], parts, across, whole
        self.planes = [planes(part) for part in parts]

    @classmethod
    def of(cls, picture: Picture) -> Probe:
        """Return the probe of a picture in memory."""
        return cls.read(picture.height, picture.width, lambda top, end: _part(picture, top, end))

    @classmethod
    def read(cls, height: int, width: int, rows: Callable[[int, int], Picture]) -> Probe:
        """Return the probe of a picture that is read by rows.

        Parameters
        ----------
        height, width : int
            Size of the picture.
        rows : callable
            Returns the rows from one index up to another, as a `Picture`.
        """
        if height <= _WINDOWS * _HEIGHT and width <= _WINDOWS * _WIDTH:
            return cls([rows(0, height)], whole=True)
        parts = []
        for top, end in _spans(height, _HEIGHT):
            band = rows(top, end)
            parts += [_part(band, 0, end - top, left, right) for left, right in _spans(width, _WIDTH)]
        return cls(parts, len(_spans(width, _WIDTH)))

    def mosaic(self) -> Picture:
        """Return the windows side by side, as one picture."""
        out = copy.copy(self.picture)
        samples, across = [part.samples for part in self.parts], self.across
        rows = [np.concatenate(samples[at : at + across], 1) for at in range(0, len(samples), across)]
        out.samples = np.concatenate(rows, 0)
        return out

    def normalisation(self, groups: Sequence[slice]) -> tuple[Normalisation, ...]:
        """Return the normalisation of every component; empty if none is needed.

        Parameters
        ----------
        groups : sequence of slice
            Groups of components. The components of a group get the same factor.
        """
        depth = self.picture.bit_depth
        unit = 2.0 ** (depth - 8)
        ranges = [
            value_range(np.concatenate([planes[index].ravel() for planes in self.planes]))
            for index in range(self.picture.components)
        ]
        rules: list[Normalisation] = []
        used = False
        for group in groups:
            spread = max(spread for _, spread in ranges[group])
            if spread >= _MIN_SHARE * 256:
                rules += [Normalisation()] * (group.stop - group.start)
                continue
            # constant components differ from their offsets by half a unit at most
            exponent = math.floor(math.log2(256 / spread)) if spread else depth - 1
            exponent = min(MAX_EXPONENT, exponent)
            rules += [Normalisation(exponent, round(middle * unit)) for middle, _ in ranges[group]]
            used = used or spread > 0 or depth > 8  # with 8 bits, constant components are exact without
        return tuple(rules) if used else ()

    def step(self, bits: float) -> float:
        """Return about the quantiser step of a rate, in 8-bit grey levels, for an orthonormal transform.

        A coefficient with the mean magnitude m in its block takes about ``log2(1 + 2 e m / step)`` bits, which is the
        entropy of a Laplacian distribution at high rates.

        Parameters
        ----------
        bits : float
            Bits per sample.
        """
        means, shares = self._magnitudes
        low, high = _FINEST, _COARSEST
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if float((shares * np.log2(1 + 2 * math.e * means / 2.0**middle)).sum()) > bits:
                low = middle
            else:
                high = middle
        return float(2.0**high)

    @functools.cached_property
    def _magnitudes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The mean magnitude of each block of a normalised subband, and its share of all coefficients."""
        means, counts = [], []
        for part in self.planes:
            for plane in part:
                for band in _bands(plane):
                    mean, count = _blocks(np.abs(band))
                    means.append(mean)
                    counts.append(count)
        every = np.concatenate(counts).astype(np.float64)
        return np.concatenate(means).astype(np.float64), every / every.sum()


def _spans(length: int, window: int) -> list[tuple[int, int]]:
    """Return evenly spaced spans of a length: the whole length if it is no longer than the windows together."""
    if length <= _WINDOWS * window:
        return [(0, length)]
    starts = [round(at * (length - window) / (_WINDOWS - 1)) & ~1 for at in range(_WINDOWS)]
    return [(start, start + window) for start in starts]


def _part(picture: Picture, top: int, end: int, left: int = 0, right: int | None = None) -> Picture:
    part = copy.copy(picture)
    part.samples = picture.samples[top:end, left:right]
    return part


def value_range(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return the middle and the length of the range of values, without a small share of outliers."""
    outside = int(_OUTSIDE * values.size)
    last = values.size - 1 - outside
    deviation = float(values.std(dtype=np.float64))
    values = np.partition(values, (outside, last))
    low, high = float(values[outside]), float(values[last])
    return (low + high) / 2, max(high - low, _DEVIATIONS * deviation)


def _bands(plane: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Yield the subbands of the 9/7 of a plane, normalised, without the last LL."""
    for level in range(1, _LEVELS + 1):
        if min(plane.shape) < 2:
            break
        plane, *details = wavelet.analyse(plane)
        for name, band in zip(("HL", "LH", "HH"), details, strict=True):
            if band.size:
                yield band * np.float32(norm_97(name, level))
    yield np.zeros((1, 1), np.float32)  # a picture of one row or column has no details


def _blocks(band: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the means of blocks of a subband, and the number of coefficients of each."""
    rows, columns = (np.arange(0, side, _BLOCK) for side in band.shape)
    totals = np.add.reduceat(np.add.reduceat(band, rows, 0), columns, 1)
    heights = np.diff(np.append(rows, band.shape[0]))
    widths = np.diff(np.append(columns, band.shape[1]))
    counts = heights[:, None] * widths
    return (totals / counts).ravel(), counts.ravel()
