"""The arrays and numbers of the twin of `j2klearn.dequantisation.networks.Dequantiser`, and their checks."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ...native.dequantisation import IntegerDequantiser
from .tables import LARGEST_FEATURE, compression, octaves

__all__ = ["INPUTS", "LARGEST_ACTIVATION", "PHASES", "DequantiserTwin", "largest_sum"]

#: Hidden activations are 0 to this.
LARGEST_ACTIVATION = 8191

#: Samples of a position, and inputs of the network: the phases and the noise.
PHASES, INPUTS = 4, 5

#: Positions on each side of the window of the local mean.
_MEAN_REACH = 4

_MOST_CHANNELS, _MOST_PAIRS = 64, 4
_MAX_SHIFT, _MAX_OUTPUT_BITS = 28, 24
_SUM_LIMIT = 1 << 31

_TENSORS = ("first", "first_bias", "body", "body_bias", "last", "last_bias")
_NUMBERS = ("first_shift", "body_shifts", "last_shift", "output_bits")


def largest_sum(
    weights: NDArray[np.integer[Any]], bias: NDArray[np.integer[Any]], shift: int, low: int, high: int
) -> int:
    """Return the largest magnitude of a sum of some of the products of a convolution, bias and rounding included.

    Parameters
    ----------
    weights : ndarray of integers, shape (outputs, inputs, 3, 3)
        Weights.
    bias : ndarray of integers, shape (outputs,)
        Biases.
    shift : int
        Bits by which the sums are shifted right.
    low, high : int
        Range of the inputs: `low` is negative or 0, `high` positive.
    """
    w = weights.astype(np.int64).reshape(len(weights), -1)
    b = bias.astype(np.int64)
    above = np.maximum(w * high, w * low).sum(1) + np.maximum(b, 0) + ((1 << shift) >> 1)
    below = np.minimum(w * high, w * low).sum(1) + np.minimum(b, 0)
    return int(max(above.max(), -below.min()))


@dataclass(frozen=True, eq=False)
class DequantiserTwin:
    """A `j2klearn.dequantisation.networks.Dequantiser` in integers. ``docs/format.md`` defines the arithmetic.

    Attributes
    ----------
    first : ndarray, int16, shape (W, 5, 3, 3)
        Weights of the first convolution, of the four phases and the noise. W is 1 to 64.
    first_bias : ndarray, int32, shape (W,)
        Its biases.
    body : ndarray, int16, shape (2 P, W, W, 3, 3)
        Weights of the pairs of convolutions. P is 1 to 4.
    body_bias : ndarray, int32, shape (2 P, W)
        Their biases.
    last : ndarray, int16, shape (4, W, 3, 3)
        Weights of the last convolution.
    last_bias : ndarray, int32, shape (4,)
        Its biases.
    first_shift, last_shift : int
        Shifts of the sums, 0 to 28.
    body_shifts : tuple of int
        Shifts of the sums of the pairs, 2 P of them.
    output_bits : int
        Fractional bits of the outputs, 0 to 24.
    told : bool
        Whether the network reads the noise level: always True.

    Raises
    ------
    ModelError
        If an array has the wrong dtype or shape, a number is out of range, or a sum could exceed 32 bits.
    """

    first: NDArray[np.int16]
    first_bias: NDArray[np.int32]
    body: NDArray[np.int16]
    body_bias: NDArray[np.int32]
    last: NDArray[np.int16]
    last_bias: NDArray[np.int32]
    first_shift: int
    body_shifts: tuple[int, ...]
    last_shift: int
    output_bits: int
    told: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        width, layers = self._sizes()
        for name, dtype, shape in (
            ("first", np.int16, (width, INPUTS, 3, 3)),
            ("first_bias", np.int32, (width,)),
            ("body", np.int16, (layers, width, width, 3, 3)),
            ("body_bias", np.int32, (layers, width)),
            ("last", np.int16, (PHASES, width, 3, 3)),
            ("last_bias", np.int32, (PHASES,)),
        ):
            array = getattr(self, name)
            if array.dtype != dtype or array.shape != shape:
                raise ModelError(
                    f"{name} of a de-quantiser has to be {np.dtype(dtype)} of shape {shape}, "
                    f"not {array.dtype} of shape {array.shape}"
                )
            array = np.ascontiguousarray(array)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        if len(self.body_shifts) != layers:
            raise ModelError(
                f"a de-quantiser needs {layers} shifts for its pairs, not {len(self.body_shifts)}"
            )
        if not all(isinstance(s, int) and 0 <= s <= _MAX_SHIFT for s in self.shifts):
            raise ModelError(f"shifts of a de-quantiser have to be integers from 0 to {_MAX_SHIFT}")
        if not (isinstance(self.output_bits, int) and 0 <= self.output_bits <= _MAX_OUTPUT_BITS):
            raise ModelError(
                f"output bits of a de-quantiser have to be an integer from 0 to {_MAX_OUTPUT_BITS}"
            )
        for at, (weights, bias, shift) in enumerate(self.convolutions()):
            low, high = (-LARGEST_FEATURE, LARGEST_FEATURE) if at == 0 else (0, LARGEST_ACTIVATION)
            if (largest := largest_sum(weights, bias, shift, low, high)) >= _SUM_LIMIT:
                raise ModelError(f"sums of a de-quantiser could reach {largest}, but have to stay below 2^31")

    def _sizes(self) -> tuple[int, int]:
        for name in _TENSORS:
            if not isinstance(getattr(self, name), np.ndarray) or getattr(self, name).ndim == 0:
                raise ModelError(f"{name} of a de-quantiser has to be an array")
        width, layers = len(self.first), len(self.body)
        if not 1 <= width <= _MOST_CHANNELS:
            raise ModelError(f"a de-quantiser has 1 to {_MOST_CHANNELS} channels, not {width}")
        if layers % 2 or not 2 <= layers <= 2 * _MOST_PAIRS:
            raise ModelError(
                f"a de-quantiser has 1 to {_MOST_PAIRS} pairs of convolutions, not {layers / 2:g}"
            )
        return width, layers

    @property
    def width(self) -> int:
        """Channels of the hidden layers."""
        return len(self.first)

    @property
    def pairs(self) -> int:
        """Pairs of convolutions."""
        return len(self.body) // 2

    @property
    def shifts(self) -> tuple[int, ...]:
        """The shifts of all convolutions, in their order."""
        return self.first_shift, *self.body_shifts, self.last_shift

    def convolutions(self) -> list[tuple[NDArray[np.int16], NDArray[np.int32], int]]:
        """Return weights (outputs, inputs, 3, 3), biases (outputs,) and shift of every convolution, in their order."""
        weights = [self.first, *self.body, self.last]
        biases = [self.first_bias, *self.body_bias, self.last_bias]
        return list(zip(weights, biases, self.shifts, strict=True))

    @property
    def reach(self) -> int:
        """Samples around a part of a component that correcting it reads: it may begin and end within a position."""
        return 2 * (len(self.body) + 2 + _MEAN_REACH) + 1

    @functools.cached_property
    def native(self) -> IntegerDequantiser:
        """The network in native code."""
        return IntegerDequantiser(
            first=self.first,
            body=self.body,
            last=self.last,
            biases=np.concatenate([self.first_bias, self.body_bias.ravel(), self.last_bias]),
            shifts=self.shifts,
            output_bits=self.output_bits,
            compression=compression(),
            octaves=octaves(),
        )

    def __getstate__(self) -> dict[str, Any]:
        """Return what is copied and pickled: the native network is built again."""
        return {name: value for name, value in vars(self).items() if name != "native"}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name: int16 weights and int32 biases."""
        return {name: getattr(self, name) for name in _TENSORS}

    def numbers(self) -> dict[str, Any]:
        """Return the shifts and the output bits by name, as JSON can hold them."""
        return {name: getattr(self, name) for name in _NUMBERS} | {"body_shifts": list(self.body_shifts)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]], numbers: Mapping[str, Any]) -> DequantiserTwin:
        """Return the twin of what `tensors` and `numbers` returned.

        Raises
        ------
        ModelError
            If something is missing or superfluous, has the wrong type or shape, or could overflow.
        """
        if set(tensors) != set(_TENSORS) or set(numbers) != set(_NUMBERS):
            raise ModelError("the arrays or numbers of a de-quantiser are not those that it needs")
        shifts = numbers["body_shifts"]
        if not isinstance(shifts, list | tuple):
            raise ModelError("the shifts of a de-quantiser's pairs have to be a list")
        values: dict[str, Any] = {**tensors, **numbers, "body_shifts": tuple(shifts)}
        return cls(**values)
