"""Pyramids: the quantised subbands of one component, which a context model codes.

The geometry is that of T.800 (Annex B) for one tile, with the picture at (0, 0) of the reference grid.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.geometry import Rect
from ...core.subbands import Subbands, subband_rects
from ...errors import InputError

__all__ = ["MAX_LEVELS", "Pyramid", "area_of", "check_pyramids", "default_levels", "resolutions"]

#: Most decomposition levels of a pyramid, as in the learned-transform segment.
MAX_LEVELS = 32

#: Most samples of the longer side of LL, by default in `default_levels`.
_COARSEST = 8

Band = NDArray[np.int32]


@dataclass
class Pyramid:
    """The quantiser indices of one component, or of its lower resolutions.

    Attributes
    ----------
    ll : ndarray, shape (h, w), int32
        The low-pass subband of the coarsest level.
    details : list of (hl, lh, hh)
        The detail subbands of every level, int32, the finest level first. A subband may be empty.
    """

    ll: Band
    details: list[tuple[Band, Band, Band]]

    @property
    def levels(self) -> int:
        """Number of decomposition levels."""
        return len(self.details)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the highest resolution of the pyramid."""
        if not self.details:
            return self.ll.shape[0], self.ll.shape[1]
        hl, lh, _ = self.details[0]
        return hl.shape[0] + lh.shape[0], hl.shape[1] + lh.shape[1]

    def bands(self) -> list[Band]:
        """Return all subbands: LL, then HL, LH and HH from the coarsest to the finest level."""
        return [self.ll, *(band for level in reversed(self.details) for band in level)]

    def reduced(self, reduce: int) -> Pyramid:
        """Return the pyramid without its `reduce` finest levels; the arrays are shared."""
        return Pyramid(self.ll, self.details[reduce:])

    def completed(self, area: Rect, levels: int) -> Pyramid:
        """Return a pyramid of `levels` levels over `area`. The details of finer levels, which this one lacks, are zero.

        Parameters
        ----------
        area : Rect
            The area of the result at its highest resolution.
        levels : int
            The levels of the result, at least those of this pyramid.
        """
        missing = [
            tuple(np.zeros(area.subband(name, level).shape, np.int32) for name in ("HL", "LH", "HH"))
            for level in range(1, levels - self.levels + 1)
        ]
        return Pyramid(self.ll, [*((hl, lh, hh) for hl, lh, hh in missing), *self.details])

    @classmethod
    def of(cls, bands: Sequence[Band]) -> Pyramid:
        """Return the pyramid of subbands that are in the order of `bands`."""
        groups = [(bands[i], bands[i + 1], bands[i + 2]) for i in range(1, len(bands), 3)]
        return cls(bands[0], groups[::-1])

    def subbands(self) -> Subbands:
        """Return the same arrays as `j2klearn.core.subbands.Subbands`."""
        return Subbands(area_of(self.shape), self.ll, self.details)


def area_of(shape: tuple[int, int]) -> Rect:
    """Return the area on the reference grid of a picture of this height and width."""
    return Rect(0, 0, *shape)


def check_pyramids(pyramids: Sequence[Pyramid], levels: int) -> None:
    """Raise `InputError` unless all components of a picture have the same shape and this number of levels."""
    shape = pyramids[0].shape
    if any(pyramid.shape != shape or pyramid.levels != levels for pyramid in pyramids):
        raise InputError(f"all pyramids of a picture have to have the same shape and {levels} levels")


def default_levels(shape: tuple[int, int], coarsest: int = _COARSEST) -> int:
    """Return the least number of levels with which the longer side of LL has at most `coarsest` samples."""
    return max(0, -(-max(shape) // coarsest) - 1).bit_length()


def resolutions(shape: tuple[int, int], levels: int) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield the resolution that every segment completes, from coarse to fine.

    The first segment holds LL and the details of the coarsest level, every further one the details of one level.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the picture.
    levels : int
        Number of decomposition levels.

    Yields
    ------
    ((int, int), int)
        Height and width of the resolution, and the number of finer levels that it leaves out.
    """
    for reduce in range(max(0, levels - 1), -1, -1):
        yield area_of(shape).resolution(reduce).shape, reduce


def band_shapes(shape: tuple[int, int], levels: int) -> list[tuple[int, int]]:
    """Return the shapes (h, w) of all subbands in the order of `Pyramid.bands`."""
    return [rect.shape for _, _, rect in subband_rects(area_of(shape), levels)]
