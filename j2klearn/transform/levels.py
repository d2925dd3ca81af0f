"""The loop over the decomposition levels, independent of the transform of one level."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ..core.geometry import Rect

__all__ = ["compose", "decompose", "share_of_level"]

#: Type of a plane (tensor or array), and of the detail subbands of one level.
Samples = TypeVar("Samples")
Level = TypeVar("Level")


def share_of_level(area: Rect, level: int) -> float:
    """Return about the share of a level, 1 for the finest, in the work of transforming an area."""
    return (area.resolution(level - 1).size - area.resolution(level).size) / area.size


def decompose(
    x: Samples, levels: int, split: Callable[[Samples, int], tuple[Samples, Level]]
) -> tuple[Samples, list[Level]]:
    """Decompose a plane level by level (T.800 F.4.1).

    Parameters
    ----------
    x : Samples
        The samples, of any type that `split` accepts.
    levels : int
        Number of decomposition levels.
    split : callable
        Transforms one level. Takes LL (at first `x`) and the level, 1 for the finest. Returns the next LL and the
        details.

    Returns
    -------
    ll : Samples
        LL of the coarsest level.
    details : list
        Details of all levels, finest first.
    """
    details = []
    for level in range(1, levels + 1):
        x, own = split(x, level)
        details.append(own)
    return x, details


def compose(ll: Samples, details: Sequence[Level], join: Callable[[Samples, Level, int], Samples]) -> Samples:
    """Compose a plane level by level (T.800 F.3.1); the inverse of `decompose`.

    Parameters
    ----------
    ll : Samples
        LL of the coarsest level.
    details : sequence
        Details of all levels, finest first.
    join : callable
        Transforms one level back. Takes LL, the details and the level, 1 for the finest. Returns LL of the next finer
        level.

    Returns
    -------
    Samples
        The samples.
    """
    for level in range(len(details), 0, -1):
        ll = join(ll, details[level - 1], level)
    return ll
