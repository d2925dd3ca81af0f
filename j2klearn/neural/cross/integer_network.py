"""The cross-component context model in integers: files are coded with it.

This is `j2klearn.neural.cross.network` with weights rounded to 16 bits. Activations and compressed subbands count in
1/64, up to 4095 in magnitude, hidden states in 1/2048, and gates in 1/256, from -8 to 8. Tables give the sigmoids and
hyperbolic tangents of the gates. The results are part of the file format.

Masked convolutions are computed in one of two ways, with the same result: over whole planes when encoding
(`IntegerFusion.mixtures`), or one wavefront after another when decoding (`j2klearn.neural.entropy.wavefront`).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..entropy.likelihood import PARAMETERS
from ..entropy.wavefront import Kept
from ..integer.layer import Kernels, Layer, Plane
from ..integer.masked import TAPS, Masked, MaskedLayer, mask_rows
from ..integer.rounding import BOUND, LARGEST, UNIT, LayerLoader, rounded_layer, weights_of
from ..integer.tables import tables
from .bands import Inputs, fusion_count, fusion_of, inputs_of

if TYPE_CHECKING:
    from .network import CrossNetwork

__all__ = [
    "FusionPass",
    "IntegerCrossNetwork",
    "IntegerFusion",
    "IntegerPrediction",
    "State",
    "rounded",
]

_GATES = 4
_LAST_HIDDEN = 3  # maps of the last LSTM: predictions of HL, LH and HH
_GATE = 2048  # gates are from -_GATE to _GATE - 1
_ONE_BITS = 12  # fractional bits of sigmoids
_MEMORY_TO_GATE = 3  # shift from units of 1/2048 to units of 1/256

#: Hidden state and cell state of every LSTM, (h, w, n) each.
State = list[tuple[Plane, Plane]]


def rounded(network: CrossNetwork) -> dict[str, NDArray[Any]]:
    """Return the weights of a trained network in integers, by name.

    Raises
    ------
    ModelError
        If the weights are too large.
    """
    from .network import Convolution

    tensors: dict[str, NDArray[Any]] = {}
    for name, module in network.named_modules():
        if isinstance(module, Convolution):
            outputs, inputs = np.array(module.output_units), np.array(module.input_units)
            layer = rounded_layer(*weights_of(module), outputs, inputs)
        elif isinstance(module, Masked):
            weight, bias = mask_rows(module)
            layer = rounded_layer(weight, bias, np.full(len(weight), 1 / UNIT))
        else:
            continue
        tensors.update({f"{name}.{key}": value for key, value in layer.items()})
    return tensors


class IntegerFusion:
    """The context fusion module of one subband in integers; see `j2klearn.neural.cross.network.Fusion`.

    Parameters
    ----------
    load : LayerLoader
        Builds the layers.
    name : str
        Prefix of the names of its tensors.
    inputs : mapping of int to Inputs
        The planes of the long-term context, by role.
    features, blocks, dense, mixtures : int
        Those of the configuration, see `j2klearn.neural.cross.model.CrossComponentModel`.
    """

    def __init__(
        self,
        load: LayerLoader,
        name: str,
        inputs: Mapping[int, Inputs],
        *,
        features: int,
        blocks: int,
        dense: int,
        mixtures: int,
    ) -> None:
        self.features, self.mixtures_count = features, mixtures
        parent = any(each.parent for each in inputs.values())
        self.up = load.linear(f"{name}.up", 1, 1, 3) if parent else None
        self.heads = {
            role: load.linear(f"{name}.heads.{role}", each.count, features, 3)
            for role, each in inputs.items()
            if each.count
        }

        def pairs(kind: str, size: int, count: int, taps: int = 1) -> list[tuple[Layer, Layer]]:
            return [
                (
                    load.rectified(f"{name}.{kind}.{2 * i}", taps * features, features, size),
                    load.linear(f"{name}.{kind}.{2 * i + 1}", taps * features, features, size),
                )
                for i in range(count)
            ]

        self.context = pairs("context", 3, blocks if self.heads else 0)
        self.first = MaskedLayer(load.linear(f"{name}.first", TAPS - 1, features, 1), TAPS - 1)
        self.blocks = [
            (MaskedLayer(inner, TAPS), MaskedLayer(outer, TAPS))
            for inner, outer in pairs("masked", 1, blocks, TAPS)
        ]
        self.last = load.masked(f"{name}.last", features, features, TAPS)
        self.dense = [load.rectified(f"{name}.dense.{i}", features, features, 1) for i in range(dense)]
        self.tail = load.layer(f"{name}.tail", features, PARAMETERS * mixtures, 1, -LARGEST - 1, LARGEST)

    def upsampled(self, kernels: Kernels, parent: Plane, shape: tuple[int, int]) -> Plane:
        """Return a compressed subband of the next coarser level, which covers its grid, upsampled to `shape`."""
        assert self.up is not None
        return kernels.conv(doubled(parent, shape)[..., None], self.up)[..., 0]

    def contexts(self, kernels: Kernels, planes: Sequence[Plane], role: int) -> list[Plane]:
        """Return the outputs of the lower path, which are added to the upper path.

        Parameters
        ----------
        kernels : Kernels
            Computes the layers.
        planes : sequence of ndarray of int16, each (h, w)
            The planes of the long-term context.
        role : int
            The role of the component.

        Returns
        -------
        list of ndarray of int16, each (h, w, features)
            The output of the first layer and of each block; empty if there are no planes.
        """
        if not planes:
            return []
        x = kernels.conv(np.stack(planes, -1), self.heads[role])
        out = [x]
        for inner, outer in self.context:
            x = kernels.conv(kernels.conv(x, inner), outer, residual=x)
            out.append(x)
        return out

    def mixtures(self, kernels: Kernels, values: Plane, contexts: Sequence[Plane]) -> Plane:
        """Return the mixtures of a whole subband, for the encoder.

        Parameters
        ----------
        kernels : Kernels
            Computes the layers.
        values : ndarray of int16, shape (h, w)
            The subband, compressed.
        contexts : sequence of ndarray of int16
            Those of `contexts`.

        Returns
        -------
        ndarray of int16, shape (h, w, 3, K)
            The parameters of the mixtures.
        """
        first = kernels.conv(values[..., None], self.first.plane)
        x = bounded_sum(first, contexts[0]) if contexts else first
        for number, (inner, outer) in enumerate(self.blocks, 1):
            added = x + contexts[number] if contexts else x
            if number == len(self.blocks):
                added = added + first
            x = kernels.conv(kernels.conv(x, inner.plane), outer.plane, residual=added)
        x = kernels.conv(x, self.last.plane)
        for layer in self.dense:
            x = kernels.conv(x, layer)
        out = kernels.conv(x, self.tail)
        return out.reshape(*out.shape[:2], PARAMETERS, self.mixtures_count)


class FusionPass:
    """A run of a fusion module over a subband, wavefront by wavefront, for the decoder."""

    def __init__(
        self, fusion: IntegerFusion, kernels: Kernels, shape: tuple[int, int], contexts: Sequence[Plane]
    ) -> None:
        self._fusion, self._kernels = fusion, kernels
        height = shape[0]
        self._values = Kept(height, 1)
        self._inner = [Kept(height, fusion.features) for _ in range(2 * len(fusion.blocks) + 1)]
        self._contexts = [plane.reshape(-1, fusion.features) for plane in contexts]

    def mixtures(self, t: int, first: int, end: int, places: NDArray[np.intp]) -> Plane:
        """Return the parameters of the mixtures of a wavefront, (n, 3, K)."""
        fusion, kernels = self._fusion, self._kernels
        contexts = [plane[places] for plane in self._contexts]
        start = kernels.dense(self._values.gathered(t, first, end, TAPS - 1), fusion.first.rows)
        x = bounded_sum(start, contexts[0]) if contexts else start
        kept = iter(self._inner)

        def gathered(x: Plane) -> Plane:
            layer = next(kept)
            layer.put(t, first, end, x)
            return layer.gathered(t, first, end, TAPS)

        for number, (inner, outer) in enumerate(fusion.blocks, 1):
            added = x + contexts[number] if contexts else x
            if number == len(fusion.blocks):
                added = added + start
            x = kernels.dense(gathered(x), inner.rows)
            x = kernels.dense(gathered(x), outer.rows, residual=added)
        x = kernels.dense(gathered(x), fusion.last.rows)
        for layer in fusion.dense:
            x = kernels.dense(x, layer)
        out = kernels.dense(x, fusion.tail)
        return out.reshape(len(out), PARAMETERS, fusion.mixtures_count)

    def take(self, t: int, first: int, end: int, compressed: Plane) -> None:
        """Take the decoded coefficients of a wavefront, compressed, (n,)."""
        self._values.put(t, first, end, compressed[:, None])


def bounded_sum(x: Plane, y: Plane) -> Plane:
    """Return the sum of activations, clamped to the range of activations."""
    out: Plane = np.clip(x + y, -BOUND, BOUND)  # the sum of two activations fits 16 bits
    return out


def doubled(x: Plane, shape: tuple[int, int]) -> Plane:
    """Return a plane (h, w, ...) with every sample repeated twice in both directions, cropped to `shape`."""
    return x.repeat(2, 0).repeat(2, 1)[: shape[0], : shape[1]]


@functools.cache
def _tables() -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    return tables()["sigmoid"], tables()["tanh"]


class IntegerPrediction:
    """Three convolutional LSTMs in integers; see `j2klearn.neural.cross.network.Prediction`."""

    def __init__(self, load: LayerLoader, name: str, hidden: int) -> None:
        self.widths = (hidden, hidden, _LAST_HIDDEN)
        self.cells = []
        inputs = 1
        for number, width in enumerate(self.widths):
            cell = load.layer(f"{name}.cells.{number}", inputs + width, _GATES * width, 3, -_GATE, _GATE - 1)
            self.cells.append(cell)
            inputs = width

    def start(self, shape: tuple[int, int]) -> State:
        """Return states of zeros for subbands of this height and width."""
        return [(np.zeros((*shape, n), np.int16),) * 2 for n in self.widths]

    def seen(self, kernels: Kernels, band: Plane, state: State) -> State:
        """Return the states after a compressed subband (h, w)."""
        sigmoid, tanh = _tables()
        half = 1 << (_ONE_BITS - 1)
        x = band[..., None]
        new: State = []
        for cell, (hidden, memory) in zip(self.cells, state, strict=True):
            n = memory.shape[-1]
            gates = kernels.conv(np.concatenate([x, hidden], -1), cell).astype(np.intp) + _GATE
            into, keep, out = (sigmoid[gates[..., at * n : (at + 1) * n]] for at in range(_GATES - 1))
            sums = (keep * memory + into * tanh[gates[..., 3 * n :]] + half) >> _ONE_BITS
            memory = np.clip(sums, -LARGEST, LARGEST).astype(np.int16)
            gates = np.clip(memory >> _MEMORY_TO_GATE, -_GATE, _GATE - 1).astype(np.intp) + _GATE
            x = ((out * tanh[gates] + half) >> _ONE_BITS).astype(np.int16)
            new.append((x, memory))
        return new


class IntegerCrossNetwork:
    """The network of one kind of component in integers; see `j2klearn.neural.cross.network.CrossNetwork`.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        The integers of `rounded`.
    config : mapping
        The configuration of the entropy model.
    roles : sequence of int
        The roles of its components.

    Raises
    ------
    ModelError
        If weights are missing or superfluous, or have other shapes than the configuration requires.
    """

    def __init__(
        self, tensors: Mapping[str, NDArray[Any]], config: Mapping[str, Any], roles: Sequence[int]
    ) -> None:
        self.config, self.roles = config, tuple(roles)
        load = LayerLoader(tensors)
        self.prediction = IntegerPrediction(load, "prediction", config["hidden"])
        sizes = {key: config[key] for key in ("features", "blocks", "dense", "mixtures")}
        self.fusions = []
        for index in range(fusion_count(config)):
            inputs = {role: inputs_of(index, role, config) for role in roles}
            self.fusions.append(IntegerFusion(load, f"fusions.{index}", inputs, **sizes))
        load.finish()

    def fusion(self, index: int) -> IntegerFusion:
        """Return the context fusion module of a subband."""
        return self.fusions[fusion_of(index, self.config)]

    def seen(
        self, kernels: Kernels, index: int, band: Plane, state: State, next_shape: tuple[int, int]
    ) -> State:
        """Return the states after a subband.

        Parameters
        ----------
        kernels : Kernels
            Computes the layers.
        index : int
            The subband.
        band : ndarray of int16, shape (h, w)
            The subband, compressed, on the grid of its level's LL.
        state : State
            The states before the subband.
        next_shape : (int, int)
            Height and width of the grid of the next subband, on which the result is.
        """
        state = self.prediction.seen(kernels, band, state)
        if index and index % 3 == 0:
            state = [(doubled(hidden, next_shape), doubled(memory, next_shape)) for hidden, memory in state]
        return state

    @staticmethod
    def predicted(index: int, state: State) -> Plane:
        """Return the prediction of a subband (h, w) from states on the grid of its level's LL."""
        return state[-1][0][..., (index - 1) % _LAST_HIDDEN]
