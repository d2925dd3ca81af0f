"""Small networks of every structure and operator, shared by the tests."""

from __future__ import annotations

from typing import Any

import torch

from j2klearn.models.build import build
from j2klearn.models.model import Model
from j2klearn.transform.structures import Structure

OPERATORS: dict[str, dict[str, Any]] = {
    "proposal-opacity": {"proposals": 3, "width": 4, "blocks": 1, "first_kernel": 3, "zero_dc": False},
    "iwave": {"width": 4, "layers": 2},
    "iwave++": {"width": 4},
}

#: Structures by name: their options, and their learned steps.
STRUCTURES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "hybrid97": ({"structure": "hybrid", "base": "9-7"}, ("h2l", "l2h")),
    "hybrid53": ({"structure": "hybrid", "base": "5-3"}, ("h2l", "l2h")),
    "custom4s": ({"structure": "predict-update", "base": "5-3"}, ("predict", "update")),
    "custom4ms": ({"structure": "predict-update", "base": "5-3"}, ("predict", "update", "h2l")),
    "custom5s": ({"structure": "predict-update", "base": "5-3"}, ("predict", "update", "h2l", "l2h")),
    "fused97": ({"structure": "predict-update", "base": "9-7"}, ("predict", "update", "h2l", "l2h")),
    "lifting97": (
        {"structure": "predict-update", "base": "9-7", "shared": True, "scales": True},
        ("predict", "update"),
    ),
    "update-predict": ({"structure": "update-predict", "base": "1-3"}, ("predict",)),
}


def configuration(name: str, operator: str = "proposal-opacity") -> dict[str, Any]:
    """Return the configuration of a small model."""
    options, steps = STRUCTURES[name]
    return {**options, "operator": operator, **{step: dict(OPERATORS[operator]) for step in steps}}


#: The hybrid structure that most tests use.
SMALL: dict[str, Any] = configuration("hybrid97")
SMALL["l2h"] = {**SMALL["l2h"], "first_kernel": 1, "zero_dc": True}


def randomised(structure: Structure, deviation: float) -> Structure:
    """Return the structure with random weights, ready for coding."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in structure.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator, dtype=weight.dtype) * deviation)
    return structure.eval().requires_grad_(False)


def small_model(name: str, operator: str = "proposal-opacity", deviation: float = 0.004) -> Model:
    """Return a model with small random weights: its transform differs a little from the base wavelet."""
    config = configuration(name, operator)
    return Model.of(randomised(build(config), deviation), config, {"name": f"{name} {operator}"})
