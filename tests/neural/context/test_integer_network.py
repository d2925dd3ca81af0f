"""The integer network, compared with the float network from which it was made."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from j2klearn.errors import ModelError
from j2klearn.neural.context.integer_network import FusionPass, IntegerNetwork, rounded
from j2klearn.neural.entropy.wavefront import decoded
from j2klearn.neural.integer.backends import kernels
from j2klearn.neural.integer.companding import compressed
from tests.support.small_context import NETWORK, small_network


def integer(network):
    return IntegerNetwork(rounded(network), inputs=8, mixtures=3, **NETWORK)


def test_it_says_what_the_float_network_says():
    network = small_network(NETWORK)
    rng = np.random.default_rng(6)
    features = rng.integers(-300, 300, (7, 9, 8)).astype(np.int16)
    details = rng.integers(-200, 200, (7, 9, 3)).astype(np.int16)
    planes = (torch.from_numpy(x.astype(np.float32) / 64).permute(2, 0, 1)[None] for x in (features, details))
    wanted = network(*planes)[0].permute(0, 3, 4, 1, 2).numpy()
    whole, computes = integer(network), kernels("torch")
    trunk = whole.features(computes, features)
    units = np.array([64, 32, 64])[:, None]  # logits, means, log-scales
    for at, fusion in enumerate(whole.fusions):
        base = fusion.base(computes, trunk, np.ascontiguousarray(details[..., :at]))
        found = fusion.plane(computes, base, details[..., at])
        assert found.dtype == np.int16
        assert np.abs(found / units - wanted[at]).max() < 0.15


@pytest.mark.parametrize("shape", [(7, 9), (1, 5), (6, 1), (1, 1), (2, 3)])
def test_wavefronts_say_what_planes_say(shape):
    network, computes = integer(small_network(NETWORK)), kernels()
    rng = np.random.default_rng(8)
    trunk = network.features(computes, rng.integers(-300, 300, (*shape, 8)).astype(np.int16))
    values = rng.integers(-9, 9, (*shape, 3)).astype(np.int32)
    for at, fusion in enumerate(network.fusions):
        base = fusion.base(computes, trunk, compressed(np.ascontiguousarray(values[..., :at])))
        own = np.ascontiguousarray(values[..., at])
        plane = fusion.plane(computes, base, compressed(own)).reshape(own.size, 3, 3)

        def read(mixtures, places, plane=plane, own=own):
            assert np.array_equal(mixtures, plane[places])
            return own.ravel()[places]

        found = decoded(FusionPass(fusion, computes, base), shape, read, compressed)
        assert np.array_equal(found, own)


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
