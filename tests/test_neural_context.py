"""The float network: stages see what came before them and nothing else; bits are those of a distribution."""

from __future__ import annotations

import torch

from j2klearn.neural.context.network import mixture_bits
from tests.small_context import NETWORK, small_network


def test_a_coefficient_depends_on_those_before_it_alone():
    network = small_network(NETWORK)
    generator = torch.Generator().manual_seed(4)
    features = torch.randn(1, network.head.in_channels, 7, 6, generator=generator)
    details = torch.randn(1, 3, 7, 6, generator=generator)
    before = network(features, details)
    assert before.shape == (1, 3, 3, 3, 7, 6)
    order = torch.arange(3 * 7 * 6).view(3, 7, 6)  # subband by subband, each in raster order
    for place in (0, 20, 41, 42, 60, 100, 125):
        other = details.clone()
        other.view(-1)[place] += 3
        changed = (network(features, other) != before).any(2).any(2)[0]
        assert bool(changed.any()) == (place < 125)
        assert int(order[changed].min() if bool(changed.any()) else 126) > place


def test_bits_are_those_of_a_distribution():
    generator = torch.Generator().manual_seed(5)
    mixtures = torch.randn(1, 1, 3, 3, 1, 1, generator=generator) * 2
    values = torch.arange(-4000, 4001).float().view(1, -1, 1, 1)
    total = torch.exp2(-mixture_bits(mixtures.expand(1, 8001, 3, 3, 1, 1), values)).sum()
    # the mixture, and an outlier's distribution of weight exp(-9) beside it
    assert abs(float(total) - 1 - 0.00012) < 1e-4


def test_scales_outside_of_their_range_come_back():
    mixtures = torch.zeros(1, 1, 3, 1, 1, 1)
    mixtures[:, :, 2] = -9.0  # far too small a scale for a value of 5
    mixtures.requires_grad_()
    mixture_bits(mixtures, torch.full((1, 1, 1, 1), 1.0)).sum().backward()
    assert float(mixtures.grad[0, 0, 2]) < 0  # a step against the gradient makes the scale larger
