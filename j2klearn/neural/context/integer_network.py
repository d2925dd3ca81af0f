"""The context network in integers: files are coded with it.

This is `j2klearn.neural.context.network.ContextNetwork` with weights rounded to 16 bits, and activations that count in
1/64, up to 4095 in magnitude. The results are part of the file format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..entropy.likelihood import PARAMETERS
from ..entropy.mixture import LOG_SCALE_UNIT, LOGIT_UNIT, MEAN_UNIT
from ..entropy.wavefront import Kept
from ..integer.layer import Kernels, Plane
from ..integer.masked import TAPS, Masked, mask_rows
from ..integer.rounding import LARGEST, UNIT, LayerLoader, rounded_layer, weights_of
from .network import BANDS

if TYPE_CHECKING:
    from .network import ContextNetwork

__all__ = ["FusionPass", "IntegerFusion", "IntegerNetwork", "rounded"]


def rounded(network: ContextNetwork) -> dict[str, NDArray[Any]]:
    """Return the weights of a trained network in integers, by name.

    Raises
    ------
    ModelError
        If the weights are too large.
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


class IntegerFusion:
    """`j2klearn.neural.context.network.Fusion` in integers, for one subband of a level.

    Parameters
    ----------
    load : LayerLoader
        Builds the layers.
    index : int
        0 for HL, 1 for LH, 2 for HH.
    width, layers, mixtures : int
        As in `j2klearn.neural.context.network.ContextNetwork`.
    """

    def __init__(self, load: LayerLoader, index: int, width: int, layers: int, mixtures: int) -> None:
        name = f"fusions.{index}"
        self.width, self.mixtures = width, mixtures
        self.known = load.linear(f"{name}.known", width, width, 1)
        self.siblings = load.linear(f"{name}.siblings", index, width, 5) if index else None
        self.own = load.masked(f"{name}.own", 1, width, TAPS - 1)
        self.layers = [load.masked(f"{name}.layers.{i}", width, width, TAPS) for i in range(layers)]
        self.tail = load.layer(f"{name}.tail", width, PARAMETERS * mixtures, 1, -LARGEST - 1, LARGEST)

    def base(self, kernels: Kernels, features: Plane, siblings: Plane) -> Plane:
        """Return the part of the context from outside of the subband, int16, shape (h, w, width).

        Parameters
        ----------
        kernels : Kernels
            Computes the layers.
        features : ndarray of int16, shape (h, w, width)
            The output of the trunk.
        siblings : ndarray of int16, shape (h, w, index)
            The earlier subbands of the level, compressed.
        """
        x = kernels.conv(features, self.known)
        return x if self.siblings is None else kernels.conv(siblings, self.siblings, residual=x)

    def plane(self, kernels: Kernels, base: Plane, own: Plane) -> Plane:
        """Return the mixtures of a whole subband, for the encoder.

        Parameters
        ----------
        kernels : Kernels
            Computes the layers.
        base : ndarray of int16, shape (h, w, width)
            The output of `base`.
        own : ndarray of int16, shape (h, w)
            The subband, compressed.

        Returns
        -------
        ndarray of int16, shape (h, w, 3, K)
            The parameters of the mixtures.
        """
        x = kernels.conv(own[..., None], self.own.plane, residual=base)
        for layer in self.layers:
            x = kernels.conv(x, layer.plane, residual=x)
        out = kernels.conv(x, self.tail)
        return out.reshape(*out.shape[:2], PARAMETERS, self.mixtures)


class FusionPass:
    """A run of a fusion over a subband by wavefronts, for the decoder; see `j2klearn.neural.entropy.wavefront`."""

    def __init__(self, fusion: IntegerFusion, kernels: Kernels, base: Plane) -> None:
        self._fusion, self._kernels = fusion, kernels
        height = base.shape[0]
        self._base = base.reshape(-1, fusion.width)
        self._own = Kept(height, 1)
        self._inner = [Kept(height, fusion.width) for _ in fusion.layers]

    def mixtures(self, t: int, first: int, end: int, places: NDArray[np.intp]) -> Plane:
        """Return the parameters of the mixtures of a wavefront, (n, 3, K)."""
        fusion, kernels = self._fusion, self._kernels
        own = self._own.gathered(t, first, end, TAPS - 1)
        x = kernels.dense(own, fusion.own.rows, residual=self._base[places])
        for layer, kept in zip(fusion.layers, self._inner, strict=True):
            kept.put(t, first, end, x)
            x = kernels.dense(kept.gathered(t, first, end, TAPS), layer.rows, residual=x)
        out = kernels.dense(x, fusion.tail)
        return out.reshape(len(out), PARAMETERS, fusion.mixtures)

    def take(self, t: int, first: int, end: int, compressed: Plane) -> None:
        """Take the decoded coefficients of a wavefront, compressed, (n,)."""
        self._own.put(t, first, end, compressed[:, None])


class IntegerNetwork:
    """The context network of one kind of component in integers.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        The integers of `rounded`.
    inputs, width, blocks, layers, mixtures : int
        As in `j2klearn.neural.context.network.ContextNetwork`.

    Raises
    ------
    ModelError
        If weights are missing or superfluous, or have other shapes than the other parameters require.
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
        load = LayerLoader(tensors)
        self.head = load.rectified("head", inputs, width, 3)
        self.trunk = [load.residual(f"trunk.{i}", width) for i in range(blocks)]
        self.fusions = [IntegerFusion(load, index, width, layers, mixtures) for index in range(BANDS)]
        load.finish()

    def features(self, kernels: Kernels, planes: Plane) -> Plane:
        """Return the output of the trunk, int16, shape (h, w, width), for input planes (h, w, inputs)."""
        x = kernels.conv(planes, self.head)
        for first, second in self.trunk:
            x = kernels.conv(kernels.conv(x, first), second, residual=x)
        return x
