"""The choice of steps that the reversible learned transform takes for one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .normalisation import Normalisation

__all__ = ["WEIGHT_BITS", "BandWeights", "Steps", "Weights"]

#: Fraction bits of the weights between components.
WEIGHT_BITS = 6


class BandWeights(NamedTuple):
    """The weights with which the details of Cb and Cr are predicted in one subband, in 1/64.

    L2H of a component is what the operator of the model predicts; it is 0 if the component has no learned steps.

    Attributes
    ----------
    blue : tuple of int
        Weights in Cb: of Y, of L2H of Y, of L2H of Cb, and a constant.
    red : tuple of int
        Weights in Cr: of Y, of L2H of Y, of L2H of Cr, a constant, and then of Cb and of L2H of Cb.
    """

    blue: tuple[int, int, int, int] = (0, 0, 0, 0)
    red: tuple[int, int, int, int, int, int] = (0, 0, 0, 0, 0, 0)


#: The weights of HL, LH and HH of one level.
Weights = tuple[BandWeights, BandWeights, BandWeights]


@dataclass(frozen=True)
class Steps:
    """The steps that the reversible transform takes for one picture.

    Attributes
    ----------
    learned : tuple of bool
        For each component whether the operator predicts its details from its LL.
    weights : tuple of Weights
        For each level, from the finest on, the weights between the components of the RCT. Further levels have none.
    normalisation : tuple of Normalisation
        How each component is normalised where the operator reads it. Empty: none is.
    """

    learned: tuple[bool, ...]
    weights: tuple[Weights, ...] = ()
    normalisation: tuple[Normalisation, ...] = ()
