"""Finds the backend of integer layers by its name."""

from __future__ import annotations

import os

from ...errors import OptionError
from .layer import Kernels, TorchKernels

__all__ = ["BACKENDS", "backend_name", "kernels"]

#: Names of the backends, the default first.
BACKENDS = ("native", "torch")


def backend_name(backend: str | None = None) -> str:
    """Return the name of the backend to use.

    That is `backend` if it is given, otherwise the environment variable ``J2KLEARN_NEURAL_BACKEND`` if it is set,
    otherwise the default.

    Raises
    ------
    OptionError
        If the name is not one of `BACKENDS`.
    """
    name = backend or os.environ.get("J2KLEARN_NEURAL_BACKEND") or BACKENDS[0]
    if name not in BACKENDS:
        raise OptionError(f"the neural backend has to be one of {', '.join(BACKENDS)}, not {name!r}")
    return name


def kernels(backend: str | None = None, *, threads: int = 1) -> Kernels:
    """Return a backend of integer layers.

    Parameters
    ----------
    backend : str, optional
        See `backend_name`.
    threads : int
        Most threads to use.

    Raises
    ------
    OptionError
        If the name is not one of `BACKENDS`.
    """
    if backend_name(backend) == "torch":
        return TorchKernels()
    from .native import NativeKernels

    return NativeKernels(threads)
