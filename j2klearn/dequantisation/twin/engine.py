"""De-quantisation of components by a twin, in native code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.geometry import Rect
from .network import DequantiserTwin

__all__ = ["dequantise_component"]


def dequantise_component(
    plane: NDArray[np.float32],
    area: Rect,
    twin: DequantiserTwin,
    noise: NDArray[np.int16],
    *,
    threads: int = 1,
) -> None:
    """Remove quantisation noise from a component, in place.

    Parameters
    ----------
    plane : ndarray, float32, shape (area.height, area.width)
        Samples in units of 8-bit grey levels, level shifted.
    area : Rect
        The area of the samples on the grid.
    twin : DequantiserTwin
        The network.
    noise : ndarray, int16
        See `j2klearn.dequantisation.twin.noise.noise_codes`.
    threads : int
        Most threads to use.
    """
    twin.native.apply(plane.copy(), plane, area, noise, threads=threads)
