"""The choice of steps that the reversible learned transform takes for one picture."""

from __future__ import annotations

from dataclasses import dataclass

from .normalisation import Normalisation

__all__ = ["Steps", "Weights"]

#: The weights of HL, LH and HH of one level, from -128 to 127: of Y in Cb, of Y in Cr and of Cb in Cr.
Weights = tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]


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
