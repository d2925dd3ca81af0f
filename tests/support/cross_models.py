"""Small cross-component models with random weights, shared by the tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from j2klearn.neural.coefficients.pyramid import Pyramid, band_shapes
from j2klearn.neural.cross.bands import ROLES
from j2klearn.neural.cross.integer_network import rounded
from j2klearn.neural.cross.model import CrossComponentModel
from j2klearn.neural.cross.network import CrossNetwork

#: A model of three levels and two residual blocks of four channels.
TINY: dict[str, Any] = {
    "kind": "cross-component",
    "transform": "9-7",
    "levels": 3,
    "mixtures": 3,
    "features": 4,
    "hidden": 3,
    "blocks": 2,
    "dense": 1,
    "shared": False,
    "conditioned": True,
    "told": False,
}


def networks(config: dict[str, Any]) -> dict[str, CrossNetwork]:
    """Return networks with random last layers: the outputs of untrained ones do not depend on their inputs."""
    torch.manual_seed(11)
    made = {"luma": CrossNetwork(config, ROLES[:1]), "chroma": CrossNetwork(config, ROLES[1:])}
    with torch.no_grad():
        for network in made.values():
            for fusion in network.fusions:
                fusion.tail.weight.normal_(0, 0.15)
    return made


def cross_model(**changes: Any) -> CrossComponentModel:
    config = {**TINY, **changes}
    tensors = {
        f"{part}.{key}": value
        for part, network in networks(config).items()
        for key, value in rounded(network).items()
    }
    return CrossComponentModel(config, tensors, {"name": "tiny"})


def pyramid(shape: tuple[int, int], levels: int, seed: int, spread: float = 2.0) -> Pyramid:
    """Return random indices like those of a picture: many zeros, few large values, a smooth LL."""
    rng = np.random.default_rng(seed)
    bands = [np.rint(rng.laplace(0, spread, size)).astype(np.int32) for size in band_shapes(shape, levels)]
    bands[0] = (np.cumsum(np.cumsum(bands[0], 0), 1) // 3).astype(np.int32)
    return Pyramid.of(bands)


def pyramids(shape: tuple[int, int], levels: int, components: int = 3, spread: float = 2.0) -> list[Pyramid]:
    return [pyramid(shape, levels, seed, spread) for seed in range(components)]
