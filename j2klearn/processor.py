"""What the processor can do, and the switch that makes a new processor compute as an old one does.

Networks multiply bfloat16 where the processor has instructions for it, which takes half the time of float32. Decoded
samples differ by that; `tests/test_golden.py` states by how much. In float32 the golden files decode to the same
samples with AVX2 and with AVX-512.

``J2KLEARN_CPU=avx2`` in the environment makes j2klearn take float32 on every processor. PyTorch and oneDNN have
switches of their own, which have to be set before they are loaded: ``ATEN_CPU_CAPABILITY=avx2`` and
``ONEDNN_MAX_CPU_ISA=AVX2``. ``make test-avx2`` sets all of them. The native library needs none: what it computes is
exact, or rounds every operation by itself, so that its results do not depend on the instructions that it takes.
"""

from __future__ import annotations

import os
from functools import cache

from .errors import OptionError

__all__ = ["VARIABLE", "fast_bfloat16", "limited"]

#: The environment variable that limits the processor.
VARIABLE = "J2KLEARN_CPU"


@cache
def limited() -> bool:
    """Tell whether the environment limits the processor to AVX2.

    Raises
    ------
    OptionError
        If the variable holds anything but ``avx2`` or nothing.
    """
    value = os.environ.get(VARIABLE, "")
    if value not in ("", "avx2"):
        raise OptionError(f"the environment variable {VARIABLE} is 'avx2' or not set, not {value!r}")
    return bool(value)


@cache
def fast_bfloat16() -> bool:
    """Tell whether this processor multiplies bfloat16 natively; emulated it would be slower than float32."""
    if limited():
        return False
    import torch  # late: it takes seconds to import

    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    try:
        with open("/proc/cpuinfo") as stream:
            return "avx512_bf16" in stream.read()
    except OSError:
        return False
