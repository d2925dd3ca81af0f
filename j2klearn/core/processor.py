"""The environment variable that limits the instruction sets of the processor, for measurements and tests."""

from __future__ import annotations

import os

from ..errors import OptionError

__all__ = ["SETS", "VARIABLE", "processor_limit"]

#: The environment variable. It names the fastest instruction set that may be used.
VARIABLE = "J2KLEARN_CPU"

#: The instruction sets that the native library is written for, in order of speed. The last is AVX-512 with VNNI.
SETS = ("portable", "avx2", "avx512", "avx512_vnni")


def processor_limit() -> str:
    """Return the instruction set to which the environment limits the processor; empty if it does not.

    Raises
    ------
    OptionError
        If the variable is neither one of `SETS` nor empty nor unset.
    """
    value = os.environ.get(VARIABLE, "")
    if value not in ("", *SETS):
        raise OptionError(
            f"the environment variable {VARIABLE} is one of {', '.join(SETS)} or not set, not {value!r}"
        )
    return value
