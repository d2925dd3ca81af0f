"""The learned analysis of a picture whose rows come strip by strip: the same subbands, in bounded memory.

Every level is a filter with a short memory: it takes rows, and gives the rows of its subbands as soon as all that they
depend on is there; its LL goes to the next level.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.geometry import Rect
from ..core.subbands import Subbands
from ..core.timing import stage
from .dwt import reach, ready
from .structures import Bands, BaseWavelet, Structure

__all__ = ["StripAnalysis"]

#: Rows of the picture that the finest level works on at once; coarser levels take half as many each, but not fewer
#: than the least, or the margins would be all they do.
_ROWS = 512
_LEAST_ROWS = 32


class _Level:
    """One level of the analysis."""

    def __init__(
        self, area: Rect, structure: Structure, wavelet: BaseWavelet, margin: int, rows: int
    ) -> None:
        self.area, self.structure, self.wavelet = area, structure, wavelet
        self.margin, self.rows = margin, rows
        self.waiting: Tensor | None = None
        self.top = area.y0  # of the first row that waits
        self.done = area.y0  # subbands are out up to here

    def push(self, x: Tensor) -> Iterator[tuple[Rect, Bands]]:
        """Take rows; yield what areas of this level have become, from top to bottom."""
        self.waiting = x if self.waiting is None else torch.cat([self.waiting, x], -2)
        del x
        end = self.top + self.waiting.shape[-2]
        last = end == self.area.y1
        while True:
            known = end if last else (end - self.margin) & ~1
            stop = min(known, self.done + self.rows)
            if last and known - stop < self.rows // 2:
                stop = known  # no strip of a few rows
            if stop <= self.done or (not last and stop - self.done < self.rows):
                return
            yield self._analysed(stop)

    def _analysed(self, stop: int) -> tuple[Rect, Bands]:
        assert self.waiting is not None
        part = Rect(self.done, self.area.x0, stop, self.area.x1)
        whole = part.grown(self.margin).intersection(self.area)
        window = self.waiting[..., whole.y0 - self.top : whole.y1 - self.top, :]
        bands = self.structure.analyse(window, whole.origin, self.wavelet)
        places = zip(bands, part.decomposed(), whole.decomposed(), strict=True)
        ll, hl, lh, hh = (band[..., *inner.slices_in(outer)].clone() for band, inner, outer in places)
        self.done = stop
        keep = max(self.area.y0, stop - self.margin)
        self.waiting = self.waiting[..., keep - self.top :, :].clone()
        self.top = keep
        return part, (ll, hl, lh, hh)


class _Rows:
    """Rows of a subband of all components that have come out and not been fetched."""

    def __init__(self, top: int) -> None:
        self.top = top
        self.parts: list[NDArray[np.float32]] = []
        self._none: NDArray[np.float32] | None = None  # a strip may have no row of a subband

    @property
    def end(self) -> int:
        return self.top + sum(int(part.shape[1]) for part in self.parts)

    def add(self, band: Tensor) -> None:
        rows = band[:, 0].numpy()
        self._none = rows[:, :0].copy()
        if rows.shape[1]:
            self.parts.append(rows)

    def take(self, end: int) -> NDArray[np.float32]:
        """Return the rows up to `end`."""
        assert self._none is not None  # it has been asked for what has come out
        out = [self._none]
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
    """Decomposes components that share opacities, strip by strip.

    Parameters
    ----------
    area : Rect
        What the picture covers on the reference grid.
    levels : int
        Number of decompositions.
    structure : Structure
        The learned transform.
    threads : int
        Threads of the base wavelet.
    """

    def __init__(self, area: Rect, levels: int, structure: Structure, threads: int = 1) -> None:
        coding, wavelet = ready(structure, threads)
        margin = reach(structure)
        self.area = area
        self._levels = [
            _Level(area.resolution(at), coding, wavelet, margin, max(_LEAST_ROWS, _ROWS >> at))
            for at in range(levels)
        ]
        self._low = _Rows(area.resolution(levels).y0)
        self._details = [
            tuple(_Rows(area.subband(name, at + 1).y0) for name in ("HL", "LH", "HH")) for at in range(levels)
        ]

    def push(self, planes: NDArray[np.float32]) -> None:
        """Take the next rows, of shape (C, h, W)."""
        with torch.inference_mode(), stage("analysis"):
            self._push(0, torch.from_numpy(planes)[:, None])

    def _push(self, at: int, x: Tensor) -> None:
        if at == len(self._levels):
            self._low.add(x)
            return
        for _, (ll, *details) in self._levels[at].push(x):
            for rows, band in zip(self._details[at], details, strict=True):
                rows.add(band)
            self._push(at + 1, ll)

    def has(self, strip: Rect) -> bool:
        """Tell whether all subbands of an area are there, which lies below those that were taken."""
        levels = len(self._levels)
        if self._low.end < strip.resolution(levels).y1:
            return False
        return all(
            rows.end >= strip.subband(name, at + 1).y1
            for at, bands in enumerate(self._details)
            for name, rows in zip(("HL", "LH", "HH"), bands, strict=True)
        )

    def take(self, strip: Rect) -> list[Subbands]:
        """Return the subbands of each component of an area as wide as the picture, below those that were taken."""
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
