"""Progress of long work, told to whoever asks."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Progress", "silent"]

#: Called with the share of the work done, 0 to 1, and the name of the stage.
Progress = Callable[[float, str], None]


def silent(share: float, stage: str) -> None:
    """Tell nobody."""
