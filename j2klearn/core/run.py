"""Options that every long call takes: threads, progress, the pixel limit, and whether a draft will do."""

from __future__ import annotations

from dataclasses import dataclass

from .limits import MAX_PIXELS, check_pixels, pixel_limit
from .progress import Progress, silent
from .scalars import truth_value, whole_number
from .threads import default_threads

__all__ = ["Run"]


@dataclass(frozen=True)
class Run:
    """How a call runs: its threads, progress callback and pixel limit, and whether it decodes a draft.

    Attributes
    ----------
    threads : int
        Maximum number of threads.
    progress : callable
        Called with the fraction of the work that is done, 0 to 1, and the name of the stage.
    max_pixels : int or None
        Largest allowed number of pixels of a picture; None for no limit.
    draft : bool
        Whether to decode without de-quantisation, which takes less time.
    """

    threads: int = 1
    progress: Progress = silent
    max_pixels: int | None = None
    draft: bool = False

    @classmethod
    def of(
        cls,
        threads: int | None = None,
        progress: Progress | None = None,
        max_pixels: int | None = MAX_PIXELS,
        *,
        draft: bool = False,
    ) -> Run:
        """Return a `Run`; where `threads` or `progress` is None, the default of the public functions is used.

        Raises
        ------
        OptionError
            If `threads` or `max_pixels` is not a number of threads or of pixels, or `draft` is no truth value.
        """
        threads = default_threads() if threads is None else whole_number("threads", threads, 0)
        return cls(threads, progress or silent, pixel_limit(max_pixels), truth_value("draft", draft))

    def check_pixels(self, height: int, width: int) -> None:
        """Raise `LimitError` if a picture has more than `max_pixels` pixels."""
        check_pixels(height, width, self.max_pixels)
