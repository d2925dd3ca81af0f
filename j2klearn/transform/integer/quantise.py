"""Integer operators from a float transform: the scales are chosen from activations seen on calibration pictures.

The networks have no biases, so any positive factor of a channel may be moved from one layer to the next. The
activations of a channel are scaled so that the largest one seen, times a headroom, is the largest integer. Weights get
as many bits as the bounds of the sums allow. The kernels of proposals with `zero_dc` still sum to exactly zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...core.geometry import ORIENTATIONS, Rect
from ...core.subbands import Subbands
from ...errors import InputError, ModelError
from ..dwt import StructureTransform
from ..norms import norm_97
from ..operators import Opacity, Operator, ProposalOpacity
from ..structures import Hybrid, Structure
from . import reference
from .engine import Twins
from .operator import ACTIVATION_LIMIT, LIKELIHOOD_LIMIT, SAMPLE_LIMIT, OperatorTwin, largest_sum
from .winograd import SUM_LIMIT as WINOGRAD_SUM_LIMIT
from .winograd import transform_fits as winograd_fits

__all__ = ["Loss", "quantise", "quantise_operator", "rounded_to_zero_sum"]

#: The largest sample or proposal seen in photographs, times this, is the largest integer. Drawings in black and white
#: reach twice the values of photographs.
_SAMPLE_HEADROOM = 1.7

#: The same factors for activations and for likelihoods, from which the best ones are chosen. A factor below 1 clamps
#: values that were seen, but one extreme picture then does not take the precision away from all others.
_ACTIVATION_HEADROOMS = (2.0, 1.0, 0.5, 0.25)
_LIKELIHOOD_HEADROOMS = (2.0, 1.0, 0.5, 0.25, 0.125)

#: A smaller factor is taken where it reduces the error of the predictions to less than this share.
_WORTH_CLAMPING = 0.9

#: Channels whose largest value is a smaller share of that of the layer count as if it were this one.
_WEAKEST_CHANNEL = 1 / 16

_SUM_LIMIT = 1 << 31

#: Most fraction bits of samples, and most bits of a shift: more make no difference.
_MAX_BITS = 12
_MAX_SHIFT = 24

#: Most fraction bits of predictions: proposals up to 256 grey levels then fit, which calibration pictures may lack.
_MAX_OUTPUT_BITS = 7

#: Quantiser steps, in 8-bit grey levels of the picture, with which subbands are coded for the calibration. Zero stands
#: for subbands that are not quantised.
_STEPS = (0.0, 6.0, 24.0, 80.0)
_LEVELS = 5

#: Number of operator inputs that are kept for the measurement of the loss, and their largest side.
_KEPT, _KEPT_SIDE = 24, 96


@dataclass(frozen=True)
class Loss:
    """The difference between the predictions of an integer operator and of its float operator, in 8-bit grey levels.

    Attributes
    ----------
    rms, largest : float
        Root mean square and maximum of the difference.
    signal : float
        Root mean square of the float predictions.
    """

    rms: float
    largest: float
    signal: float


@dataclass
class _Seen:
    """The largest values seen in an operator, by layer and channel, and some of its inputs."""

    largest: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    inputs: list[Tensor] = field(default_factory=list)
    calls: int = 0

    def note(self, name: str, x: Tensor) -> None:
        own = x.amax((0, 2, 3)).double().numpy()
        self.largest[name] = np.maximum(self.largest.get(name, 0.0), own)

    def most(self, name: str) -> float:
        """Return the largest value of all channels of a layer."""
        return float(self.largest[name].max())

    def _part(self, x: Tensor, side: int) -> Tensor:
        """Return a part of an input: the corner, or for every other input the part around its largest sample."""
        top = left = 0
        if self.calls % 2:
            rows, columns = x.shape[-2:]
            at = int(x[0].abs().amax(0).argmax())
            top, left = (
                max(0, min(place - side // 2, length - side))
                for place, length in ((at // columns, rows), (at % columns, columns))
            )
        return x[..., top : top + side, left : left + side].clone()

    def keep(self, x: Tensor, radius: int) -> None:
        """Note an input, and keep some: the first ones, then every other, every fourth and so on in their place."""
        self.note("input", x.abs())
        self.calls += 1
        side = _KEPT_SIDE + 2 * radius
        part = self._part(x, side)
        if len(self.inputs) < _KEPT:
            self.inputs.append(part)
        elif self.calls % (self.calls // _KEPT + 1) == 0:
            self.inputs[self.calls % _KEPT] = part


def _watch(stack: ExitStack, operator: ProposalOpacity, seen: _Seen) -> None:
    """Note what an operator computes, until the stack is closed."""

    def hook(module: Tensor | nn.Module, name: str) -> None:
        assert isinstance(module, nn.Module)
        handle = module.register_forward_hook(lambda _, __, out: seen.note(name, out))
        stack.callback(handle.remove)

    handle = operator.register_forward_pre_hook(
        lambda module, arguments: seen.keep(arguments[0], operator.radius)
    )
    stack.callback(handle.remove)
    hook(operator.opacity.first, "h")
    for index, block in enumerate(operator.opacity.blocks):
        hook(block.first, f"g{index}")
        hook(block, "h")
    hook(operator.opacity.last, "likelihood")


def _propose(operator: ProposalOpacity, x: Tensor) -> Tensor:
    margin = operator.radius - operator.proposal_radius
    height, width = x.shape[-2] - margin, x.shape[-1] - margin
    return operator._propose(x[..., margin:height, margin:width])


def _coded(bands: Subbands, step: float) -> Subbands:
    """Return subbands quantised with a dead zone, and reconstructed in the middle of the intervals."""

    def coded(band: NDArray[Any], orientation: str, level: int) -> NDArray[np.float32]:
        if not step:
            return band.copy()
        own = step / norm_97(orientation, level)
        index = np.trunc(band / own)
        return ((index + np.sign(index) * 0.5) * own).astype(np.float32)

    details = [
        tuple(coded(band, name, level) for name, band in zip(ORIENTATIONS, own, strict=True))
        for level, own in enumerate(bands.details, 1)
    ]
    return Subbands(bands.area, coded(bands.ll, "LL", bands.levels), details)  # type: ignore[arg-type]


def _calibrate(
    structure: Hybrid, pictures: Iterable[NDArray[np.float32]], progress: Callable[[], object]
) -> dict[str, _Seen]:
    """Analyse and synthesise pictures, and note what the operators compute."""
    seen = {"h2l": _Seen(), "l2h": _Seen()}
    plain = StructureTransform(structure, fast=False)
    with ExitStack() as stack:
        for name, found in seen.items():
            _watch(stack, getattr(structure, name), found)
        for planes in pictures:
            area = Rect(0, 0, *planes.shape[1:])
            components = plain.analyse(planes, area, _LEVELS)
            for step in _STEPS:
                plain.synthesise([_coded(bands, step) for bands in components])
            progress()
    if not all(found.calls for found in seen.values()):
        raise InputError("there are no pictures to calibrate with")
    return seen


def _bits(largest: float, headroom: float) -> int:
    """Return the most fraction bits with which values up to ``largest * headroom`` fit 16 bits."""
    wanted = max(largest, 1e-6) * headroom
    return max(0, min(_MAX_BITS, math.floor(math.log2(SAMPLE_LIMIT / wanted))))


def _layer(weights: NDArray[np.float64], *, winograd: bool) -> tuple[NDArray[np.int16], int]:
    """Return the integer weights and the shift of a layer between activations.

    Parameters
    ----------
    weights : ndarray of float64, shape (outputs, inputs, k, k)
        The weights between scaled activations.
    winograd : bool
        Whether the bounds for Winograd's F(2x2, 3x3) must hold.
    """
    limit = WINOGRAD_SUM_LIMIT if winograd else _SUM_LIMIT
    for shift in range(_MAX_SHIFT, -1, -1):
        integers = np.rint(weights * 2.0**shift)
        if np.abs(integers).max(initial=0) > SAMPLE_LIMIT:
            continue
        exact = integers.astype(np.int64)
        if largest_sum(exact, ACTIVATION_LIMIT, shift, signed=False) >= limit:
            continue
        if not winograd or winograd_fits(exact):
            return integers.astype(np.int16), shift
    raise ModelError("the weights of an opacity network are too large for integers of 16 bits")


def _signed_layer(weights: NDArray[np.float64], *, zero_dc: bool) -> tuple[NDArray[np.int16], int]:
    """Return the integer weights and the shift of a layer that reads source samples; see `_layer`."""
    for shift in range(_MAX_SHIFT, -1, -1):
        scaled = weights * 2.0**shift
        integers = rounded_to_zero_sum(scaled) if zero_dc else np.rint(scaled).astype(np.int64)
        if np.abs(integers).max(initial=0) > SAMPLE_LIMIT:
            continue
        if largest_sum(integers, SAMPLE_LIMIT, shift, signed=True) < _SUM_LIMIT:
            return integers.astype(np.int16), shift
    raise ModelError("the weights of an operator are too large for integers of 16 bits")


def rounded_to_zero_sum(kernels: NDArray[np.float64]) -> NDArray[np.int64]:
    """Round kernels whose sums are zero, so that the sums stay zero: the values nearest to a half give way."""
    out = np.rint(kernels).astype(np.int64)
    for index in np.ndindex(kernels.shape[:2]):
        excess = int(out[index].sum())
        if excess:
            sign = 1 if excess > 0 else -1
            error = (out[index] - kernels[index]).ravel() * sign
            order = np.argsort(-error, kind="stable")
            flat = out[index].reshape(-1)
            # more than one round where the kernel has fewer values than are to be changed
            for at in range(abs(excess)):
                flat[order[at % len(order)]] -= sign
    return out


def _float64(convolution: Tensor | nn.Module) -> NDArray[np.float64]:
    assert isinstance(convolution, nn.Module)
    weight = convolution.weight
    assert isinstance(weight, Tensor)
    return weight.detach().cpu().double().numpy()


def _gained(
    convolution: Tensor | nn.Module,
    outputs: NDArray[np.float64] | float,
    inputs: NDArray[np.float64] | float,
) -> NDArray[np.float64]:
    """Return the weights of a convolution between channels with scales, one for each or one for all."""
    gains = np.reshape(outputs, (-1, 1, 1, 1)) / np.reshape(inputs, (1, -1, 1, 1))
    return _float64(convolution) * np.asarray(gains, np.float64)


def _twin(
    operator: ProposalOpacity, seen: _Seen, activation_headroom: float, likelihood_headroom: float
) -> OperatorTwin:
    input_bits = _bits(seen.most("input"), _SAMPLE_HEADROOM)
    output_bits = min(_MAX_OUTPUT_BITS, _bits(seen.most("proposal"), _SAMPLE_HEADROOM))

    def scale(name: str) -> NDArray[np.float64]:
        """Return the scale of each channel of a layer."""
        most = seen.most(name)
        # channels that are almost always zero would get weights that are too large
        values = np.maximum(seen.largest[name], max(most * _WEAKEST_CHANNEL, 1e-6))
        scales: NDArray[np.float64] = ACTIVATION_LIMIT / (values * activation_headroom)
        return scales

    network, main = operator.opacity, scale("h")
    first, first_shift = _signed_layer(_gained(network.first, main, 2.0**input_bits), zero_dc=False)
    blocks, shifts = [], []
    for index, block in enumerate(network.blocks):
        inner = scale(f"g{index}")
        for weights in (_gained(block.first, inner, main), _gained(block.second, main, inner)):
            integers, shift = _layer(weights, winograd=True)
            blocks.append(integers)
            shifts.append(shift)
    likely = (LIKELIHOOD_LIMIT - 1) / (max(seen.most("likelihood"), 1e-6) * likelihood_headroom)
    offset = max(1, min(SAMPLE_LIMIT, round(likely * Opacity.OFFSET)))
    last, last_shift = _layer(_gained(network.last, likely, main), winograd=False)
    kernels = _float64(operator.proposal)
    if operator.zero_dc:
        kernels = kernels - kernels.mean((2, 3), keepdims=True)
    kernels = kernels * 2.0 ** (output_bits - input_bits)
    proposals, proposal_shift = _signed_layer(kernels, zero_dc=operator.zero_dc)
    width = network.first.weight.shape[0]
    return OperatorTwin(
        first=first,
        blocks=np.stack(blocks) if blocks else np.zeros((0, width, width, 3, 3), np.int16),
        last=last,
        proposals=proposals,
        input_bits=input_bits,
        first_shift=first_shift,
        block_shifts=tuple(shifts),
        last_shift=last_shift,
        proposal_shift=proposal_shift,
        offset=offset,
        output_bits=output_bits,
    )


def _expected(operator: ProposalOpacity, inputs: Sequence[Tensor]) -> list[NDArray[np.float32]]:
    """Return the float predictions for some inputs; the opacities of the first component serve all."""
    return [operator(x, x[:1]).numpy() for x in inputs]


def _differences(
    twin: OperatorTwin, inputs: Sequence[Tensor], expected: Sequence[NDArray[np.float32]]
) -> list[NDArray[np.float64]]:
    """Return the differences of an integer operator's predictions from the float ones, for each input."""
    found = []
    for x, wanted in zip(inputs, expected, strict=True):
        source = [reference.samples(component, twin) for component in x.numpy()]
        weights = reference.opacities(twin, source[0])
        own = np.stack([reference.predict(twin, component, weights) for component in source])
        found.append((own * 2.0**-twin.output_bits - wanted).astype(np.float64))
    return found


