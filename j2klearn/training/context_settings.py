"""Settings of the training of context networks."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ContextSettings"]


@dataclass(frozen=True)
class ContextSettings:
    """The ``[training]`` table of a context model's configuration.

    Attributes
    ----------
    mixtures : int
        Components of a mixture.
    first_steps, second_steps : int
        Steps for the network of the first component, and then for that of the others.
    batch : int
        Crops per step.
    learning_rate : float
        Of Adam; it rises over the first steps and falls to nearly zero on a half cosine.
    step_range : (float, float)
        Quantiser steps in grey levels, of which one is drawn log-uniformly per crop.
    offset_range : (float, float)
        Rounding offsets of the quantiser, of which one is drawn per batch.
    average : float
        Decay of the moving average of the weights that is kept.
    held_out : int
        Pictures kept for validation.
    validate_every, save_every : int
        Steps between validations, and between checkpoints.
    seed : int
        Of everything random.
    bfloat16 : bool
        Compute the networks in bfloat16.
    """

    mixtures: int = 3
    first_steps: int = 20000
    second_steps: int = 10000
    batch: int = 6
    learning_rate: float = 2e-3
    step_range: tuple[float, float] = (4.0, 100.0)
    offset_range: tuple[float, float] = (0.25, 0.45)
    average: float = 0.998
    held_out: int = 64
    validate_every: int = 1000
    save_every: int = 500
    seed: int = 1
    bfloat16: bool = True
