"""The context network in integers: what a file is coded with.

`j2klearn.neural.context.ContextNetwork` with weights rounded to 16 bits and activations in 1/64, from 0 to 4095. The
numbers that come out are part of the file format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from .context import PARAMETERS, STAGES
from .kernels import Kernels, Layer
from .mixture import LOG_SCALE_UNIT, LOGIT_UNIT, MEAN_UNIT

if TYPE_CHECKING:
    from torch import nn

    from .context import ContextNetwork

__all__ = ["BOUND", "UNIT", "IntegerNetwork", "Pass", "rounded", "rounded_layer", "weights_of"]

UNIT = 64  # of features and activations, as in `j2klearn.neural.features`
BOUND = 4095  # of their magnitude

_BANDS = 3
_MOST_SHIFT = 18
_LARGEST = np.iinfo(np.int16).max


def rounded_layer(
    weight: NDArray[np.float64],
    bias: NDArray[np.float64],
    outputs: NDArray[np.float64],
    inputs: NDArray[np.float64] | None = None,
) -> dict[str, NDArray[Any]]:
    """Return a convolution in integers.

    Parameters
    ----------
    weight : ndarray, shape (cout, k, k, cin)
    bias : ndarray, shape (cout,)
    outputs : ndarray, shape (cout,)
        Units of the output channels, powers of two.
    inputs : ndarray, shape (cin,), optional
        Those of the input channels; 1/64 if not given.
    """
    units = np.array(1 / UNIT) if inputs is None else inputs
    # the weights that turn input units into output units, before they are shifted up
    weight = weight * units / outputs[:, None, None, None]
    bias = bias / outputs
    size = np.abs(weight).reshape(len(weight), -1)
    most = np.maximum(size.max(1), 1e-9)
    total = np.maximum(size.sum(1) * BOUND + np.abs(bias), 1e-9)
    # half of what there is room for, so that rounding does not go over it
    shift = np.floor(np.minimum(np.log2(_LARGEST / most), np.log2(2.0**30 / total)))
    shift = np.clip(shift, 0, _MOST_SHIFT).astype(np.int32)
    scale = np.exp2(shift.astype(np.float64))
    return {
        "weights": np.rint(weight * scale[:, None, None, None]).astype(np.int16),
        "bias": np.rint(bias * scale).astype(np.int32),
        "shift": shift,
    }


def weights_of(layer: nn.Module) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weights (cout, k, k, cin) and biases of a convolution."""
    weight = layer.weight.detach().cpu().double().permute(0, 2, 3, 1).numpy()  # type: ignore[operator]
    bias: NDArray[np.float64] = layer.bias.detach().cpu().double().numpy()  # type: ignore[operator]
    return weight, bias


def rounded(network: ContextNetwork) -> dict[str, NDArray[Any]]:
    """Return a trained network's weights in integers, by name.

    Raises
    ------
    ModelError
        If they are too large.
    """
    hidden = np.full(network.head.out_channels, 1 / UNIT)
    parameter = np.array([LOGIT_UNIT, MEAN_UNIT, LOG_SCALE_UNIT])
    outputs = np.tile(np.repeat(parameter, network.mixtures), _BANDS)
    tensors = {}
    for name, module in network.named_modules():
        if hasattr(module, "weight"):
            layer = rounded_layer(*weights_of(module), outputs if name.startswith("tails") else hidden)
            tensors.update({f"{name}.{key}": value for key, value in layer.items()})
    return tensors


class IntegerNetwork:
    """The network of one kind of component.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        What `rounded` returned.
    inputs, width, blocks, mixtures, shared
        As of `j2klearn.neural.context.ContextNetwork`.

    Raises
    ------
    ModelError
        If weights are missing, or not of the shapes that the others ask for.
    """

    def __init__(
        self,
        tensors: Mapping[str, NDArray[Any]],
        *,
        inputs: int,
        width: int,
        blocks: int,
        mixtures: int,
        shared: bool,
    ) -> None:
        self._left = dict(tensors)
        self.mixtures = mixtures
        self.head = self._layer("head", 4 * inputs, width, 3)
        self.trunk = [self._residual(f"trunk.{i}", width) for i in range(blocks)]
        self.taken = [self._layer(f"taken.{i}", _BANDS, width, 3) for i in range(STAGES - 1)]
        self.looks = [self._residual(f"looks.{i}", width) for i in range(1 if shared else STAGES)]
        outputs = _BANDS * PARAMETERS * mixtures
        self.tails = [self._layer(f"tails.{i}", width, outputs, 1, hidden=False) for i in range(STAGES)]
        if self._left:
            raise ModelError("the model's weights are not those that its configuration asks for")

    def _layer(self, name: str, cin: int, cout: int, size: int, *, hidden: bool = True) -> Layer:
        try:
            weights, bias, shift = (self._left.pop(f"{name}.{key}") for key in ("weights", "bias", "shift"))
        except KeyError:
            raise ModelError(f"the model lacks the weights of {name}") from None
        if weights.shape != (cout, size, size, cin):
            raise ModelError("the model's weights are not those that its configuration asks for")
        low, high = (0, BOUND) if hidden else (-_LARGEST - 1, _LARGEST)
        return Layer(weights, bias, shift, low, high, BOUND)

    def _residual(self, name: str, width: int) -> tuple[Layer, Layer]:
        return (
            self._layer(f"{name}.first", width, width, 3),
            self._layer(f"{name}.second", width, width, 3),
        )

    @property
    def multiplications(self) -> int:
        """Multiply-accumulates at one position of the half grid: for twelve coefficients."""
        layers = [self.head, *self.taken, *self.tails]
        for first, second in [*self.trunk, *(self._look(stage) for stage in range(STAGES))]:
            layers += [first, second]
        return sum(layer.weights.size for layer in layers)

    def _look(self, stage: int) -> tuple[Layer, Layer]:
        return self.looks[min(stage, len(self.looks) - 1)]


class Pass:
    """One pass through a level of a component, stage by stage: `mixtures`, then `take` what was coded with them.

    Parameters
    ----------
    network : IntegerNetwork
    kernels : Kernels
        What computes it.
    features : ndarray of int16, shape (h, w, 4 x inputs)
        Quarters of the features.
    """

    def __init__(self, network: IntegerNetwork, kernels: Kernels, features: NDArray[np.int16]) -> None:
        self._network, self._kernels = network, kernels
        self._stage = 0
        self._x = kernels.conv(features, network.head)
        for block in network.trunk:
            self._x = self._through(block)

    def _through(self, block: tuple[Layer, Layer]) -> NDArray[np.int16]:
        inner = self._kernels.conv(self._x, block[0])
        return self._kernels.conv(inner, block[1], residual=self._x)

    def mixtures(self) -> NDArray[np.int16]:
        """Return the mixtures of this stage, int16 of shape (h, w, 3 bands, 3, K)."""
        self._x = self._through(self._network._look(self._stage))
        out = self._kernels.conv(self._x, self._network.tails[self._stage])
        return out.reshape(*out.shape[:2], _BANDS, PARAMETERS, self._network.mixtures)

    def take(self, details: NDArray[np.int16]) -> None:
        """Go to the next stage, knowing the compressed details of this one, int16 of shape (h, w, 3)."""
        if self._stage < STAGES - 1:
            taken = self._network.taken[self._stage]
            self._x = self._kernels.conv(details, taken, residual=self._x)
        self._stage += 1
