"""The integer network against the float network that it was made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from j2klearn.errors import ModelError
from j2klearn.neural.context import STAGES
from j2klearn.neural.kernels import kernels
from j2klearn.neural.network import IntegerNetwork, Pass, rounded

from .small_context import NETWORK, small_network


def integer(network, **options):
    return IntegerNetwork(rounded(network), inputs=8, mixtures=3, **{**NETWORK, **options})


@pytest.mark.parametrize("shared", [True, False])
def test_it_says_what_the_float_network_says(shared):
    network = small_network({**NETWORK, "shared": shared})
    rng = np.random.default_rng(6)
    features = rng.integers(-300, 300, (5, 7, 32)).astype(np.int16)
    details = rng.integers(-200, 200, (5, 7, 12)).astype(np.int16)
    through = Pass(integer(network, shared=shared), kernels("torch"), features)
    planes = (torch.from_numpy(x.astype(np.float32) / 64).permute(2, 0, 1)[None] for x in (features, details))
    for stage, wanted in enumerate(network(*planes)):
        found = through.mixtures()
        assert found.dtype == np.int16
        units = np.array([64, 32, 64])[:, None]  # logits, means, log-scales
        assert np.abs(found / units - wanted[0].permute(3, 4, 0, 1, 2).numpy()).max() < 0.15
        through.take(details[:, :, stage::STAGES])


def test_multiplications():
    network = integer(small_network(NETWORK))
    convolutions = 9 * 32 * 8 + 2 * 9 * 8 * 8 + 3 * 9 * 3 * 8 + STAGES * (2 * 9 * 8 * 8 + 27 * 8)
    assert network.multiplications == convolutions


def test_weights_have_to_fit():
    tensors = rounded(small_network(NETWORK))
    for change in ("missing", "further", "shape"):
        other = dict(tensors)
        if change == "missing":
            del other["head.bias"]
        elif change == "further":
            other["more.bias"] = other["head.bias"]
        else:
            other["head.weights"] = other["head.weights"][:, :1, :1]
        with pytest.raises(ModelError):
            IntegerNetwork(other, inputs=8, mixtures=3, **NETWORK)


def test_large_weights_keep_their_bounds():
    network = small_network(NETWORK)
    network.head.weight *= 1000
    network.head.bias += 1000
    integer(network)  # raises if a sum could leave 32 bits
