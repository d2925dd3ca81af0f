"""Resolve the setting `bfloat16`: "auto" means where the device computes it natively."""

from __future__ import annotations

import torch

from ..transform.precision import fast_bfloat16
from .settings import Bfloat16

__all__ = ["trains_in_bfloat16"]

_FIRST_CAPABILITY = (8, 0)  # compute capability of the first GPUs with native bfloat16


def trains_in_bfloat16(setting: Bfloat16, device: torch.device) -> bool:
    """Return whether to train in bfloat16.

    Where bfloat16 is emulated it is many times slower than float32, so "auto" avoids that.

    Parameters
    ----------
    setting : bool or "auto"
        Returned unchanged if it is a bool.
    device : torch.device
        Where the networks are trained. "auto" is true for CUDA devices of compute capability 8.0 or higher, and for
        CPUs where PyTorch computes bfloat16 natively; false for all other devices.
    """
    if setting != "auto":
        return setting
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= _FIRST_CAPABILITY
    return device.type == "cpu" and fast_bfloat16()
