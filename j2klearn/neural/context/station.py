"""One subband while it is coded: its position in the pyramid, its context, and the mixtures of its coefficients."""

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

#: Bits of the code of the scale of LL's differences.
SCALE_BITS = 8

#: Units of the log-scale between two such codes.
PER_SCALE = 3

#: Bits of the number of low bits that are coded raw.
RAW_BITS = 5


class Coder(Protocol):
    """Codes the values of a walk. An encoder returns values that it has; a decoder reads them."""

    def open(self, segment: int) -> None:
        """Begin the segment of this number, from 0 on."""

    def bits(self, component: int, name: str, count: int) -> int:
        """Return a number of a whole component.

        Parameters
        ----------
        component : int
            The component.
        name : str
            ``"scale"`` for the code of the scale of LL's differences, ``"raw"`` for the number of raw low bits.
        count : int
            Bits of the number.
        """

    def low(self, component: int, shape: tuple[int, int], parameters: Callable[[int], Parameters]) -> Values:
        """Return LL, int32.

        Parameters
        ----------
        component : int
            The component.
        shape : (int, int)
            Height and width of LL.
        parameters : callable
            Returns the mixtures of a number of differences, (n, 3, 1).
        """

    def band(self, station: Station) -> Values:
        """Return HL, LH or HH of a level, int32, shape (h, w)."""


@dataclass(frozen=True)
class Station:
    """The subband of details that a walk is coding, and its context.

    Attributes
    ----------
    component, level, index : int
        The component, the level, and 0, 1 or 2 for HL, LH or HH.
    raw : int
        Number of low bits that are coded raw.
    adaptive : bool
        Whether the scales have an offset (`j2klearn.neural.context.offsets`).
    fusion : IntegerFusion
        The network.
    kernels : Kernels
        Computes the layers.
    base : ndarray of int16, shape (h, w, width)
        The part of the context from outside of the subband, see `IntegerFusion.base`.
    surroundings : Surroundings or None
        The terms of a correction of the means (`j2klearn.neural.context.correction`); None if the means have none.
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
        """The component, level and index."""
        return self.component, self.level, self.index

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the subband."""
        return self.base.shape[0], self.base.shape[1]

    def plane(self, values: Values) -> Parameters:
        """Return the mixtures (h, w, 3, K) of the whole subband (h, w), given without its low bits, for the encoder."""
        return self.fusion.plane(self.kernels, self.base, compressed(values))

    def decoded(
        self, read: Callable[[Parameters, NDArray[np.intp]], Values], kept: Parameters | None = None
    ) -> Values:
        """Return the subband, int32, shape (h, w), without its low bits, wavefront by wavefront.

        Parameters
        ----------
        read : callable
            Returns the coefficients (n,) of a wavefront, given the mixtures (n, 3, K) and the places.
        kept : ndarray of int16, optional
            Receives all mixtures; an array of `room`.
        """
        through = FusionPass(self.fusion, self.kernels, self.base)
        if kept is None:
            return decoded(through, self.shape, read, compressed)

        def keeping(mixtures: Parameters, places: NDArray[np.intp]) -> Values:
            kept[places] = mixtures
            return read(mixtures, places)

        return decoded(through, self.shape, keeping, compressed)

    def room(self) -> Parameters:
        """Return an uninitialised array for the mixtures of the subband, (h * w, 3, K)."""
        height, width = self.shape
        return np.empty((height * width, PARAMETERS, self.fusion.mixtures), np.int16)
