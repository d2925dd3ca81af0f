"""The quantiser steps of a learned file, and the reconstruction of coefficients from what tier-1 decoded.

The decoded coefficients of every layer are whole numbers of half quantiser steps (T.800 equation E-6 with r = 1/2). The
transport returns these numbers exactly. So the coefficients depend on the file alone: they are the same for a region
and for the whole picture, on every machine, and with every version of OpenJPEG.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..codestream.main_header import MainHeader
from ..codestream.quantisation_segments import QuantisationStyle
from ..core.geometry import ORIENTATIONS
from ..core.subbands import Band, Subbands
from ..core.timing import stage
from ..errors import SegmentError
from ..native import wavelet

__all__ = ["Lattice", "bias_of", "read_lattice", "reconstruct"]

#: Half the quantiser step by (orientation, level), in units of 8-bit grey levels.
Lattice = Mapping[tuple[str, int], float]

#: Base-2 logarithm of the subband gain (T.800 Table E.1).
_GAIN = {"LL": 0, "HL": 1, "LH": 1, "HH": 2}

#: Distance of the reconstruction points of details below the middle of their interval, as a share of the interval: at
#: the finest level, and its ratio from one level to the next coarser one. On training pictures at 0.2 to 1 bpp the best
#: points lie at 0.42 to 0.39 of the interval at the finest level, and closer to its middle at coarser levels.
_BIAS = 0.09
_BIAS_PER_LEVEL = 0.75


def bias_of(orientation: str, level: int) -> float:
    """Return the distance of the reconstruction point below the middle of its interval, as a share of the interval.

    Parameters
    ----------
    orientation : {"LL", "HL", "LH", "HH"}
        Orientation of the subband; LL has no bias.
    level : int
        Decomposition level, 1 for the finest.
    """
    return 0.0 if orientation == "LL" else _BIAS * _BIAS_PER_LEVEL ** (level - 1)


def read_lattice(header: MainHeader, component: int = 0) -> Lattice:
    """Return half the quantiser steps of a component (T.800 equation E-3).

    Parameters
    ----------
    header : MainHeader
        The main header of a learned codestream. Each component has the `MainHeader.levels` of COD.
    component : int
        Index of the component.

    Returns
    -------
    mapping
        Half the quantiser step by (orientation, level), in 8-bit grey levels.

    Raises
    ------
    SegmentError
        If the header does not have a quantiser step for every subband.
    """
    quantisation = header.qcd
    for qcc in header.qcc:
        if qcc.component == component:
            quantisation = qcc.quantisation
    names = [("LL", header.levels)]
    names += [(name, level) for level in range(header.levels, 0, -1) for name in ORIENTATIONS]
    if quantisation.style != QuantisationStyle.EXPOUNDED or len(quantisation.exponents) != len(names):
        raise SegmentError("the codestream does not have a quantiser step for every subband")
    lattice = {}
    steps = zip(quantisation.exponents, quantisation.mantissas, strict=True)
    for (name, level), (exponent, mantissa) in zip(names, steps, strict=True):
        step = 2.0 ** (8 + _GAIN[name] - exponent) * (1 + mantissa / 2048)
        lattice[name, level] = step / 2
    return lattice


@stage("transport")
def reconstruct(bands: Subbands, lattice: Lattice, finest: int = 1, threads: int = 1) -> Subbands:
    """Reconstruct subbands from half quantiser steps; the points of details are moved slightly towards zero.

    Parameters
    ----------
    bands : Subbands
        Whole numbers of half quantiser steps, int32.
    lattice : Lattice
        Half the quantiser steps.
    finest : int
        The decomposition level of the codestream that is the finest level of `bands`.
    threads : int
        Threads to use.

    Returns
    -------
    Subbands
        Coefficients in 8-bit grey levels, float32. LL is zero if its level is not the coarsest one of the codestream:
        then it was not coded.
    """

    def points(band: Band, name: str, level: int) -> Band:
        if (name, level) not in lattice:
            return np.zeros(band.shape, np.float32)
        return wavelet.reconstruct(band, lattice[name, level], bias_of(name, level), threads)

    low = points(bands.ll, "LL", finest + bands.levels - 1)
    details = [
        (points(hl, "HL", level), points(lh, "LH", level), points(hh, "HH", level))
        for level, (hl, lh, hh) in enumerate(bands.details, finest)
    ]
    return Subbands(bands.area, low, details)
