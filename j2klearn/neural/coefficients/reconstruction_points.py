"""Points of reconstruction that an entropy model tells: collected on a walk, subband by subband."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .pyramid import Pyramid

__all__ = ["Details", "Distances", "Points"]

#: Distances of the points of a subband from its indices, in quantiser steps.
Distances = NDArray[np.float16]

#: Of HL, LH and HH of every level, finest first.
Details = list[tuple[Distances, Distances, Distances]]


class Points:
    """Where the coefficients of a picture are expected to be."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, int, int], Distances] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def put(
        self,
        component: int,
        level: int,
        index: int,
        values: NDArray[np.int32],
        parameters: NDArray[np.int16],
    ) -> None:
        """Take a subband.

        Parameters
        ----------
        component, level, index : int
            Which: of what component, of what level, and 0, 1 or 2 for HL, LH or HH.
        values : ndarray of int32, shape (h, w)
            The indices.
        parameters : ndarray of int16, shape (h * w, 3, K)
            The mixtures that they were coded with.
        """
        from .expectation import expected

        distances = expected(parameters, values.ravel()).reshape(values.shape)
        self._found[component, level, index] = distances.astype(np.float16)

    def details(self, component: int, pyramid: Pyramid, first: int = 1) -> Details:
        """Return the distances of a component.

        Parameters
        ----------
        component : int
            Which.
        pyramid : Pyramid
            Its indices; subbands that were not collected have zeros.
        first : int
            The level of the finest details in it.
        """
        levels = []
        for level, three in enumerate(pyramid.details, first):
            hl, lh, hh = (
                self._found.get((component, level, at), np.zeros(band.shape, np.float16))
                for at, band in enumerate(three)
            )
            levels.append((hl, lh, hh))
        return levels
