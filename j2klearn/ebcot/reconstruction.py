"""The lattice on which tier-1 reconstructs coefficients, and the rounding of decoded subbands to it.

A decoded carrier has rounding errors, and those of a region differ from those of the whole picture. But coefficients
that tier-1 decodes are multiples of half a quantiser step at every layer (T.800 E.1, with mid-point reconstruction).
Rounding to these multiples restores exactly the coefficients that tier-1 decoded. So the networks read the same numbers
for a region and for the whole picture, and both decode to the same samples.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..codestream.main_header import MainHeader
from ..core.geometry import ORIENTATIONS
from ..core.subbands import Subbands
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

#: OpenJPEG's inverse 9/7 multiplies high-pass samples by 1.625732422 instead of 2 / K. This is the ratio of the two.
_HIGH_PASS_RATIO = 1.625732422 * 1.230174104914001 / 2


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


def read_lattice(codestream: bytes, header: MainHeader) -> Lattice:
    """Read the lattice of a learned codestream from its main header (T.800 equation E-3).

    Parameters
    ----------
    codestream : bytes
        The codestream, at least its main header.
    header : MainHeader
        The parsed main header.

    Returns
    -------
    mapping
        Half the quantiser step by (orientation, level), in 8-bit grey levels. Empty if the components have different
        quantiser steps; the writers of learned files never do this.

    Raises
    ------
    SegmentError
        If the header does not have a quantiser step for every subband.
    """
    if len(header.quantisation) != 1:
        return {}
    start, end = header.quantisation[0]
    values = [codestream[at] << 8 | codestream[at + 1] for at in range(start + 1, end - 1, 2)]
    names = [("LL", header.levels)]
    names += [(name, level) for level in range(header.levels, 0, -1) for name in ORIENTATIONS]
    if len(values) != len(names):
        raise SegmentError("the codestream does not have a quantiser step for every subband")
    lattice = {}
    for (name, level), value in zip(names, values, strict=True):
        exponent, mantissa = value >> 11, value & 0x7FF
        step = 2.0 ** (8 + _GAIN[name] - exponent) * (1 + mantissa / 2048)
        lattice[name, level] = step / 2
    return lattice


@stage("transport")
def reconstruct(bands: Subbands, lattice: Lattice, finest: int = 1, threads: int = 1) -> None:
    """Round subbands in place to the points of the lattice, and move those of details slightly towards zero.

    Parameters
    ----------
    bands : Subbands
        Decoded coefficients, float32. Subbands that are not in the lattice are left unchanged: LL of a level that is
        not the coarsest was not coded.
    lattice : Lattice
        Half the quantiser steps.
    finest : int
        The decomposition level of the codestream that is the finest level of `bands`.
    threads : int
        Threads to use.
    """
    named = [(("LL", finest + bands.levels - 1), bands.ll)]
    for offset, details in enumerate(bands.details):
        named += [((name, finest + offset), band) for name, band in zip(ORIENTATIONS, details, strict=True)]
    for (name, level), band in named:
        if (name, level) in lattice:
            spacing = lattice[name, level]
            factor = 1 / (spacing * _HIGH_PASS_RATIO ** _GAIN[name])
            wavelet.reconstruct(band, factor, spacing, bias_of(name, level), threads)
