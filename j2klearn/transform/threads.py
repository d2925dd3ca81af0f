"""The threads of PyTorch: a bound for the length of a call, and one thread in processes made by fork.

PyTorch computes with the OpenMP runtime that it is linked to. The bound is set in that runtime directly, because there
it holds for the calling thread only. `torch.set_num_threads` also changes the number of threads that other threads of
the process start with.

The threads of an OpenMP runtime do not survive fork, and a runtime that waits for them never returns. So a process made
by fork computes with one thread.
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ..core.forked import lost_threads

__all__ = ["bounded"]


class _State:
    """What a process made by fork has to know of its parent."""

    parallel = False  # j2klearn has computed with several threads in this process


def _after_fork() -> None:
    if _State.parallel:
        # the threads are lost: also for the code of the caller
        torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@functools.cache
def _runtime() -> tuple[Any, Any]:
    """Return the functions that set the threads of the calling thread, in OpenMP and in MKL; None for each missing one.

    The symbols are looked up in PyTorch's library and in the libraries that it depends on, because a process may have
    loaded several OpenMP runtimes.
    """
    folder = Path(torch.__file__).parent / "lib"
    for name in ("libtorch_cpu.so", "libtorch_cpu.dylib"):
        try:
            library = ctypes.CDLL(str(folder / name))
        except OSError:
            continue
        openmp = getattr(library, "omp_set_num_threads", None)
        return openmp, getattr(library, "MKL_Set_Num_Threads_Local", None)
    return None, None


@contextmanager
def bounded(threads: int) -> Iterator[None]:
    """Compute in PyTorch with at most `threads` threads, in the calling thread; several threads may do so at once.

    The number of threads is never raised. In a process made by fork it is one.

    Parameters
    ----------
    threads : int
        Maximum number of threads, at least 1.
    """
    before = torch.get_num_threads()  # also lets PyTorch set the number of a new thread, which it does once
    count = 1 if lost_threads() else min(before, max(1, threads))
    if count == before:
        _State.parallel |= count > 1
        yield
        return
    _State.parallel |= count > 1
    openmp, mkl = _runtime()
    if openmp is None:
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)
        return
    openmp(count)
    own = mkl(count) if mkl is not None else 0
    try:
        yield
    finally:
        openmp(before)
        if mkl is not None:
            mkl(own)