def _rms(values: Sequence[NDArray[Any]]) -> float:
    return float(np.sqrt(np.square(np.concatenate([own.ravel() for own in values]), dtype=np.float64).mean()))


def _typical(differences: Sequence[NDArray[np.float64]]) -> float:
    """Return the mean of the inputs' root mean squares, in which one extreme picture counts as one of many."""
    return float(np.mean([_rms([own]) for own in differences]))


class _Try(NamedTuple):
    """An integer operator with some headrooms, the differences of its predictions, and their typical size."""

    activation: float
    likelihood: float
    twin: OperatorTwin
    differences: list[NDArray[np.float64]]
    error: float


def _supported(operator: Operator) -> bool:
    if not isinstance(operator, ProposalOpacity):
        return False
    return operator.opacity.normalisation == "sum" and not operator.taps


def _chosen(operator: ProposalOpacity, seen: _Seen) -> tuple[OperatorTwin, Loss]:
    """Return the integer operator with the best headrooms, and its loss on the inputs that were kept."""
    for x in seen.inputs:
        seen.note("proposal", _propose(operator, x).abs())
    expected = _expected(operator, seen.inputs)

    def tried(activation: float, likelihood: float) -> _Try:
        twin = _twin(operator, seen, activation, likelihood)
        differences = _differences(twin, seen.inputs, expected)
        return _Try(activation, likelihood, twin, differences, _typical(differences))

    def preferred(best: _Try, activation: float, likelihood: float) -> _Try:
        other = tried(activation, likelihood)
        return other if other.error < _WORTH_CLAMPING * best.error else best

    best = tried(_ACTIVATION_HEADROOMS[0], _LIKELIHOOD_HEADROOMS[0])
    for likelihood in _LIKELIHOOD_HEADROOMS[1:]:
        best = preferred(best, best.activation, likelihood)
    for activation in _ACTIVATION_HEADROOMS[1:]:
        best = preferred(best, activation, best.likelihood)
    twin, differences = best.twin, best.differences
    largest = max(float(np.abs(own).max()) for own in differences)
    return twin, Loss(_rms(differences), largest, _rms(expected))


