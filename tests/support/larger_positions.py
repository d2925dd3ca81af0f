"""An integer model for tests whose network for chroma has positions of 4 x 4 samples."""

from __future__ import annotations

import functools

import numpy as np
import torch

from j2klearn.dequantisation.networks import GuidedDequantiser
from j2klearn.dequantisation.twin.quantise import quantise_dequantiser
from j2klearn.models.integer import packed
from j2klearn.models.model import Model
from j2klearn.models.registry import resolve


@functools.cache
def with_larger_positions() -> Model:
    """Return a shipped transform in integers with small random networks."""
    base = resolve("hybrid97-8p7-dq-int")
    torch.manual_seed(6)
    network = GuidedDequantiser(8, 1, 9, 1, chroma_side=4).eval().requires_grad_(False)
    for part in (network.luma, network.chroma):
        part.tail.weight.normal_(0, 0.1)
    noisy = np.random.default_rng(7).normal(0, 20, (3, 60, 72)).cumsum(2).astype(np.float32) / 3
    twin = quantise_dequantiser(network, [(noisy, np.array([2.0, 1.0, 1.5]))])
    config, tensors = packed(base.engine.twins, twin_of=None, dequantiser=(twin, bytes(32)))
    return Model(config, tensors, {"name": "larger positions"})
