"""The instruction sets that the integer kernels of the native library are written for."""

from __future__ import annotations

from .library import load

__all__ = ["INSTRUCTIONS", "available_instructions"]

#: Names of the sets, in the order of ``j2kl.h``. The first stands for the fastest that is available.
INSTRUCTIONS = ("best", "portable", "avx2", "avx512", "avx512_vnni")


def available_instructions() -> tuple[str, ...]:
    """Return those of `INSTRUCTIONS` that this processor supports."""
    _, library = load()
    return tuple(name for code, name in enumerate(INSTRUCTIONS) if library.j2kl_instructions_available(code))
