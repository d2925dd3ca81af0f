"""The choice between bfloat16 and float32 for networks, and the variable that forces float32.

Networks compute in bfloat16 if the processor has instructions for it; this takes half the time of float32. Decoded
samples then differ slightly; `tests/api/test_golden.py` states by how much. In float32 the golden files decode to the
same samples with AVX2 and with AVX-512.

``J2KLEARN_CPU``, with any of its values, makes j2klearn compute in float32 on every processor; it limits the native
library too (`j2klearn.core.processor`). PyTorch and oneDNN have their own variables, which must be set before these
libraries are loaded: ``ATEN_CPU_CAPABILITY=avx2`` and ``ONEDNN_MAX_CPU_ISA=AVX2``. ``make test-avx2`` sets all three.
"""

from __future__ import annotations

import os
from functools import cache

import torch

from ..core.processor import processor_limit

__all__ = ["fast_bfloat16"]

#: Instruction sets without bfloat16 to which the environment can limit oneDNN, which computes PyTorch's convolutions.
#: With such a limit, bfloat16 is emulated by oneDNN or runs in slow kernels of PyTorch. oneDNN ignores other names.
_WITHOUT_BFLOAT16 = frozenset(
    {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"}
)


def _onednn_limit() -> str:
    """Return the name of the instruction set to which the environment limits oneDNN; empty if it does not."""
    return os.environ.get("ONEDNN_MAX_CPU_ISA", os.environ.get("DNNL_MAX_CPU_ISA", "")).upper()


@cache
def fast_bfloat16() -> bool:
    """Return whether PyTorch multiplies bfloat16 natively on this processor. Emulated bfloat16 is slower than float32.

    The result is False if the environment limits j2klearn (``J2KLEARN_CPU``), PyTorch (``ATEN_CPU_CAPABILITY``) or
    oneDNN (``ONEDNN_MAX_CPU_ISA`` or ``DNNL_MAX_CPU_ISA``) to instruction sets without bfloat16.

    Raises
    ------
    OptionError
        See `j2klearn.core.processor.processor_limit`.
    """
    if (
        processor_limit()
        or torch.backends.cpu.get_cpu_capability() != "AVX512"
        or _onednn_limit() in _WITHOUT_BFLOAT16
    ):
        return False
    try:
        with open("/proc/cpuinfo") as stream:
            return "avx512_bf16" in stream.read()
    except OSError:
        return False
