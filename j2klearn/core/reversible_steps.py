"""The choice of steps that the reversible learned transform takes for one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .normalisation import Normalisation

__all__ = ["WEIGHT_BITS", "BandWeights", "Steps", "Weights"]

#: Fraction bits of the weights between components.
WEIGHT_BITS = 6


class BandWeights(NamedTuple):
    """The weights with which the details of both chroma components are predicted in one subband, in 1/64.

    L2H of a component is what the operator of the model predicts; it is 0 if the component has no learned steps.

    Attributes
    ----------
    first : tuple of int
        Weights in the component that is predicted first, Cb or Cr: of Y, of L2H of Y, of L2H of this component, and a
        constant.
    second : tuple of int
        Weights in the other one: of Y, of L2H of Y, of L2H of this component, a constant, and then of the first one
        and of its L2H.
    """

    first: tuple[int, int, int, int] = (0, 0, 0, 0)
    second: tuple[int, int, int, int, int, int] = (0, 0, 0, 0, 0, 0)


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
    red_first : bool
        Whether Cr is predicted before Cb, which then is predicted from Cr.
    green : bool
        Whether the transform replaces Y by the green component. Its LL becomes that of Y again.
    """

    learned: tuple[bool, ...]
    weights: tuple[Weights, ...] = ()
    normalisation: tuple[Normalisation, ...] = ()
    red_first: bool = False
    green: bool = False

    @property
    def chroma(self) -> tuple[int, int]:
        """The components of chroma in the order in which they are predicted."""
        return (2, 1) if self.red_first else (1, 2)
