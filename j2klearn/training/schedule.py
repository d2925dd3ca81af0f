"""Learning rate schedules: factors of the highest rate, by the number of the step."""

from __future__ import annotations

import math

__all__ = ["half_cosine", "warm_up"]


def warm_up(step: int, length: int) -> float:
    """Return the factor of a linear rise to 1 over `length` steps; `step` counts from 0."""
    return min(1.0, (step + 1) / max(1, length))


def half_cosine(step: int, steps: int) -> float:
    """Return the factor of a half cosine, from 1 at step 0 to 0 at step `steps` and later."""
    return 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(1, steps))))
