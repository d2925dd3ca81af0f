"""Initialise a larger network with the weights of a smaller one, so that both compute the same function at first."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from ..errors import OptionError

__all__ = ["doubled", "grow"]


def grow(network: nn.Module, weights: Mapping[str, Tensor], *, added: Callable[[str], bool]) -> None:
    """Initialise a new network with the weights of a smaller network, or of one of the same size.

    New channels are initialised at random, and existing layers give them zero weight. New blocks and layers add zero to
    their input.

    Parameters
    ----------
    network : Module
        The new network, changed in place.
    weights : mapping of str to Tensor
        The state of the smaller network.
    added : callable
        Returns, for the name of a weight, whether the output of its layer is added to the layer's input.

    Raises
    ------
    OptionError
        If the other network is larger in some dimension, or of another kind.
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
                raise OptionError("a network cannot begin as a wider one, or as one of another kind")
            rows = source.shape[0]
            if source.ndim > 1:
                target[:rows].zero_()
                target[:rows, : source.shape[1]] = source
            else:
                target[:rows] = source


def doubled(
    weights: Mapping[str, Tensor], heads: Mapping[str, tuple[list[int], list[int]]]
) -> dict[str, Tensor]:
    """Return the weights of a network that consists of two independent copies of another one, side by side.

    Parameters
    ----------
    weights : mapping of str to Tensor
        Weights of the convolutions of the single network.
    heads : mapping of str to (list of int, list of int)
        For each weight that reads the inputs of the network: the input channels of the first and of the second copy, in
        the order of the single network's inputs. In all other layers each copy reads its own channels.

    Returns
    -------
    dict of str to Tensor
        The same names; twice the output channels.
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
