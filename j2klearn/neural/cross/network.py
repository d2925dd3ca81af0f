"""The cross-component context model in floating point, for training (P2, Section 3.1, Fig. 5).

The long-term context of a subband consists of data that is coded before it: a prediction by stacked convolutional LSTMs
from all earlier subbands of the component, the subband of the same orientation at the next coarser level, and the same
subband of earlier components. A context fusion module combines it with the already decoded coefficients of the subband
itself, in raster order, and returns a mixture of normal distributions for every coefficient.

The networks read subbands compressed: asinh of the indices, and of the differences of `j2klearn.neural.cross.median`
for LL. These numbers fit 16 bits whatever the quantiser step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..entropy.likelihood import LOG_SCALES, PARAMETERS, Bounded, bits_beside_outlier
from ..entropy.mixture import LOG_SCALE_UNIT, LOGIT_UNIT, MEAN_UNIT
from ..integer.masked import Masked
from .bands import ROLES, band_count, fusion_count, fusion_of, inputs_of

__all__ = [
    "ACTIVATION",
    "GATE",
    "HIDDEN",
    "Convolution",
    "CrossNetwork",
    "Fusion",
    "Prediction",
    "Start",
    "State",
    "gaussian_bits",
]

#: Units of the integer networks: for activations and compressed subbands, for hidden states, and for the inputs of the
#: sigmoids of gates.
ACTIVATION, HIDDEN, GATE = 1 / 64, 1 / 2048, 1 / 256

_GATES = 4
_LAST_HIDDEN = 3  # maps of the last LSTM: predictions of HL, LH and HH
_BRANCH_SCALE = 0.3  # initial weights of residual branches are scaled down by this

#: Hidden state and cell state of every LSTM, (N, n, h, w) each.
State = list[tuple[Tensor, Tensor]]


class Convolution(nn.Conv2d):
    """A convolution that stores the units of its input and output channels for the integer network.

    Parameters
    ----------
    inputs, outputs : sequence of float
        The unit of every channel.
    size : int
        Side of the kernel. Planes are padded with zeros.
    """

    def __init__(self, inputs: Sequence[float], outputs: Sequence[float], size: int) -> None:
        super().__init__(len(inputs), len(outputs), size, padding=size // 2)
        self.input_units, self.output_units = tuple(inputs), tuple(outputs)


class Prediction(nn.Module):
    """Context prediction: three stacked convolutional LSTMs. The last one has a map for HL, LH and HH each.

    Parameters
    ----------
    hidden : int
        Channels of the first two LSTMs.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.widths = (hidden, hidden, _LAST_HIDDEN)
        inputs = [ACTIVATION]
        self.cells = nn.ModuleList()
        for width in self.widths:
            cell = Convolution(inputs + [HIDDEN] * width, [GATE] * (_GATES * width), 3)
            assert cell.bias is not None
            with torch.no_grad():
                # a positive bias of the forget gate: the cells keep their state at the start of training
                cell.bias[width : 2 * width] += 1
            self.cells.append(cell)
            inputs = [HIDDEN] * width

    def start(self, like: Tensor) -> State:
        """Return states of zeros for planes of the shape (N, 1, h, w), dtype and device of `like`."""
        count, _, height, width = like.shape
        return [(like.new_zeros(count, n, height, width),) * 2 for n in self.widths]

    def forward(self, x: Tensor, state: State) -> State:
        """Return the states after a compressed subband (N, 1, h, w)."""
        new: State = []
        for cell, (hidden, memory) in zip(self.cells, state, strict=True):
            into, keep, out, offered = cell(torch.cat([x, hidden], 1)).chunk(_GATES, 1)
            memory = torch.sigmoid(keep) * memory + torch.sigmoid(into) * torch.tanh(offered)
            x = torch.sigmoid(out) * torch.tanh(memory)
            new.append((x, memory))
        return new


def upsampled(x: Tensor) -> Tensor:
    """Return planes (N, C, h, w) with every sample repeated twice in both directions."""
    return x.repeat_interleave(2, -2).repeat_interleave(2, -1)


