"""The progress bar of commands that encode or decode one picture."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, NoReturn, Self

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["ProgressBar"]

#: Seconds of work before the progress bar appears.
_DELAY = 1.0


class ProgressBar:
    """A progress bar on standard error, shown only on a terminal and only after a second of work.

    An instance is a `j2klearn.core.progress.Progress` callback.
    """

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._bar: tqdm[NoReturn] | None = None

    def __call__(self, share: float, stage: str) -> None:
        if self._bar is None and sys.stderr.isatty() and time.monotonic() - self._start > _DELAY:
            from tqdm import tqdm

            self._bar = tqdm(total=100, bar_format="{desc:<10} {bar} {n:.0f}% {elapsed}", leave=False)
        if self._bar is not None:
            self._bar.set_description_str(stage, refresh=False)
            self._bar.update(100 * share - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
