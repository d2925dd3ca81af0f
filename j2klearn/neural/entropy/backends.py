"""Finds the backend of mixtures by its name."""

from __future__ import annotations

from ..integer.backends import backend_name
from .mixture import Mixture, NumpyMixture

__all__ = ["mixture"]


def mixture(kind: str = "logistic", backend: str | None = None, *, threads: int = 1) -> Mixture:
    """Return an implementation of mixtures.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    backend : str, optional
        ``"native"`` or ``"torch"`` (which is numpy here); see `j2klearn.neural.integer.backends.backend_name`.
    threads : int
        Most threads to use.

    Raises
    ------
    OptionError
        If there is no such kind or backend.
    """
    if backend_name(backend) == "torch":
        return NumpyMixture(kind)
    from .native import NativeMixture

    return NativeMixture(kind, threads)
