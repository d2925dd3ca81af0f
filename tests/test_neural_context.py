"""The float network: stages see what came before them and nothing else; bits are those of a distribution."""

from __future__ import annotations

import pytest
import torch

from j2klearn.neural.context import STAGES, mixture_bits

from .small_context import NETWORK, small_network


@pytest.mark.parametrize("shared", [True, False])
def test_a_stage_depends_on_the_stages_before_it_alone(shared):
    network = small_network({**NETWORK, "shared": shared})
    generator = torch.Generator().manual_seed(4)
    features = torch.randn(1, network.head.in_channels, 5, 6, generator=generator)
    details = torch.randn(1, 12, 5, 6, generator=generator)
    before = list(network(features, details))
    assert len(before) == STAGES
    assert before[0].shape == (1, 3, 3, 3, 5, 6)
    for changed in range(STAGES):
        other = details.clone()
        other[:, changed::STAGES] += 1
        after = list(network(features, other))
        for stage, (a, b) in enumerate(zip(before, after, strict=True)):
            assert torch.equal(a, b) == (stage <= changed)


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
