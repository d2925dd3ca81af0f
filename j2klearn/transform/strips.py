"""The learned analysis of a picture that arrives in strips of rows: the same subbands, in bounded memory.

Every level buffers a few rows. It outputs rows of its subbands as soon as all rows that they depend on have arrived.
Its LL is the input of the next level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.geometry import Rect
from ..core.subbands import Subbands
from ..core.timing import stage
from .coding import CodingTransform

__all__ = ["StripAnalysis"]

#: Rows that the finest level processes at once. Each coarser level processes half as many, but at least the minimum:
#: with fewer rows most of the work would be the margins.
_ROWS = 512
_MIN_ROWS = 32


#: Planes of all components, shape (C, h, w): float32, or int32 without loss.
Planes = NDArray[Any]

#: Subbands of one level of all components: LL, HL, LH and HH.
Bands = tuple[Planes, Planes, Planes, Planes]

#: Decomposes planes by one level. Takes them, their area and the level, 1 for the finest. Returns LL, HL, LH and HH,
#: each an array or a sequence of planes.
Split = Callable[[Planes, Rect, int], Any]


class _Level:
    """One level of the analysis."""

    def __init__(self, area: Rect, level: int, split: Split, reach: int) -> None:
        self.area, self.level, self.split, self.margin = area, level, split, reach
        self.rows = max(_MIN_ROWS, _ROWS >> (level - 1))
        self.buffer: Planes | None = None  # input rows that are still needed
        self.top = area.y0  # position of the first row in the buffer
        self.done = area.y0  # the rows above this one have been analysed

    def push(self, x: Planes) -> Iterator[tuple[Rect, Bands]]:
        """Take rows (C, h, W); yield the areas that can now be analysed and their subbands, from top to bottom."""
        self.buffer = x if self.buffer is None else np.concatenate([self.buffer, x], -2)
        del x
        end = self.top + self.buffer.shape[-2]
        last = end == self.area.y1
        while True:
            available = end if last else (end - self.margin) & ~1
            stop = min(available, self.done + self.rows)
            if last and available - stop < self.rows // 2:
                stop = available  # avoid a very thin last strip
            if stop <= self.done or (not last and stop - self.done < self.rows):
                return
            yield self._analysed(stop)

    def _analysed(self, stop: int) -> tuple[Rect, Bands]:
        assert self.buffer is not None
        part = Rect(self.done, self.area.x0, stop, self.area.x1)
        whole = part.grown(self.margin).intersection(self.area)
        window = self.buffer[..., whole.y0 - self.top : whole.y1 - self.top, :]
        bands = self.split(window, whole, self.level)
        places = zip(bands, part.decomposed(), whole.decomposed(), strict=True)
        ll, hl, lh, hh = (
            np.stack([plane[inner.slices_in(outer)] for plane in band]) for band, inner, outer in places
        )
        self.done = stop
        keep = max(self.area.y0, stop - self.margin)
        self.buffer = self.buffer[..., keep - self.top :, :].copy()
        self.top = keep
        return part, (ll, hl, lh, hh)


class _Rows:
    """A queue of the rows of one subband, of all components, that were analysed and not yet taken."""

    def __init__(self, top: int) -> None:
        self.top = top
        self.parts: list[Planes] = []
        self._empty: Planes | None = None  # no rows: a strip may have none of a subband

    @property
    def end(self) -> int:
        return self.top + sum(int(part.shape[1]) for part in self.parts)

    def add(self, rows: Planes) -> None:
        self._empty = rows[:, :0].copy()
        if rows.shape[1]:
            self.parts.append(rows)

    def take(self, end: int) -> Planes:
        """Remove and return the rows above `end`, shape (C, h, w). They must have been added."""
        assert self._empty is not None
        out = [self._empty]
        while self.top < end:
            part = self.parts[0]
            count = min(end - self.top, part.shape[1])
            out.append(part[:, :count])
            self.top += count
            if count == part.shape[1]:
                self.parts.pop(0)
            else:
                self.parts[0] = part[:, count:]
        return np.concatenate(out, 1)


class StripAnalysis:
    """Decomposes components that share opacities, strip by strip. Without loss these are all components; see `by`.

    Parameters
    ----------
    area : Rect
        The area of the picture on the reference grid.
    levels : int
        Number of decomposition levels.
    transform : CodingTransform
        The learned transform.
    threads : int
        Threads of native code.
    base_chroma : bool
        As in `CodingTransform.analyse`.
    """

    def __init__(
        self,
        area: Rect,
        levels: int,
        transform: CodingTransform,
        threads: int = 1,
        *,
        base_chroma: bool = False,
    ) -> None:

        def split(planes: Planes, part: Rect, level: int) -> Any:
            learned = 1 if base_chroma and level == 1 else None
            return transform.split(planes, part.origin, threads, learned)

        self._begin(area, levels, split, transform.reach)

    @classmethod
    def by(cls, split: Split, reach: int, area: Rect, levels: int) -> StripAnalysis:
        """Return the analysis by a function that decomposes one level.

        Parameters
        ----------
        split : callable
            Takes planes, their area and the level, 1 for the finest. Returns LL, HL, LH and HH of all components.
        reach : int
            Samples of the finer level that it reads beyond an area.
        area, levels
            As for the constructor.
        """
        analysis = cls.__new__(cls)
        analysis._begin(area, levels, split, reach)
        return analysis

    def _begin(self, area: Rect, levels: int, split: Split, reach: int) -> None:
        self.area = area
        self._levels = [_Level(area.resolution(at), at + 1, split, reach) for at in range(levels)]
        self._low = _Rows(area.resolution(levels).y0)
        self._details = [
            tuple(_Rows(area.subband(name, at + 1).y0) for name in ("HL", "LH", "HH")) for at in range(levels)
        ]

    def push(self, planes: Planes) -> None:
        """Take the next rows of the picture.

        Parameters
        ----------
        planes : ndarray, shape (C, h, W)
            Rows below those taken before, level shifted: float32 in units of 8-bit grey levels, or int32 in units of
            the samples.
        """
        with stage("analysis"):
            self._push(0, planes)

    def _push(self, at: int, x: Planes) -> None:
        if at == len(self._levels):
            self._low.add(x)
            return
        for _, (ll, *details) in self._levels[at].push(x):
            for rows, band in zip(self._details[at], details, strict=True):
                rows.add(band)
            self._push(at + 1, ll)

    def has(self, strip: Rect) -> bool:
        """Return whether all subbands of a strip have been analysed.

        Parameters
        ----------
        strip : Rect
            An area as wide as the picture, below the strips that were taken.
        """
        levels = len(self._levels)
        if self._low.end < strip.resolution(levels).y1:
            return False
        return all(
            rows.end >= strip.subband(name, at + 1).y1
            for at, bands in enumerate(self._details)
            for name, rows in zip(("HL", "LH", "HH"), bands, strict=True)
        )

    def take(self, strip: Rect) -> list[Subbands]:
        """Remove and return the subbands of a strip.

        Parameters
        ----------
        strip : Rect
            An area as wide as the picture, directly below the strip that was taken before; `has` returns True for it.

        Returns
        -------
        list of Subbands
            One per component, of the dtype of the planes.
        """
        low = self._low.take(strip.resolution(len(self._levels)).y1)
        details = [
            [
                rows.take(strip.subband(name, at + 1).y1)
                for name, rows in zip(("HL", "LH", "HH"), bands, strict=True)
            ]
            for at, bands in enumerate(self._details)
        ]
        return [
            Subbands(strip, low[c], [(hl[c], lh[c], hh[c]) for hl, lh, hh in details])
            for c in range(len(low))
        ]
