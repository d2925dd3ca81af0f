"""Turns a trained de-quantisation network into its integer twin."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ...errors import ModelError, OptionError
from ...transform.integer.winograd import SUM_LIMIT, transform_fits
from ..networks import ChromaDequantiser, Dequantiser, GuidedDequantiser
from .network import LARGEST_ACTIVATION, AnyTwin, DequantiserTwin, GuidedTwin, largest_sum
from .tables import FEATURE_BITS, LARGEST_FEATURE

__all__ = ["Sample", "quantise_dequantiser"]

#: Decoded components without de-quantisation (C, H, W), in 8-bit grey levels, level shifted; and log2 of their noise.
Sample = tuple[NDArray[np.float32], NDArray[np.float32]]

Network = Dequantiser | ChromaDequantiser

#: Activations of other pictures may be this many times as large as the largest ones that were seen.
_HEADROOM = 1.5

#: Outputs may be this many times as large: they are cheap, and clamping them would be seen.
_OUTPUT_HEADROOM = 4.0

_MOST_SHIFT, _MOST_OUTPUT_BITS = 24, 15
_INT16 = np.iinfo(np.int16)
_INT32 = np.iinfo(np.int32)

_SUM_LIMIT = 1 << 31


def _whole(planes: NDArray[np.float32], side: int) -> Tensor:
    """Return planes with as many rows and columns more as whole positions need."""
    height, width = planes.shape[1:]
    padded = np.pad(planes, ((0, 0), (0, -height % side), (0, -width % side)), mode="edge")
    return torch.from_numpy(padded.astype(np.float32))[None]


class _Largest:
    """The largest activations of a network: of the trunk, of the first layer of every pair, and of the outputs."""

    def __init__(self, network: Network, samples: Sequence[Sample]) -> None:
        self.trunk = self.outputs = 1e-3
        self.inner = [1e-3] * (len(network.body) // 2)
        with torch.inference_mode():
            for planes, noises in samples:
                levels = torch.from_numpy(noises.astype(np.float32)).view(1, -1, 1, 1)
                self._see(network, _whole(planes, network.side), levels)

    def _see(self, network: Network, x: Tensor, noise: Tensor) -> None:
        h = F.relu(network.head(network.inputs(x, noise)))
        self.trunk = max(self.trunk, float(h.max()))
        for at, (first, second) in enumerate(zip(network.body[::2], network.body[1::2], strict=True)):
            g = F.relu(first(h))
            h = F.relu(h + second(g))
            self.inner[at] = max(self.inner[at], float(g.max()))
            self.trunk = max(self.trunk, float(h.max()))
        self.outputs = max(self.outputs, float(network.tail(h).abs().max()))


def _fits(
    weights: NDArray[np.int64], bias: NDArray[np.int64], shift: int, low: int, high: int, winograd: bool
) -> bool:
    fits = transform_fits(weights) if winograd else np.abs(weights).max() <= _INT16.max
    if not fits or np.abs(bias).max() > _INT32.max >> 1:
        return False
    return largest_sum(weights, bias, shift, low, high) < (SUM_LIMIT if winograd else _SUM_LIMIT)


def _rounded(
    layer: torch.nn.Module, source: float, target: float, low: int, high: int, *, winograd: bool
) -> tuple[NDArray[np.int16], NDArray[np.int32], int]:
    """Return weights, biases and shift of a layer, given what its inputs and outputs are multiplied by."""
    weights = layer.weight.detach().double().numpy() * (target / source)  # type: ignore[operator]
    bias = layer.bias.detach().double().numpy() * target  # type: ignore[operator]
    if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
        raise ModelError("the de-quantisation network has weights that are not finite")
    for shift in range(_MOST_SHIFT, -1, -1):
        w, b = (np.rint(array * 2.0**shift) for array in (weights, bias))
        if np.abs(w).max() > _INT16.max or np.abs(b).max() > _INT32.max:
            continue
        if _fits(w.astype(np.int64), b.astype(np.int64), shift, low, high, winograd):
            return w.astype(np.int16), b.astype(np.int32), shift
    raise ModelError("the weights of the de-quantisation network are too large for integers")


def quantise_dequantiser(network: nn.Module, samples: Sequence[Sample]) -> AnyTwin:
    """Return the integer twin of a network.

    The weights are rounded to the largest power of two for which every sum fits. Activations are scaled so that the
    largest ones that the samples cause use two thirds of the range.

    Parameters
    ----------
    network : Dequantiser or GuidedDequantiser
        A trained network in float32. It is not changed.
    samples : sequence of (ndarray, ndarray)
        Decoded pictures without de-quantisation, float32 of shape (C, H, W), in 8-bit grey levels, level shifted; and
        log2 of the noise of their components, of shape (C,). They should be as various as the pictures to come, in
        contrast and in rate. A guided network needs the three components of the ICT.

    Raises
    ------
    OptionError
        If there is no sample, the network is of another kind, or a guided network has samples of another number of
        components.
    ModelError
        If weights are not finite, or too large.
    """
    if not isinstance(network, Dequantiser | GuidedDequantiser):
        raise OptionError("a residual de-quantisation network has no integer twin")
    if not samples:
        raise OptionError("a de-quantisation network can be quantised only with decoded pictures")
    network = copy.deepcopy(network).float().cpu().eval().requires_grad_(False)
    alone = [
        (planes[at : at + 1], noises[at : at + 1]) for planes, noises in samples for at in range(len(planes))
    ]
    if isinstance(network, Dequantiser):
        return _twin(network, alone)
    if any(len(planes) != 3 for planes, _ in samples):
        raise OptionError("a guided de-quantisation network can be quantised only with colour pictures")
    chroma = [(planes, noises[1:]) for planes, noises in samples]
    return GuidedTwin(_twin(network.luma, alone), _twin(network.chroma, chroma))


def _twin(network: Network, samples: Sequence[Sample]) -> DequantiserTwin:
    """Return the twin of one network, given what it reads, and the noise of what it corrects."""
    largest = _Largest(network, samples)
    inputs = float(1 << FEATURE_BITS)
    trunk = LARGEST_ACTIVATION / (_HEADROOM * largest.trunk)
    inner = [LARGEST_ACTIVATION / (_HEADROOM * each) for each in largest.inner]
    output_bits = math.floor(math.log2(_INT16.max / (_OUTPUT_HEADROOM * largest.outputs)))
    output_bits = min(max(output_bits, 0), _MOST_OUTPUT_BITS)

    first = _rounded(network.head, inputs, trunk, -LARGEST_FEATURE, LARGEST_FEATURE, winograd=False)
    body = []
    for at, layer in enumerate(network.body):
        scales = (trunk, inner[at // 2]) if at % 2 == 0 else (inner[at // 2], trunk)
        body.append(_rounded(layer, *scales, 0, LARGEST_ACTIVATION, winograd=True))
    last = _rounded(network.tail, trunk, 2.0**output_bits, 0, LARGEST_ACTIVATION, winograd=False)
    return DequantiserTwin(
        first=first[0],
        first_bias=first[1],
        body=np.stack([layer[0] for layer in body]),
        body_bias=np.stack([layer[1] for layer in body]),
        last=last[0],
        last_bias=last[1],
        first_shift=first[2],
        body_shifts=tuple(layer[2] for layer in body),
        last_shift=last[2],
        output_bits=output_bits,
        side=network.side,
    )
