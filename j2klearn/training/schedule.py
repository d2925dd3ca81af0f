"""Learning rates over the steps of a training, as factors of the highest one."""

from __future__ import annotations

import math

__all__ = ["half_cosine", "warm_up"]


def warm_up(step: int, length: int) -> float:
    """Return the factor of a linear rise to one over `length` steps; `step` counts from zero."""
    return min(1.0, (step + 1) / max(1, length))


def half_cosine(step: int, steps: int) -> float:
    """Return the factor of a half cosine from one, at step zero, to zero, at step `steps` and beyond."""
    return 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(1, steps))))
