"""Named timers for the stages of coding. They cost nothing unless a `StageClock` is active."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token

__all__ = ["StageClock", "stage"]


class StageClock:
    """Measures the time of each stage inside its ``with`` block, in the current thread.

    Attributes
    ----------
    seconds : dict of str to float
        Wall-clock time by stage. The time of a nested stage counts for the inner stage only.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._open: list[str] = []
        self._since = 0.0
        self._token: Token[StageClock | None] | None = None

    def __enter__(self) -> StageClock:
        self._token = _CLOCK.set(self)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._token is not None:
            _CLOCK.reset(self._token)

    def _lap(self) -> None:
        now = time.perf_counter()
        if self._open:
            name = self._open[-1]
            self.seconds[name] = self.seconds.get(name, 0.0) + now - self._since
        self._since = now

    def _enter(self, name: str) -> None:
        self._lap()
        self._open.append(name)

    def _leave(self) -> None:
        self._lap()
        self._open.pop()


_CLOCK: ContextVar[StageClock | None] = ContextVar("clock", default=None)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Attribute the time of the ``with`` block to the stage `name`, for example "analysis" or "tier-1/2"."""
    clock = _CLOCK.get()
    if clock is None:
        yield
        return
    clock._enter(name)
    try:
        yield
    finally:
        clock._leave()
