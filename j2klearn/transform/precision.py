"""Whether networks compute in bfloat16, and the switch that makes a new processor compute as an old one does.

Networks multiply bfloat16 where the processor has instructions for it, which takes half the time of float32. Decoded
samples differ by that; `tests/api/test_golden.py` states by how much. In float32 the golden files decode to the same
samples with AVX2 and with AVX-512.

``J2KLEARN_CPU=avx2`` in the environment makes j2klearn compute in float32 on every processor. PyTorch and oneDNN have
switches of their own, which have to be set before they are loaded: ``ATEN_CPU_CAPABILITY=avx2`` and
``ONEDNN_MAX_CPU_ISA=AVX2``. ``make test-avx2`` sets all of them. The native library needs none: its results are exact,
or every operation is rounded by itself, so that they do not depend on the instructions.
"""

from __future__ import annotations

import os
from functools import cache

import torch

from ..errors import OptionError

__all__ = ["VARIABLE", "fast_bfloat16", "limited"]

#: The environment variable that limits the processor.
VARIABLE = "J2KLEARN_CPU"

#: Instruction sets without bfloat16 to which the environment can limit oneDNN, which computes PyTorch's convolutions.
#: It then emulates bfloat16, or leaves it to slow kernels of PyTorch. oneDNN ignores names that it does not know.
_WITHOUT_BFLOAT16 = frozenset(
    {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"}
)


@cache
def limited() -> bool:
    """Return whether the environment limits the processor to AVX2.

    Raises
    ------
    OptionError
        If the variable holds anything but ``avx2`` or nothing.
    """
    value = os.environ.get(VARIABLE, "")
    if value not in ("", "avx2"):
        raise OptionError(f"the environment variable {VARIABLE} is 'avx2' or not set, not {value!r}")
    return bool(value)


def _onednn_limit() -> str:
    """Return the name of the instruction set to which the environment limits oneDNN; empty if it does not."""
    return os.environ.get("ONEDNN_MAX_CPU_ISA", os.environ.get("DNNL_MAX_CPU_ISA", "")).upper()


@cache
def fast_bfloat16() -> bool:
    """Return whether PyTorch multiplies bfloat16 natively on this processor; emulated it is slower than float32.

    It does not where the environment limits the package (`limited`), PyTorch (``ATEN_CPU_CAPABILITY``) or oneDNN
    (``ONEDNN_MAX_CPU_ISA``) to instruction sets without bfloat16.
    """
    if (
        limited()
        or torch.backends.cpu.get_cpu_capability() != "AVX512"
        or _onednn_limit() in _WITHOUT_BFLOAT16
    ):
        return False
    try:
        with open("/proc/cpuinfo") as stream:
            return "avx512_bf16" in stream.read()
    except OSError:
        return False
