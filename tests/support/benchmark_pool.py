"""A pool for the benchmark that works in the process of the test: a new process loads PyTorch, which takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any


class InProcess:
    """An executor that does the work at once."""

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*arguments))
        except Exception as error:  # as a process pool: the caller gets it with the result
            future.set_exception(error)
        return future


@contextmanager
def in_process(workers: int) -> Iterator[InProcess]:
    """Take the place of `j2klearn.benchmark.run._pool`."""
    yield InProcess()
