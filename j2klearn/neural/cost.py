"""The cost of the networks of an entropy model: weights, and multiply-accumulates per pixel of a colour picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from .context import inputs
from .context.network import ContextNetwork
from .cross.bands import ROLES, band_count, level_of
from .cross.network import CrossNetwork

__all__ = ["EntropyCost", "entropy_cost"]


@dataclass(frozen=True)
class EntropyCost:
    """The cost of a configuration.

    Attributes
    ----------
    parameters : int
        Number of weights and biases.
    first, others : float
        Multiply-accumulates per pixel of the first component, and of the two others together, when decoding. Encoding
        takes a few more: masked convolutions over whole planes also multiply by the zeros of the mask.
    """

    parameters: int
    first: float
    others: float

    @property
    def macs(self) -> float:
        """Multiply-accumulates per pixel of three components."""
        return self.first + self.others


def entropy_cost(config: Mapping[str, Any]) -> EntropyCost:
    """Return the cost of an entropy model of this configuration.

    Parameters
    ----------
    config : mapping
        A checked configuration of either kind. The models that it names are not counted.
    """
    with torch.device("meta"):  # weights have shapes, but no memory
        return _cross_component(config) if config["kind"] == "cross-component" else _context(config)


def _weights(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def _macs(module: nn.Module) -> int:
    """Return the multiply-accumulates of all convolutions of a module, for one coefficient."""
    return sum(weight.numel() for name, weight in module.named_parameters() if name.endswith("weight"))


def _context(config: Mapping[str, Any]) -> EntropyCost:
    counted, parameters = [], 0
    for part in ("first", "second"):
        options = config[part]
        network = ContextNetwork(
            inputs.count(options), options["width"], options["blocks"], options["layers"], config["mixtures"]
        )
        counted.append(
            _macs(network) / 3
        )  # the grids of all levels together have a third as many places as pixels
        parameters += _weights(network)
    return EntropyCost(parameters, counted[0], 2 * counted[1])


def _cross_component(config: Mapping[str, Any]) -> EntropyCost:
    networks = [CrossNetwork(config, ROLES[:1]), CrossNetwork(config, ROLES[1:])]
    counted = [_component(networks[min(role, 1)], role, config) for role in ROLES]
    return EntropyCost(sum(map(_weights, networks)), counted[0], counted[1] + counted[2])


def _component(network: CrossNetwork, role: int, config: Mapping[str, Any]) -> float:
    count, total = band_count(config["levels"]), 0.0
    for index in range(count):
        fusion = network.fusion(index)
        own = str(role)
        unused = sum(_macs(head) for key, head in fusion.heads.items() if key != own)
        recurrent = _macs(network.prediction) if index + 1 < count else 0
        total += (_macs(fusion) - unused + recurrent) / 4 ** level_of(index, config["levels"])
    return total
