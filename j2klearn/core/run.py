"""What goes along with every long call: threads, progress and the limit of pixels."""

from __future__ import annotations

from dataclasses import dataclass

from .limits import MAX_PIXELS, check_pixels
from .progress import Progress, silent
from .threads import default_threads

__all__ = ["Run"]


@dataclass(frozen=True)
class Run:
    """How a call runs.

    Attributes
    ----------
    threads : int
        Threads to use at most.
    progress : callable
        Called with the share of the work done, 0 to 1, and the name of the stage.
    max_pixels : int or None
        Limit of the pixels of a picture; None for no limit.
    """

    threads: int = 1
    progress: Progress = silent
    max_pixels: int | None = None

    @classmethod
    def of(
        cls,
        threads: int | None = None,
        progress: Progress | None = None,
        max_pixels: int | None = MAX_PIXELS,
    ) -> Run:
        """Return a run with the defaults of the public functions where an argument is None."""
        return cls(default_threads() if threads is None else threads, progress or silent, max_pixels)

    def check_pixels(self, height: int, width: int) -> None:
        """Raise `LimitError` if a picture has more pixels than allowed."""
        check_pixels(height, width, self.max_pixels)
