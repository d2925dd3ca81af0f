"""Larger networks that begin as smaller ones: what is added changes nothing until it is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from ..errors import OptionError

__all__ = ["doubled", "grow"]


def grow(network: nn.Module, weights: Mapping[str, Tensor], *, added: Callable[[str], bool]) -> None:
    """Give a network, just made, the weights of one that is smaller or of its size.

    Channels that are new start at random, but nobody who was there before listens to them; blocks and layers that are
    new add zero.

    Parameters
    ----------
    network : ContextNetwork
        Changed in place.
    weights : mapping of str to Tensor
        The state of the smaller one.
    added : callable
        Tells by a weight's name whether what its layer makes is added to the layer's input.

    Raises
    ------
    OptionError
        If the other one is not smaller.
    """
    own = network.state_dict()
    if not set(weights) <= set(own):
        raise OptionError("a network cannot begin as one that has more blocks or layers")
    with torch.no_grad():
        for name, target in own.items():
            source = weights.get(name)
            if source is None:
                if added(name):
                    target.zero_()
                continue
            if source.ndim != target.ndim or any(
                a > b for a, b in zip(source.shape, target.shape, strict=True)
            ):
                raise OptionError("a network cannot begin as one that is wider, or of another kind")
            rows = source.shape[0]
            if source.ndim > 1:
                target[:rows].zero_()
                target[:rows, : source.shape[1]] = source
            else:
                target[:rows] = source


def doubled(
    weights: Mapping[str, Tensor], heads: Mapping[str, tuple[list[int], list[int]]]
) -> dict[str, Tensor]:
    """Return the weights of two networks side by side that know nothing of each other.

    Parameters
    ----------
    weights : mapping of str to Tensor
        Of the convolutions of one.
    heads : mapping of str to (list of int, list of int)
        For weights that read the inputs: which inputs each of the two reads, in the order of the one's; those of all
        other weights are the two's own channels.
    """
    out = {}
    for name, weight in weights.items():
        rows = weight.shape[0]
        if weight.ndim == 1:
            out[name] = weight.repeat(2)
            continue
        own = weight.shape[1]
        reads = heads.get(name, (list(range(own)), list(range(own, 2 * own))))
        both = weight.new_zeros(2 * rows, 1 + max(max(each) for each in reads), *weight.shape[2:])
        for at, columns in enumerate(reads):
            both[at * rows : (at + 1) * rows, columns] = weight
        out[name] = both
    return out
