"""Backends that compute integer layers, by name."""

from __future__ import annotations

import os

from ...errors import OptionError
from .layer import Kernels, TorchKernels

__all__ = ["BACKENDS", "backend_name", "kernels"]

#: Names of the backends, the default one first.
BACKENDS = ("native", "torch")


def backend_name(backend: str | None = None) -> str:
    """Return `backend`, or what the environment's ``J2KLEARN_NEURAL_BACKEND`` says, or else the default.

    Raises
    ------
    OptionError
        If there is no such backend.
    """
    name = backend or os.environ.get("J2KLEARN_NEURAL_BACKEND") or BACKENDS[0]
    if name not in BACKENDS:
        raise OptionError(f"the neural backend has to be one of {', '.join(BACKENDS)}, not {name!r}")
    return name


def kernels(backend: str | None = None, *, threads: int = 1) -> Kernels:
    """Return a backend.

    Parameters
    ----------
    backend : str, optional
        See `backend_name`.
    threads : int
        Threads to use at most.
    """
    if backend_name(backend) == "torch":
        return TorchKernels()
    from .native import NativeKernels

    return NativeKernels(threads)
