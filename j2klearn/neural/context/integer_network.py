"""The context network in integers: what a file is coded with.

`j2klearn.neural.context.network.ContextNetwork` with weights rounded to 16 bits and activations in 1/64, from 0 to
4095. The numbers that come out are part of the file format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ..entropy.mixture import LOG_SCALE_UNIT, LOGIT_UNIT, MEAN_UNIT
from ..entropy.wavefront import Kept
from ..integer.layer import Kernels, Layer
from ..integer.masked import TAPS, Masked, MaskedLayer, mask_rows
from .network import BANDS, PARAMETERS

if TYPE_CHECKING:
    from torch import nn

    from .network import ContextNetwork

__all__ = [
    "BOUND",
    "UNIT",
    "FusionPass",
    "IntegerFusion",
    "IntegerNetwork",
    "rounded",
    "rounded_layer",
    "weights_of",
]

Plane = NDArray[np.int16]

UNIT = 64  # of features and activations, as in `j2klearn.neural.context.features`
BOUND = 4095  # of their magnitude

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
    outputs = np.repeat([LOGIT_UNIT, MEAN_UNIT, LOG_SCALE_UNIT], network.mixtures)
    tensors = {}
    for name, module in network.named_modules():
        if isinstance(module, Masked):
            layer = rounded_layer(*mask_rows(module), hidden)
        elif hasattr(module, "weight"):
            layer = rounded_layer(*weights_of(module), outputs if name.endswith("tail") else hidden)
        else:
            continue
        tensors.update({f"{name}.{key}": value for key, value in layer.items()})
    return tensors


class _Loader:
    """Takes layers out of the tensors of a network."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        self.left = dict(tensors)

    def layer(self, name: str, cin: int, cout: int, size: int, low: int, high: int = BOUND) -> Layer:
        try:
            weights, bias, shift = (self.left.pop(f"{name}.{key}") for key in ("weights", "bias", "shift"))
        except KeyError:
            raise ModelError(f"the model lacks the weights of {name}") from None
        if weights.shape != (cout, size, size, cin):
            raise ModelError("the model's weights are not those that its configuration asks for")
        return Layer(weights, bias, shift, low, high, BOUND)

    def rectified(self, name: str, cin: int, cout: int, size: int) -> Layer:
        return self.layer(name, cin, cout, size, 0)

    def linear(self, name: str, cin: int, cout: int, size: int) -> Layer:
        return self.layer(name, cin, cout, size, -BOUND)

    def residual(self, name: str, width: int) -> tuple[Layer, Layer]:
        return (
            self.rectified(f"{name}.first", width, width, 3),
            self.rectified(f"{name}.second", width, width, 3),
        )

    def masked(self, name: str, cin: int, cout: int, taps: int) -> MaskedLayer:
        return MaskedLayer(self.rectified(name, taps * cin, cout, 1), taps)


class IntegerFusion:
    """`j2klearn.neural.context.network.Fusion` in integers: of one subband of a level."""

    def __init__(self, load: _Loader, index: int, width: int, layers: int, mixtures: int) -> None:
        name = f"fusions.{index}"
        self.width, self.mixtures = width, mixtures
        self.known = load.linear(f"{name}.known", width, width, 1)
        self.siblings = load.linear(f"{name}.siblings", index, width, 5) if index else None
        self.own = load.masked(f"{name}.own", 1, width, TAPS - 1)
        self.layers = [load.masked(f"{name}.layers.{i}", width, width, TAPS) for i in range(layers)]
        self.tail = load.layer(f"{name}.tail", width, PARAMETERS * mixtures, 1, -_LARGEST - 1, _LARGEST)

    def base(self, kernels: Kernels, features: Plane, siblings: Plane) -> Plane:
        """Return what a subband's own coefficients are added to, (h, w, width).

        Parameters
        ----------
        kernels : Kernels
            What computes it.
        features : ndarray of int16, shape (h, w, width)
            The trunk's.
        siblings : ndarray of int16, shape (h, w, subbands before)
            Those, compressed.
        """
        x = kernels.conv(features, self.known)
        return x if self.siblings is None else kernels.conv(siblings, self.siblings, residual=x)

    def plane(self, kernels: Kernels, base: Plane, own: Plane) -> Plane:
        """Return the mixtures of a subband that is known, (h, w, 3, K), from it, compressed (h, w)."""
        x = kernels.conv(own[..., None], self.own.plane, residual=base)
        for layer in self.layers:
            x = kernels.conv(x, layer.plane, residual=x)
        out = kernels.conv(x, self.tail)
        return out.reshape(*out.shape[:2], PARAMETERS, self.mixtures)


class FusionPass:
    """A subband on its way through its fusion, wavefront by wavefront; see `j2klearn.neural.entropy.wavefront`."""

    def __init__(self, fusion: IntegerFusion, kernels: Kernels, base: Plane) -> None:
        self._fusion, self._kernels = fusion, kernels
        height = base.shape[0]
        self._base = base.reshape(-1, fusion.width)
        self._own = Kept(height, 1)
        self._inner = [Kept(height, fusion.width) for _ in fusion.layers]

    def mixtures(self, t: int, first: int, end: int, places: NDArray[np.intp]) -> Plane:
        """Return the mixtures of a wavefront, (n, 3, K)."""
        fusion, kernels = self._fusion, self._kernels
        own = self._own.gathered(t, first, end, TAPS - 1)
        x = kernels.dense(own, fusion.own.rows, residual=self._base[places])
        for layer, kept in zip(fusion.layers, self._inner, strict=True):
            kept.put(t, first, end, x)
            x = kernels.dense(kept.gathered(t, first, end, TAPS), layer.rows, residual=x)
        out = kernels.dense(x, fusion.tail)
        return out.reshape(len(out), PARAMETERS, fusion.mixtures)

    def take(self, t: int, first: int, end: int, compressed: Plane) -> None:
        """Go on, knowing what a wavefront has been decoded to."""
        self._own.put(t, first, end, compressed[:, None])


class IntegerNetwork:
    """The network of one kind of component.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        What `rounded` returned.
    inputs, width, blocks, layers, mixtures
        As of `j2klearn.neural.context.network.ContextNetwork`.

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
        layers: int,
        mixtures: int,
    ) -> None:
        load = _Loader(tensors)
        self.head = load.rectified("head", inputs, width, 3)
        self.trunk = [load.residual(f"trunk.{i}", width) for i in range(blocks)]
        self.fusions = [IntegerFusion(load, index, width, layers, mixtures) for index in range(BANDS)]
        if load.left:
            raise ModelError("the model's weights are not those that its configuration asks for")

    def features(self, kernels: Kernels, planes: Plane) -> Plane:
        """Return what the trunk makes of features (h, w, inputs)."""
        x = kernels.conv(planes, self.head)
        for first, second in self.trunk:
            x = kernels.conv(kernels.conv(x, first), second, residual=x)
        return x
