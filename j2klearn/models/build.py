"""From a model's configuration to its network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from ..transform.structures import FixedWavelet, Hybrid, Separable, Structure
from .config import check_config

__all__ = ["STRUCTURES", "build"]

#: Structure classes by the name used in model configurations.
STRUCTURES: dict[str, Callable[..., Structure]] = {
    "fixed": FixedWavelet,
    "hybrid": Hybrid,
    "predict-update": Separable,
    "update-predict": Separable,
}


def build(config: Mapping[str, Any]) -> Structure:
    """Return an untrained structure from a model's configuration.

    Raises
    ------
    ModelError
        If the configuration is not one that can be.
    """
    options = check_config(config)
    structure = STRUCTURES[options.pop("structure")](**options)
    structure.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return structure
