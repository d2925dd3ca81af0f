"""The lattice on which tier-1 reconstructs coefficients, to which a decoded carrier's subbands are rounded.

The carrier comes back with rounding errors of its own, other ones for a region than for the whole picture. But what
tier-1 decodes are multiples of half a quantiser step, whatever the layer (T.800 E.1 with mid-points): rounded to
these, the coefficients are those that were decoded, exactly, on every way to them. So the networks see the same
numbers, and a region comes out like the whole.
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

_GAIN = {"LL": 0, "HL": 1, "LH": 1, "HH": 2}  # log2 of T.800 Table E.1

#: How far the points of details lie below the middle of their interval, as its share: measured on training pictures
#: at 0.2 to 1 bpp as 0.42 to 0.39 of the interval at the finest level, and closer to its middle at each coarser one.
_BIAS = 0.09
_BIAS_PER_LEVEL = 0.75

#: OpenJPEG's inverse 9/7 scales high-pass samples by 1.625732422, which is not quite 2 / K.
_OPENJPEG = 1.625732422 * 1.230174104914001 / 2


def bias_of(orientation: str, level: int) -> float:
    """Return how far below the middle of its interval a coefficient is reconstructed, as a share of the interval."""
    return 0.0 if orientation == "LL" else _BIAS * _BIAS_PER_LEVEL ** (level - 1)


def read_lattice(codestream: bytes, header: MainHeader) -> Lattice:
    """Read the lattice of a learned codestream (T.800 equation E-3), as its header declares it.

    Empty where components differ in their quantisation, which no writer of learned files does.

    Raises
    ------
    SegmentError
        If the header does not give a step for every subband.
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
    """Round subbands in place to the points of the lattice, and those of details a little towards zero.

    Parameters
    ----------
    bands : Subbands
        Decoded coefficients. A low-pass subband that the lattice does not know is none that was coded, and stays as it
        is.
    lattice : Lattice
        Half the quantiser steps.
    finest : int
        The level of the codestream that is the finest of `bands`.
    threads : int
        Threads to use.
    """
    known = [(("LL", finest + bands.levels - 1), bands.ll)]
    for offset, details in enumerate(bands.details):
        known += [((name, finest + offset), band) for name, band in zip(ORIENTATIONS, details, strict=True)]
    for (name, level), band in known:
        if (name, level) in lattice:
            spacing = lattice[name, level]
            factor = 1 / (spacing * _OPENJPEG ** _GAIN[name])
            wavelet.reconstruct(band, factor, spacing, bias_of(name, level), threads)
