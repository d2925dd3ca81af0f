"""The float network: causality of its contexts, and bits that are those of a distribution."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from j2klearn.neural.context.network import mixture_bits
from j2klearn.neural.entropy.likelihood import LOG_SCALES
from tests.support.small_context import NETWORK, small_network


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


def test_subbands_and_features_reach_what_they_should():
    """The context of a subband includes the earlier subbands around a place, and the features of the level."""
    network = small_network(NETWORK)
    generator = torch.Generator().manual_seed(6)
    features = torch.randn(1, network.head.in_channels, 20, 18, generator=generator)
    details = torch.randn(1, 3, 20, 18, generator=generator)
    before = network(features, details)

    def changed(features, details):
        return (network(features, details) != before).any(2).any(2)[0]

    for band in (0, 1):
        other = details.clone()
        other[0, band, 8, 9] += 3
        for later in range(band + 1, 3):
            seen = changed(features, other)[later]
            assert seen[8, 9]  # the same place
            assert seen[9:].any()
            assert seen[:8].any()
    other = features.clone()
    other[0, :, 8, 9] += 3
    seen = changed(other, details)
    assert seen[:, 8, 9].all()
    # the trunk reaches three places to every side, each of the two masked convolutions two more backwards
    assert not seen[:, : 8 - 3].any()
    assert not seen[:, 8 + 3 + 2 * 2 + 1 :].any()


@pytest.mark.parametrize("value", [-30, -1, 0, 2, 7])
def test_bits_are_those_of_the_definition(value):
    logits, means, scales = np.array([0.3, -1.0]), np.array([0.4, -2.2]), np.array([-0.5, 1.2])

    def cumulative(x):
        return 1 / (1 + np.exp(-(x - means) / np.exp(scales)))

    weights = np.exp(logits) / np.exp(logits).sum()
    probability = float((weights * (cumulative(value + 0.5) - cumulative(value - 0.5))).sum())
    probability += np.exp(-9) / 24 / (np.exp(value / 48) + np.exp(-value / 48)) ** 2
    mixtures = torch.tensor(np.stack([logits, means, scales]), dtype=torch.float64).view(1, 1, 3, 2, 1, 1)
    found = mixture_bits(mixtures, torch.full((1, 1, 1, 1), float(value), dtype=torch.float64))
    assert float(found) == pytest.approx(-np.log2(probability), rel=1e-9)


def test_bits_are_those_of_a_distribution():
    generator = torch.Generator().manual_seed(5)
    mixtures = torch.randn(1, 1, 3, 3, 1, 1, generator=generator) * 2
    values = torch.arange(-4000, 4001).float().view(1, -1, 1, 1)
    total = torch.exp2(-mixture_bits(mixtures.expand(1, 8001, 3, 3, 1, 1), values)).sum()
    # the mixture, plus the outlier distribution of weight exp(-9)
    assert abs(float(total) - 1 - 0.00012) < 1e-4


def test_scales_outside_of_their_range_come_back():
    mixtures = torch.zeros(1, 1, 3, 1, 1, 1)
    mixtures[:, :, 2] = -9.0  # far too small a scale for a value of 5
    mixtures.requires_grad_()
    mixture_bits(mixtures, torch.full((1, 1, 1, 1), 1.0)).sum().backward()
    assert float(mixtures.grad[0, 0, 2]) < 0  # a step against the gradient makes the scale larger


@pytest.mark.parametrize(("value", "away"), [(1.0, 0), (5000.0, 1)])
def test_scales_outside_of_their_range_do_not_run_away(value, away):
    """No gradient moves them farther out of the range."""
    mixtures = torch.zeros(1, 1, 3, 1, 1, 1)
    mixtures[:, :, 2] = LOG_SCALES[away] + (2 if away else -2)
    mixtures[:, :, 1] = value  # the best mean: a smaller scale is better
    if away:
        mixtures[:, :, 1] = 0  # a bad mean: a larger scale is better
    mixtures.requires_grad_()
    mixture_bits(mixtures, torch.full((1, 1, 1, 1), value)).sum().backward()
    assert float(mixtures.grad[0, 0, 2]) == 0