class Fusion(nn.Module):
    """Context fusion of one subband (P2, Fig. 5): mixtures from earlier coefficients and a long-term context.

    Lower path: a 3x3 convolution and `blocks` residual blocks over the long-term context. Upper path: a masked
    convolution of the subband itself and as many masked residual blocks; the output of the lower path is added before
    each block and after the last one. Then a skip connection from the first layer, one more masked convolution with a
    ReLU, and 1x1 convolutions.

    Parameters
    ----------
    inputs : mapping of int to sequence of float
        By role, the units of the planes of the long-term context. The roles share all layers except the convolution
        that reads these planes.
    parent : bool
        Whether an upsampled subband of the next coarser level is among the planes.
    features, blocks, dense, mixtures : int
        Those of the configuration, see `j2klearn.neural.cross.model.CrossComponentModel`.
    """

    def __init__(
        self,
        inputs: Mapping[int, Sequence[float]],
        *,
        parent: bool,
        features: int,
        blocks: int,
        dense: int,
        mixtures: int,
    ) -> None:
        super().__init__()
        self.mixtures = mixtures
        units = [ACTIVATION] * features
        self.up = Convolution([ACTIVATION], [ACTIVATION], 3) if parent else None
        self.heads = nn.ModuleDict(
            {str(role): Convolution(planes, units, 3) for role, planes in inputs.items() if planes}
        )
        count = 2 * blocks if len(self.heads) else 0
        self.context = nn.ModuleList(Convolution(units, units, 3) for _ in range(count))
        self.first = Masked(1, features, centre=False)
        self.masked = nn.ModuleList(Masked(features, features, centre=True) for _ in range(2 * blocks))
        self.last = Masked(features, features, centre=True)
        self.dense = nn.ModuleList(Convolution(units, units, 1) for _ in range(dense))
        outputs = [unit for unit in (LOGIT_UNIT, MEAN_UNIT, LOG_SCALE_UNIT) for _ in range(mixtures)]
        self.tail = Convolution(units, outputs, 1)
        with torch.no_grad():
            for branch in [*self.context[1::2], *self.masked[1::2]]:
                branch.weight *= _BRANCH_SCALE
            if self.up is not None:
                self.up.weight.zero_()
                self.up.weight[0, 0, 1, 1] = 1
                self.up.bias.zero_()  # type: ignore[union-attr]
            self.tail.weight.zero_()
            self.tail.bias.zero_()  # type: ignore[union-attr]
            self.tail.bias[-mixtures:] = torch.linspace(0, 3.5, mixtures)  # type: ignore[index]

    def forward(self, values: Tensor, planes: Tensor | None, role: int) -> Tensor:
        """Return the parameters of the mixtures of a subband, (N, 3, K, h, w).

        Parameters
        ----------
        values : Tensor, shape (N, 1, h, w)
            The subband, compressed. The mixture of a place only depends on places before it in raster order.
        planes : Tensor, shape (N, inputs, h, w), or None
            The planes of the long-term context.
        role : int
            The role of the component.
        """
        first: Tensor = self.first(values)
        contexts = [None] if planes is None else self.contexts(planes, role)
        x = first if contexts[0] is None else first + contexts[0]
        for number, (inner, outer) in enumerate(zip(self.masked[::2], self.masked[1::2], strict=True), 1):
            x = x + outer(F.relu(inner(x)))
            if len(contexts) > 1:
                x = x + contexts[number]
        x = F.relu(self.last(x + first))
        for layer in self.dense:
            x = F.relu(layer(x))
        out: Tensor = self.tail(x)
        return out.view(len(out), PARAMETERS, self.mixtures, *out.shape[-2:])

    def contexts(self, planes: Tensor, role: int) -> list[Tensor]:
        """Return the outputs of the lower path: of its first layer and of each block, (N, features, h, w) each."""
        x: Tensor = self.heads[str(role)](planes)
        out = [x]
        for inner, outer in zip(self.context[::2], self.context[1::2], strict=True):
            x = x + outer(F.relu(inner(x)))
            out.append(x)
        return out


class Start(NamedTuple):
    """The start of chroma: the states of the LSTMs after the LL of luma, and their prediction of the first details."""

    state: State
    predicted: Tensor


