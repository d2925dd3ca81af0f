"""Whether networks are trained in bfloat16: as a setting says, or where it is fast."""

from __future__ import annotations

import torch

from ..transform.precision import fast_bfloat16
from .settings import Bfloat16

__all__ = ["trains_in_bfloat16"]

_FIRST_CUDA = (8, 0)  # compute capability of the first GPUs with bfloat16


def trains_in_bfloat16(setting: Bfloat16, device: torch.device) -> bool:
    """Return whether to train in bfloat16 on a device; emulated it would be many times slower than float32."""
    if setting != "auto":
        return setting
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= _FIRST_CUDA
    return device.type == "cpu" and fast_bfloat16()
