"""Whether the processor computes in bfloat16 natively."""

from __future__ import annotations

from functools import cache

import torch

__all__ = ["fast_bfloat16"]


@cache
def fast_bfloat16() -> bool:
    """Tell whether this processor multiplies bfloat16 natively; emulated it would be slower than float32."""
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    try:
        with open("/proc/cpuinfo") as stream:
            return "avx512_bf16" in stream.read()
    except OSError:
        return False