class CrossNetwork(nn.Module):
    """The network of one kind of component: independent ones, or those that have earlier components as context.

    Parameters
    ----------
    config : mapping
        The configuration of the entropy model, see `j2klearn.neural.cross.model.CrossComponentModel`.
    roles : sequence of int
        The roles of its components.
    """

    def __init__(self, config: Mapping[str, Any], roles: Sequence[int] = ROLES[:1]) -> None:
        super().__init__()
        self.config = dict(config)
        self.prediction = Prediction(config["hidden"])
        sizes = {key: config[key] for key in ("features", "blocks", "dense", "mixtures")}
        self.fusions = nn.ModuleList()
        for index in range(fusion_count(config)):
            planes = {role: inputs_of(index, role, config) for role in roles}
            units = {
                role: [ACTIVATION] * each.others
                + [HIDDEN] * each.predicted
                + [ACTIVATION] * (each.parent + each.told)
                for role, each in planes.items()
            }
            parent = any(each.parent for each in planes.values())
            self.fusions.append(Fusion(units, parent=parent, **sizes))

    def fusion(self, index: int) -> Fusion:
        """Return the context fusion module of a subband."""
        module = self.fusions[fusion_of(index, self.config)]
        assert isinstance(module, Fusion)
        return module

    def forward(
        self,
        bands: Sequence[Tensor],
        role: int = 0,
        before: Sequence[Sequence[Tensor]] = (),
        start: Start | None = None,
        told: Tensor | None = None,
    ) -> Iterator[Tensor]:
        """Yield the mixtures of every subband of a component in their order, (N, 3, K, h, w).

        Parameters
        ----------
        bands : sequence of Tensor, each (N, 1, h, w)
            The compressed subbands of the component. Those of a level have one size, twice that of the level before.
        role : int
            The role of the component.
        before : sequence of sequences of Tensor
            The compressed subbands of earlier components.
        start : Start, optional
            The start of the LSTMs. Default: states of zeros and no prediction.
        told : Tensor, shape (N, 1, 1, 1), optional
            The plane of the quantiser step, see `j2klearn.neural.integer.companding.scalar_planes`.
        """
        state = self.prediction.start(bands[0]) if start is None else start.state
        predicted = None if start is None else start.predicted
        for index, band in enumerate(bands):
            inputs = inputs_of(index, role, self.config)
            fusion = self.fusion(index)
            planes = [other[index] for other in before[: inputs.others]]
            if inputs.predicted:
                assert predicted is not None
                planes.append(predicted)
            if inputs.parent:
                parent = torch.zeros_like(band) if index <= 3 else upsampled(bands[index - 3])
                assert fusion.up is not None
                planes.append(fusion.up(parent))
            if inputs.told:
                assert told is not None
                planes.append(told.expand(-1, -1, *band.shape[-2:]))
            yield fusion(band, torch.cat(planes, 1) if planes else None, role)
            if index + 1 < band_count(self.config["levels"]):
                state = self.seen(index, band, state)
                predicted = self.predicted(index + 1, state)

    def seen(self, index: int, band: Tensor, state: State) -> State:
        """Return the states after the compressed subband `index`, on the grid of the next subband."""
        state = self.prediction(band, state)
        if index and index % 3 == 0:
            state = [(upsampled(hidden), upsampled(memory)) for hidden, memory in state]
        return state

    @staticmethod
    def predicted(index: int, state: State) -> Tensor:
        """Return the prediction of the subband `index` from states on its grid, (N, 1, h, w)."""
        at = (index - 1) % _LAST_HIDDEN
        return state[-1][0][:, at : at + 1]

    def start_of(self, low: Tensor) -> Start:
        """Return the start of chroma from the compressed LL of luma. This is a method of the network of luma."""
        state = self.seen(0, low, self.prediction.start(low))
        return Start(state, self.predicted(1, state))


def gaussian_bits(mixtures: Tensor, values: Tensor) -> Tensor:
    """Return the bits of integers under mixtures of discretised normal distributions.

    Parameters
    ----------
    mixtures : Tensor, shape (N, 3, K, h, w)
        Logits of the weights, means, natural logarithms of the standard deviations.
    values : Tensor, shape (N, h, w)
        Integers.

    Returns
    -------
    Tensor, shape (N, h, w)
        Bits. An outlier distribution is added to the mixture, as in `j2klearn.neural.context.network.mixture_bits`.
    """
    logits, means, scales = mixtures.unbind(1)
    weights = torch.log_softmax(logits, 1)
    inverse = torch.exp(-Bounded.apply(scales, *LOG_SCALES))  # type: ignore[no-untyped-call]
    # use the tails on the side of the integer, where their difference does not cancel
    distance = (values.unsqueeze(1) - means).abs()
    near = torch.special.log_ndtr((0.5 - distance) * inverse)
    far = torch.special.log_ndtr((-0.5 - distance) * inverse)
    inside = near + torch.log1p(-torch.exp((far - near).clamp_max(-1e-6)))
    mixed = torch.logsumexp(weights + inside, 1)
    return bits_beside_outlier(mixed, values)
