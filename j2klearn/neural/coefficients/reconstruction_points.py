"""Reconstruction points that an entropy model predicts. A walk collects them subband by subband."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .pyramid import Pyramid

__all__ = ["Details", "Distances", "Points"]

#: Distances of the reconstruction points of a subband (h, w) from its indices, in quantiser steps.
Distances = NDArray[np.float16]

#: The distances of HL, LH and HH of every level, the finest level first.
Details = list[tuple[Distances, Distances, Distances]]


class Points:
    """The reconstruction points of a picture: the expected values of its coefficients."""

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
        """Store the reconstruction points of a subband.

        Parameters
        ----------
        component, level, index : int
            The component, the level, and 0, 1 or 2 for HL, LH or HH.
        values : ndarray of int32, shape (h, w)
            The indices of the subband.
        parameters : ndarray of int16, shape (h * w, 3, K)
            The mixtures with which the indices were coded.
        """
        from .expectation import expected

        distances = expected(parameters, values.ravel()).reshape(values.shape)
        self._found[component, level, index] = distances.astype(np.float16)

    def details(self, component: int, pyramid: Pyramid, first: int = 1) -> Details:
        """Return the distances of the reconstruction points of a component from its indices.

        Parameters
        ----------
        component : int
            The component.
        pyramid : Pyramid
            The indices of the component. Subbands for which no points were stored get zeros.
        first : int
            The level of the finest details in the pyramid.
        """
        levels = []
        for level, three in enumerate(pyramid.details, first):
            hl, lh, hh = (
                self._found.get((component, level, at), np.zeros(band.shape, np.float16))
                for at, band in enumerate(three)
            )
            levels.append((hl, lh, hh))
        return levels
