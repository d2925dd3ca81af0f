"""Building of a network from the configuration of its model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from ..transform.structures import FixedWavelet, Hybrid, Separable, Structure
from .config import check_config

__all__ = ["STRUCTURES", "build"]

#: Structure classes by their name in model configurations.
STRUCTURES: dict[str, Callable[..., Structure]] = {
    "fixed": FixedWavelet,
    "hybrid": Hybrid,
    "predict-update": Separable,
    "update-predict": Separable,
}


def build(config: Mapping[str, Any]) -> Structure:
    """Return an untrained structure with the configuration of a model.

    Parameters
    ----------
    config : mapping
        The configuration without de-quantisation; see `j2klearn.models.config`.

    Raises
    ------
    ModelError
        If the configuration is invalid.
    """
    options = check_config(config)
    structure = STRUCTURES[options.pop("structure")](**options)
    structure.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return structure
