"""Progress callbacks of long calls."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Progress", "silent"]

#: Called with the fraction of the work that is done, 0 to 1, and the name of the stage.
Progress = Callable[[float, str], None]


def silent(share: float, stage: str) -> None:
    """Do nothing: the progress callback that is used when the caller gives none."""
