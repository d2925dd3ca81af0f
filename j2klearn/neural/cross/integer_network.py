"""The cross-component context model in integers: what a file is coded with.

`j2klearn.neural.cross.network` with weights rounded to 16 bits. Activations and compressed subbands are in 1/64, up
to 4095 in magnitude; hidden states in 1/2048; gates in 1/256, -8 to 8, and their sigmoids and hyperbolic tangents come
from tables. The numbers that come out are part of the file format.

Masked convolutions are computed in either of two ways with the same result: over whole planes where the subband is
known (`IntegerFusion.mixtures`), or place by place, all those of a wavefront at a time, where it is being decoded
(`j2klearn.neural.entropy.wavefront`).
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
_LAST_HIDDEN = 3
_GATE = 2048  # gates are from -_GATE to _GATE - 1
_ONE_BITS = 12  # of a sigmoid of one
_MEMORY_TO_GATE = 3  # from 1/2048 to 1/256

#: Hidden and cell state of every LSTM, (h, w, n).
State = list[tuple[Plane, Plane]]


def rounded(network: CrossNetwork) -> dict[str, NDArray[Any]]:
    """Return a trained network's weights in integers, by name.

    Raises
    ------
    ModelError
        If they are too large.
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
    """Context fusion of one subband, see `j2klearn.neural.cross.network.Fusion`."""

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
        """Return a compressed subband of the level before, on its grid, on the places of this one."""
        assert self.up is not None
        return kernels.conv(doubled(parent, shape)[..., None], self.up)[..., 0]

    def contexts(self, kernels: Kernels, planes: Sequence[Plane], role: int) -> list[Plane]:
        """Return what is added to the upper path, first and after each block; nothing without a context.

        Parameters
        ----------
        kernels : Kernels
            What computes it.
        planes : sequence of ndarray of int16, each (h, w)
            The long-term context.
        role : int
            Of the component.
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
        """Return the mixtures of a subband that is known, (h, w, 3, K), from it, compressed, and `contexts`."""
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
    """A subband on its way through a fusion module, wavefront by wavefront."""

    def __init__(
        self, fusion: IntegerFusion, kernels: Kernels, shape: tuple[int, int], contexts: Sequence[Plane]
    ) -> None:
        self._fusion, self._kernels = fusion, kernels
        height = shape[0]
        self._values = Kept(height, 1)
        self._inner = [Kept(height, fusion.features) for _ in range(2 * len(fusion.blocks) + 1)]
        self._contexts = [plane.reshape(-1, fusion.features) for plane in contexts]

    def mixtures(self, t: int, first: int, end: int, places: NDArray[np.intp]) -> Plane:
        """Return the mixtures of a wavefront, (n, 3, K)."""
        fusion, kernels = self._fusion, self._kernels
        contexts = [plane[places] for plane in self._contexts]
        start = kernels.dense(self._values.gathered(t, first, end, TAPS - 1), fusion.first.rows)
        x = bounded_sum(start, contexts[0]) if contexts else start
        kept = iter(self._inner)

        def around(x: Plane) -> Plane:
            layer = next(kept)
            layer.put(t, first, end, x)
            return layer.gathered(t, first, end, TAPS)

        for number, (inner, outer) in enumerate(fusion.blocks, 1):
            added = x + contexts[number] if contexts else x
            if number == len(fusion.blocks):
                added = added + start
            x = kernels.dense(around(x), inner.rows)
            x = kernels.dense(around(x), outer.rows, residual=added)
        x = kernels.dense(around(x), fusion.last.rows)
        for layer in fusion.dense:
            x = kernels.dense(x, layer)
        out = kernels.dense(x, fusion.tail)
        return out.reshape(len(out), PARAMETERS, fusion.mixtures_count)

    def take(self, t: int, first: int, end: int, compressed: Plane) -> None:
        """Go on, knowing what a wavefront has been decoded to."""
        self._values.put(t, first, end, compressed[:, None])


def bounded_sum(x: Plane, y: Plane) -> Plane:
    """Return the sum of activations, within what activations can be."""
    out: Plane = np.clip(x + y, -BOUND, BOUND)  # two of them are within 16 bits
    return out


def doubled(x: Plane, shape: tuple[int, int]) -> Plane:
    """Return a plane (h, w, ...) with every sample four times, cut to `shape`."""
    return x.repeat(2, 0).repeat(2, 1)[: shape[0], : shape[1]]


@functools.cache
def _tables() -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    return tables()["sigmoid"], tables()["tanh"]


class IntegerPrediction:
    """Three convolutional LSTMs, see `j2klearn.neural.cross.network.Prediction`."""

    def __init__(self, load: LayerLoader, name: str, hidden: int) -> None:
        self.widths = (hidden, hidden, _LAST_HIDDEN)
        self.cells = []
        inputs = 1
        for number, width in enumerate(self.widths):
            cell = load.layer(f"{name}.cells.{number}", inputs + width, _GATES * width, 3, -_GATE, _GATE - 1)
            self.cells.append(cell)
            inputs = width

    def start(self, shape: tuple[int, int]) -> State:
        """Return states of zeros."""
        return [(np.zeros((*shape, n), np.int16),) * 2 for n in self.widths]

    def seen(self, kernels: Kernels, band: Plane, state: State) -> State:
        """Return the states once a compressed subband (h, w) has been seen."""
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
    """All modules of one kind of component, see `j2klearn.neural.cross.network.CrossNetwork`.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        What `rounded` returned.
    config : mapping
        Of the entropy model.
    roles : sequence of int
        Roles of the components.

    Raises
    ------
    ModelError
        If weights are missing, or not of the shapes that the configuration asks for.
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
        """Return the states on the next subband's grid, once a compressed one on its level's grid has been seen."""
        state = self.prediction.seen(kernels, band, state)
        if index and index % 3 == 0:
            state = [(doubled(hidden, next_shape), doubled(memory, next_shape)) for hidden, memory in state]
        return state

    @staticmethod
    def predicted(index: int, state: State) -> Plane:
        """Return the prediction of a subband (h, w) from states that are on its grid."""
        return state[-1][0][..., (index - 1) % _LAST_HIDDEN]