def quantise_operator(
    operator: ProposalOpacity, inputs: Iterable[NDArray[np.float32]]
) -> tuple[OperatorTwin, Loss]:
    """Return an integer operator for a float operator.

    Parameters
    ----------
    operator : ProposalOpacity
        An operator whose opacities sum to one. It is not changed.
    inputs : iterable of ndarray, each (1, inputs, H + 2R, W + 2R), float32
        What it reads on calibration pictures, in units of 8-bit grey levels.

    Raises
    ------
    ModelError
        If the operator has no integer form, or weights are too large.
    InputError
        If there are no inputs.
    """
    if not _supported(operator):
        raise ModelError("only operators with the normalisation 'sum' and without taps can be quantised")
    seen = _Seen()
    with torch.inference_mode(), ExitStack() as stack:
        _watch(stack, operator, seen)
        for x in inputs:
            operator(torch.from_numpy(x))
        stack.close()
        if not seen.calls:
            raise InputError("there are no pictures to calibrate with")
        return _chosen(operator, seen)


def quantise(
    structure: Structure,
    pictures: Iterable[NDArray[np.float32]],
    progress: Callable[[], object] = lambda: None,
) -> tuple[Twins, dict[str, Loss]]:
    """Return integer operators for a float transform.

    Parameters
    ----------
    structure : Structure
        A hybrid structure of proposal-opacity operators whose opacities sum to one. It is not changed.
    pictures : iterable of ndarray, each (C, H, W), float32
        Components of calibration pictures, in units of 8-bit grey levels, level shifted. Components of one picture
        share the opacities of the first.
    progress : callable
        Called after each picture.

    Returns
    -------
    twins : Twins
        The operators.
    losses : dict of str to Loss
        By the name of the operator: ``"h2l"`` and ``"l2h"``.

    Raises
    ------
    ModelError
        If the structure or an operator has no integer form, or weights are too large.
    InputError
        If there are no pictures.
    """
    if not isinstance(structure, Hybrid) or not all(map(_supported, structure.chain)):
        raise ModelError(
            "only hybrid structures of proposal-opacity operators with the normalisation 'sum' can be quantised"
        )
    operators: dict[str, ProposalOpacity] = {"h2l": structure.h2l, "l2h": structure.l2h}  # type: ignore[dict-item]
    seen = _calibrate(structure, pictures, progress)
    twins: dict[str, OperatorTwin] = {}
    losses: dict[str, Loss] = {}
    with torch.inference_mode():
        for name, operator in operators.items():
            twins[name], losses[name] = _chosen(operator, seen[name])
    return Twins(structure.base, twins["h2l"], twins["l2h"]), losses
