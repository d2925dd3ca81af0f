"""The base wavelets of reversible models."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["BASES", "NON_SEPARABLE", "Base"]


class Base(NamedTuple):
    """The base wavelet of a reversible model, and how predictions are rounded.

    Attributes
    ----------
    non_separable : bool
        Whether the 5/3 is the non-separable one; see `j2klearn.native.wavelet`.
    fraction_bits : int
        Fraction bits of L2H, before the sum of all predictions is rounded.
    """

    non_separable: bool
    fraction_bits: int


#: The name of the base of new models.
NON_SEPARABLE = "non-separable-5-3"

#: The bases by name.
BASES = {"5-3": Base(False, 0), NON_SEPARABLE: Base(True, 3)}
