"""The instruction sets that the kernels of the native library are written for."""

from __future__ import annotations

from ..core.processor import SETS
from .library import load

__all__ = ["INSTRUCTIONS", "available_instructions"]

#: Names of the sets, in the order of ``j2kl.h``. The first stands for the fastest that is available.
INSTRUCTIONS = ("best", *SETS)


def available_instructions() -> tuple[str, ...]:
    """Return those of `INSTRUCTIONS` that this processor supports and ``J2KLEARN_CPU`` allows."""
    _, library = load()
    return tuple(name for code, name in enumerate(INSTRUCTIONS) if library.j2kl_instructions_available(code))
