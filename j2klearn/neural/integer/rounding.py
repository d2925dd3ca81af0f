"""Rounds float weights to integer layers, with their scales, shifts and bounds, and loads such layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from .companding import UNIT
from .layer import Layer
from .masked import MaskedLayer

if TYPE_CHECKING:
    from torch import nn

__all__ = ["BOUND", "LARGEST", "UNIT", "LayerLoader", "rounded_layer", "weights_of"]

#: Largest magnitude of activations.
BOUND = 4095

_MAX_SHIFT = 18

#: Largest int16.
LARGEST = np.iinfo(np.int16).max


def rounded_layer(
    weight: NDArray[np.float64],
    bias: NDArray[np.float64],
    outputs: NDArray[np.float64],
    inputs: NDArray[np.float64] | None = None,
) -> dict[str, NDArray[Any]]:
    """Return a convolution in integers.

    Parameters
    ----------
    weight : ndarray of float64, shape (cout, k, k, cin)
        Weights.
    bias : ndarray of float64, shape (cout,)
        Biases.
    outputs : ndarray of float64, shape (cout,)
        Units of the output channels, powers of two.
    inputs : ndarray of float64, shape (cin,), optional
        Units of the input channels. Default: 1/64.

    Returns
    -------
    dict of str to ndarray
        ``weights`` (int16), ``bias`` and ``shift`` (int32) of a `j2klearn.neural.integer.layer.Layer`.
    """
    units = np.array(1 / UNIT) if inputs is None else inputs
    # convert the weights from input units to output units
    weight = weight * units / outputs[:, None, None, None]
    bias = bias / outputs
    size = np.abs(weight).reshape(len(weight), -1)
    largest = np.maximum(size.max(1), 1e-9)
    total = np.maximum(size.sum(1) * BOUND + np.abs(bias), 1e-9)
    # the largest shift that keeps the weights in int16, and the sums below 2^30, so that rounding cannot exceed 2^31
    shift = np.floor(np.minimum(np.log2(LARGEST / largest), np.log2(2.0**30 / total)))
    shift = np.clip(shift, 0, _MAX_SHIFT).astype(np.int32)
    scale = np.exp2(shift.astype(np.float64))
    return {
        "weights": np.rint(weight * scale[:, None, None, None]).astype(np.int16),
        "bias": np.rint(bias * scale).astype(np.int32),
        "shift": shift,
    }


def weights_of(layer: nn.Module) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weights (cout, k, k, cin) and biases (cout,) of a convolution, float64."""
    weight = layer.weight.detach().cpu().double().permute(0, 2, 3, 1).numpy()  # type: ignore[operator]
    bias: NDArray[np.float64] = layer.bias.detach().cpu().double().numpy()  # type: ignore[operator]
    return weight, bias


class LayerLoader:
    """Builds the layers of a network from its tensors.

    Every method takes the weights of the layer `name` out of the tensors, and raises `ModelError` if they are missing
    or do not have the expected shape. Call `finish` once all layers are built.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        ``NAME.weights`` (cout, k, k, cin), ``NAME.bias`` and ``NAME.shift`` (cout,) of every layer, as `rounded_layer`
        returns them.
    """

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        self._left = dict(tensors)

    def layer(self, name: str, cin: int, cout: int, size: int, low: int, high: int = BOUND) -> Layer:
        """Return a convolution of `cin` to `cout` channels, `size` x `size`, with outputs from `low` to `high`."""
        try:
            weights, bias, shift = (self._left.pop(f"{name}.{key}") for key in ("weights", "bias", "shift"))
        except KeyError:
            raise ModelError(f"the model lacks the weights of {name}") from None
        if weights.shape != (cout, size, size, cin):
            raise ModelError("the model's weights are not those that its configuration asks for")
        return Layer(weights, bias, shift, low, high, BOUND)

    def rectified(self, name: str, cin: int, cout: int, size: int) -> Layer:
        """Return a convolution with a ReLU: outputs from 0 to `BOUND`."""
        return self.layer(name, cin, cout, size, 0)

    def linear(self, name: str, cin: int, cout: int, size: int) -> Layer:
        """Return a convolution without a ReLU: outputs from -`BOUND` to `BOUND`."""
        return self.layer(name, cin, cout, size, -BOUND)

    def residual(self, name: str, width: int) -> tuple[Layer, Layer]:
        """Return the two rectified 3x3 convolutions of a residual block."""
        return (
            self.rectified(f"{name}.first", width, width, 3),
            self.rectified(f"{name}.second", width, width, 3),
        )

    def masked(self, name: str, cin: int, cout: int, taps: int) -> MaskedLayer:
        """Return a masked 3x3 convolution with a ReLU, which reads `taps` places (`j2klearn.neural.integer.masked`)."""
        return MaskedLayer(self.rectified(name, taps * cin, cout, 1), taps)

    def finish(self) -> None:
        """Raise `ModelError` if a tensor belongs to none of the layers that were built."""
        if self._left:
            raise ModelError("the model's weights are not those that its configuration asks for")
