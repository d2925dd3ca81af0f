"""The loop over the levels of a multi-level transform, whatever one level does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["compose", "decompose"]

#: Samples, and the details of a level.
Samples = TypeVar("Samples")
Level = TypeVar("Level")


def decompose(
    x: Samples, levels: int, split: Callable[[Samples, int], tuple[Samples, Level]]
) -> tuple[Samples, list[Level]]:
    """Decompose samples level by level.

    Parameters
    ----------
    x : Samples
        Tensors or arrays; `split` says which.
    levels : int
        Number of decompositions.
    split : callable
        Takes LL (the samples themselves at first) and the level, 1 for the finest; returns the next LL and the details.

    Returns
    -------
    ll : Samples
        Of the coarsest level.
    details : list
        Those of all levels, finest first.
    """
    details = []
    for level in range(1, levels + 1):
        x, own = split(x, level)
        details.append(own)
    return x, details


def compose(ll: Samples, details: Sequence[Level], join: Callable[[Samples, Level, int], Samples]) -> Samples:
    """Put samples together again, level by level; the inverse of `decompose`.

    Parameters
    ----------
    ll : Samples
        Of the coarsest level.
    details : sequence
        Those of all levels, finest first.
    join : callable
        Takes LL, the details and the level, 1 for the finest; returns the LL of the level below.
    """
    for level in range(len(details), 0, -1):
        ll = join(ll, details[level - 1], level)
    return ll
