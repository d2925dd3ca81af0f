"""One subband while it is coded: its place in the pyramid, its values and the mixtures of its coefficients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..entropy.likelihood import PARAMETERS
from ..entropy.mixture import Parameters, Values
from ..entropy.wavefront import decoded
from ..integer.companding import compressed
from ..integer.layer import Kernels
from .correction import Surroundings
from .integer_network import FusionPass, IntegerFusion

__all__ = ["PER_SCALE", "RAW_BITS", "SCALE_BITS", "Coder", "Station"]

SCALE_BITS = 8  # of the code of the scale of LL's differences

PER_SCALE = 3  # log-scale units between two codes

RAW_BITS = 5  # of the number of low bits that are coded as they are


class Coder(Protocol):
    """What a walk asks at its stations: an encoder knows the answers, a decoder reads them."""

    def open(self, segment: int) -> None:
        """Begin a segment."""

    def bits(self, component: int, name: str, count: int) -> int:
        """Return a number of `count` bits that holds for a whole component: "scale" or "raw"."""

    def low(self, component: int, shape: tuple[int, int], parameters: Callable[[int], Parameters]) -> Values:
        """Return LL."""

    def band(self, station: Station) -> Values:
        """Return HL, LH or HH of a level, (h, w)."""


@dataclass(frozen=True)
class Station:
    """A subband of details that a walk has come to, and what it is coded with.

    Attributes
    ----------
    component, level, index : int
        Which: of what component, of what level, and 0, 1 or 2 for HL, LH or HH.
    raw : int
        Low bits that are coded as they are.
    adaptive : bool
        Its scales have an offset, see `j2klearn.neural.context.offsets`.
    fusion : IntegerFusion
        The network.
    kernels : Kernels
        What computes it.
    base : ndarray of int16, shape (h, w, width)
        The context from outside the subband.
    surroundings : Surroundings, optional
        What a correction of its means can weigh, see `j2klearn.neural.context.correction`; None if there is no
        correction.
    """

    component: int
    level: int
    index: int
    raw: int
    adaptive: bool
    fusion: IntegerFusion
    kernels: Kernels
    base: NDArray[np.int16]
    surroundings: Surroundings | None

    @property
    def place(self) -> tuple[int, int, int]:
        """Component, level and index."""
        return self.component, self.level, self.index

    @property
    def shape(self) -> tuple[int, int]:
        return self.base.shape[0], self.base.shape[1]

    def plane(self, values: Values) -> Parameters:
        """Return the mixtures of the subband (h, w), low bits left out, where it is known: (h, w, 3, K)."""
        return self.fusion.plane(self.kernels, self.base, compressed(values))

    def decoded(
        self, read: Callable[[Parameters, NDArray[np.intp]], Values], kept: Parameters | None = None
    ) -> Values:
        """Return the subband, low bits left out, of which `read` tells one wavefront after another.

        Parameters
        ----------
        read : callable
            Called with the mixtures (n, 3, K) and the places of a wavefront.
        kept : ndarray of int16, optional
            Gets all mixtures; of `room`.
        """
        through = FusionPass(self.fusion, self.kernels, self.base)
        if kept is None:
            return decoded(through, self.shape, read, compressed)

        def keeping(mixtures: Parameters, places: NDArray[np.intp]) -> Values:
            kept[places] = mixtures
            return read(mixtures, places)

        return decoded(through, self.shape, keeping, compressed)

    def room(self) -> Parameters:
        """Return memory for the mixtures of the subband, (h * w, 3, K)."""
        height, width = self.shape
        return np.empty((height * width, PARAMETERS, self.fusion.mixtures), np.int16)
