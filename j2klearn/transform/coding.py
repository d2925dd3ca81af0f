"""The learned transform over all decomposition levels, for coding and decoding, independent of what computes a level.

`j2klearn.transform.dwt` computes levels by PyTorch, `j2klearn.transform.integer.engine` by integer operators in native
code. This module does not import PyTorch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..core.geometry import Rect
from ..core.subbands import Subbands
from ..core.timing import stage
from .levels import compose, decompose, share_of_level
from .part_areas import PartAreas

__all__ = ["BASE_REACH", "Bands", "CodingTransform", "Plane", "Planes"]

#: Samples of one component, or one of its subbands: shape (h, w), float32.
Plane = NDArray[np.float32]

#: One plane per component: an array of shape (C, h, w), or a sequence of arrays of shape (h, w).
Planes = Sequence[Plane] | NDArray[np.float32]

#: LL, HL, LH and HH of one level.
Bands = tuple[Planes, Planes, Planes, Planes]

#: Samples of the finer level that one level of base wavelet analysis or synthesis reads beyond an area. The 9/7 has
#: the longest filters of all base wavelets.
BASE_REACH = 8


class CodingTransform(ABC):
    """A learned transform, ready for coding. The opacities of the first component serve all components.

    Attributes
    ----------
    engine : str
        What computes the learned steps: ``"native"`` or ``"torch"``.
    reach : int
        Samples of the finer level that one level of analysis or synthesis reads beyond an area.
    """

    engine: str
    reach: int

    @abstractmethod
    def split(
        self, planes: Planes, origin: tuple[int, int], threads: int, learned: int | None = None
    ) -> Bands:
        """Decompose planes by one level.

        Parameters
        ----------
        planes : sequence of ndarray, each (H, W), float32
            Samples of the components, in units of 8-bit grey levels. They are not changed.
        origin : (int, int)
            Grid position ``(y0, x0)`` of the first sample.
        threads : int
            Threads of native code.
        learned : int, optional
            Number of planes, the first ones, that have learned steps. The others have the base wavelet alone. Default:
            all of them.

        Returns
        -------
        ll, hl, lh, hh
            The subbands of every component, of the sizes of T.800 equation B-15.
        """

    @abstractmethod
    def join(self, bands: Bands, area: Rect, threads: int, learned: int | None = None) -> NDArray[np.float32]:
        """Synthesise planes from their subbands of one level; the inverse of `split`.

        Parameters
        ----------
        bands : tuple
            The subbands of every component. They may be overwritten.
        area : Rect
            The area of the planes on the grid.
        threads : int
            Threads of native code.
        learned : int, optional
            As in `split`.

        Returns
        -------
        ndarray, shape (C, H, W), float32
            Samples of `area`.
        """

    def analyse(
        self,
        planes: NDArray[np.float32],
        area: Rect,
        levels: int,
        threads: int = 1,
        progress: Callable[[float], None] | None = None,
        *,
        base_chroma: bool = False,
    ) -> list[Subbands]:
        """Decompose the components of a picture.

        Parameters
        ----------
        planes : ndarray, shape (C, H, W), float32
            Samples of `area`, in units of 8-bit grey levels, level shifted.
        area : Rect
            The area of the planes on their grid.
        levels : int
            Number of decomposition levels.
        threads : int
            Threads of native code.
        progress : callable, optional
            Called after each level with the share of the whole work that the level was. The shares add up to almost
            one.
        base_chroma : bool
            Whether all components but the first have the base wavelet alone at the finest level.

        Returns
        -------
        list of Subbands
            One per component, float32.
        """
        start: Planes = planes

        def split(x: Planes, level: int) -> tuple[Planes, tuple[Planes, Planes, Planes]]:
            finer = area.resolution(level - 1)
            ll, hl, lh, hh = self.split(x, finer.origin, threads, 1 if base_chroma and level == 1 else None)
            if progress:
                progress(share_of_level(area, level))
            return ll, (hl, lh, hh)

        with stage("analysis"):
            low, details = decompose(start, levels, split)
        return [
            Subbands(area, low[at], [(hl[at], lh[at], hh[at]) for hl, lh, hh in details])
            for at in range(len(planes))
        ]

    def synthesise(
        self,
        components: list[Subbands],
        threads: int = 1,
        progress: Callable[[float], None] | None = None,
        *,
        base_chroma: bool = False,
    ) -> NDArray[np.float32]:
        """Synthesise the components of a picture; the inverse of `analyse`.

        Parameters
        ----------
        components : list of Subbands
            Subbands of components that cover the same area, float32. They may be those of a lower resolution only. The
            list is emptied, to free memory early.
        threads, progress, base_chroma
            As in `analyse`. The finest level is that of the given subbands.

        Returns
        -------
        ndarray, shape (C, H, W), float32
            The planes, in units of 8-bit grey levels, level shifted.
        """
        area = components[0].area
        low: Planes = [bands.ll for bands in components]
        details = [list(level) for level in zip(*(bands.details for bands in components), strict=True)]
        components.clear()

        def join(ll: Planes, own: list[tuple[Plane, Plane, Plane]], level: int) -> Planes:
            finer = area.resolution(level - 1)
            hl, lh, hh = ([bands[at] for bands in own] for at in range(3))
            own.clear()  # a copy of the picture is too much memory to keep
            out = self.join((ll, hl, lh, hh), finer, threads, 1 if base_chroma and level == 1 else None)
            if progress:
                progress(share_of_level(area, level))
            return out

        with stage("synthesis"):
            out = compose(low, details, join)
        return out if isinstance(out, np.ndarray) else np.stack(out)

    def part_areas(self, part: Rect, picture: Rect) -> PartAreas:
        """Return the areas that the synthesis of a part of a picture by one level reads."""
        return PartAreas.around(part, (self.reach, self.reach, self.reach), picture)

    def synthesise_part(
        self, bands: Bands, areas: PartAreas, threads: int = 1, *, learned: int | None = None
    ) -> NDArray[np.float32]:
        """Synthesise a part of a picture by one level.

        Parameters
        ----------
        bands : tuple
            The subbands of every component: LL of `areas.low`, the others of `areas.details`. They may be overwritten.
        areas : PartAreas
            The areas, from `part_areas`.
        threads : int
            Threads of native code.
        learned : int, optional
            As in `split`.

        Returns
        -------
        ndarray, shape (C, H, W), float32
            Samples of `areas.synthesised`. Those of the part are right.
        """
        with stage("synthesis"):
            return self.join_part(bands, areas, threads, learned)

    def join_part(
        self, bands: Bands, areas: PartAreas, threads: int, learned: int | None
    ) -> NDArray[np.float32]:
        """Synthesise a part by one level, like `join`; the arguments are those of `synthesise_part`."""
        return self.join(bands, areas.synthesised, threads, learned)
