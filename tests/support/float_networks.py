"""A model for tests whose learned steps have integers, but not its network for de-quantisation."""

from __future__ import annotations

import functools

import torch

from j2klearn.dequantisation.networks import dequantiser_of
from j2klearn.models.model import Model
from j2klearn.models.registry import resolve


@functools.cache
def with_float_network() -> Model:
    """Return a shipped transform with a small random network as in P2, which has no integer twin."""
    base = resolve("hybrid97-9c-compact")
    options = {"kind": "residual", "width": 4, "blocks": 1, "told": True}
    torch.manual_seed(5)
    network = dequantiser_of(options)
    for name, weight in network.named_parameters():
        if "tail" in name:
            torch.nn.init.normal_(weight, std=0.01)
    own = {f"dequantiser.{name}": value.detach().numpy() for name, value in network.state_dict().items()}
    return Model({**base.config, "dequantiser": options}, {**base.tensors, **own}, {"name": "residual"})
