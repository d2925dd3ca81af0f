"""Whether the processor computes in bfloat16 natively."""

from __future__ import annotations

import os
from functools import cache

import torch

__all__ = ["fast_bfloat16"]


#: Instruction sets without bfloat16 to which the environment can limit oneDNN, which computes PyTorch's convolutions.
#: It then emulates bfloat16, or leaves it to slow kernels of PyTorch. oneDNN ignores names that it does not know.
_WITHOUT_BFLOAT16 = frozenset(
    {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"}
)


def _onednn_limit() -> str:
    """Return the name of the instruction set to which the environment limits oneDNN; empty if it does not."""
    return os.environ.get("ONEDNN_MAX_CPU_ISA", os.environ.get("DNNL_MAX_CPU_ISA", "")).upper()


@cache
def fast_bfloat16() -> bool:
    """Return whether PyTorch multiplies bfloat16 natively on this processor; emulated it is slower than float32.

    It does not where the environment limits PyTorch (``ATEN_CPU_CAPABILITY``) or oneDNN (``ONEDNN_MAX_CPU_ISA``) to
    instruction sets without bfloat16.
    """
    if torch.backends.cpu.get_cpu_capability() != "AVX512" or _onednn_limit() in _WITHOUT_BFLOAT16:
        return False
    try:
        with open("/proc/cpuinfo") as stream:
            return "avx512_bf16" in stream.read()
    except OSError:
        return False
