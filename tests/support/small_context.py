"""A small entropy model with random weights, shared by the tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from j2klearn.neural.coefficients.pyramid import Pyramid, area_of
from j2klearn.neural.context.integer_network import rounded
from j2klearn.neural.context.model import ContextModel
from j2klearn.neural.context.network import ContextNetwork
from j2klearn.training.context.trainer import network_of

NETWORK = {"width": 8, "blocks": 1, "layers": 2}


def context_config(transform: Any = "9-7", *, predicted: bool = False, **more: Any) -> dict[str, Any]:
    """Return the configuration of a small entropy model."""
    second = {**NETWORK, "conditioned": True, **({"predicted": True} if predicted else {})}
    return {
        "kind": "context",
        "transform": transform,
        "mixtures": 3,
        "first": dict(NETWORK),
        "second": second,
        **more,
    }


def small_network(options: dict[str, Any], seed: int = 0, mixtures: int = 3) -> ContextNetwork:
    """Return a network with random weights, so that its mixtures depend on its inputs."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = network_of(options, mixtures)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "tail" in name and "weight" in name:
                weight.copy_(0.05 * torch.randn(weight.shape, generator=generator))
            elif "weight" in name:
                fan = weight[0].numel()
                weight.copy_(torch.randn(weight.shape, generator=generator) / fan**0.5)
    return network.eval().requires_grad_(False)


def small_context(transform: Any = "9-7", **more: Any) -> ContextModel:
    """Return an entropy model with random weights, which codes all pictures, but not efficiently."""
    config = context_config(transform, **more)
    tensors = {
        f"{part}.{key}": value
        for seed, part in enumerate(("first", "second"))
        for key, value in rounded(small_network(config[part], seed, config["mixtures"])).items()
    }
    return ContextModel(config, tensors, {"name": "small"})


def random_pyramids(
    model: ContextModel, shape: tuple[int, int], count: int, scale: float = 3, seed: int = 0
) -> list[Pyramid]:
    """Return pyramids of random indices, which are larger at coarser levels."""
    rng = np.random.default_rng(seed)
    area, levels = area_of(shape), model.levels(shape)

    def band(size: tuple[int, int], level: int) -> Any:
        return np.rint(rng.laplace(0, scale * 1.5**level, size)).astype(np.int32)

    def details(level: int) -> Any:
        return tuple(band(area.subband(name, level).shape, level) for name in ("HL", "LH", "HH"))

    return [
        Pyramid(band(area.resolution(levels).shape, levels), [details(n) for n in range(1, levels + 1)])
        for _ in range(count)
    ]
