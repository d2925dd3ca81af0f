"""The arrays and numbers of the twins of `j2klearn.dequantisation.networks`, and their checks."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ...native.dequantisation import IntegerDequantiser
from ..parts import Part, guided, single
from ..positions import MEAN_REACH
from .tables import LARGEST_FEATURE, compression, octaves

__all__ = ["LARGEST_ACTIVATION", "AnyTwin", "DequantiserTwin", "GuidedTwin", "largest_sum"]

#: Hidden activations are 0 to this.
LARGEST_ACTIVATION = 8191

#: Components that a network reads, and how many of them it corrects: one component, or chroma with luma as a guide.
_SINGLE, _CHROMA = (1, 1), (3, 2)

_MOST_CHANNELS, _MOST_PAIRS = 64, 4
_MAX_SHIFT, _MAX_OUTPUT_BITS = 28, 24
_SUM_LIMIT = 1 << 31

_TENSORS = ("first", "first_bias", "body", "body_bias", "last", "last_bias")
#: The names of the tensors of the network for chroma begin with this.
_PREFIX = "chroma."
_NUMBERS = ("first_shift", "body_shifts", "last_shift", "output_bits")
#: The side of a position; it is stored if it is not the default.
_SIDE, _DEFAULT_SIDE = "side", 2


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
    """A network for de-quantisation in integers. ``docs/format.md`` defines the arithmetic.

    It stands for a `j2klearn.dequantisation.networks.Dequantiser`, which reads one component (R = 1) and corrects it
    (K = 1), or for a `j2klearn.dequantisation.networks.ChromaDequantiser` (R = 3, K = 2). A position has S x S samples,
    its phases.

    Attributes
    ----------
    first : ndarray, int16, shape (W, S S R + K, 3, 3)
        Weights of the first convolution: of the phases of each component, and of the noise. W is 1 to 64.
    first_bias : ndarray, int32, shape (W,)
        Its biases.
    body : ndarray, int16, shape (2 P, W, W, 3, 3)
        Weights of the pairs of convolutions. P is 1 to 4.
    body_bias : ndarray, int32, shape (2 P, W)
        Their biases.
    last : ndarray, int16, shape (S S K, W, 3, 3)
        Weights of the last convolution.
    last_bias : ndarray, int32, shape (S S K,)
        Its biases.
    first_shift, last_shift : int
        Shifts of the sums, 0 to 28.
    body_shifts : tuple of int
        Shifts of the sums of the pairs, 2 P of them.
    output_bits : int
        Fractional bits of the outputs, 0 to 24.
    side : int
        The side S of a position, 2 or 4.
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
    side: int = _DEFAULT_SIDE
    told: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        if type(self.side) is not int or self.side not in MEAN_REACH:
            raise ModelError("the side of a de-quantiser's positions has to be 2 or 4")
        width, layers = self._sizes()
        reads, writes = self.components
        phases = self.side**2
        for name, dtype, shape in (
            ("first", np.int16, (width, phases * reads + writes, 3, 3)),
            ("first_bias", np.int32, (width,)),
            ("body", np.int16, (layers, width, width, 3, 3)),
            ("body_bias", np.int32, (layers, width)),
            ("last", np.int16, (phases * writes, width, 3, 3)),
            ("last_bias", np.int32, (phases * writes,)),
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
    def components(self) -> tuple[int, int]:
        """How many components the network reads, and how many of these it corrects."""
        return _SINGLE if len(self.last) == self.side**2 else _CHROMA

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
        return self.side * (len(self.body) + 2 + MEAN_REACH[self.side]) + self.side - 1

    @functools.cached_property
    def native(self) -> IntegerDequantiser:
        """The network in native code."""
        return IntegerDequantiser(
            components=self.components,
            side=self.side,
            first=self.first,
            body=self.body,
            last=self.last,
            biases=np.concatenate([self.first_bias, self.body_bias.ravel(), self.last_bias]),
            shifts=self.shifts,
            output_bits=self.output_bits,
            compression=compression(),
            octaves=octaves(),
        )

    def parts(self, components: int, *, ict: bool) -> list[Part[DequantiserTwin]]:
        """Return the applications of the network to a picture; see `j2klearn.dequantisation.parts.single`."""
        return single(self, components)

    def __getstate__(self) -> dict[str, Any]:
        """Return what is copied and pickled: the native network is built again."""
        return {name: value for name, value in vars(self).items() if name != "native"}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name: int16 weights and int32 biases."""
        return {name: getattr(self, name) for name in _TENSORS}

    def numbers(self) -> dict[str, Any]:
        """Return the shifts, the output bits and a side that is not 2 by name, as JSON can hold them."""
        side = {} if self.side == _DEFAULT_SIDE else {_SIDE: self.side}
        own = {name: getattr(self, name) for name in _NUMBERS}
        return own | {"body_shifts": list(self.body_shifts)} | side

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]], numbers: Mapping[str, Any]) -> DequantiserTwin:
        """Return the twin of what `tensors` and `numbers` returned.

        Raises
        ------
        ModelError
            If something is missing or superfluous, has the wrong type or shape, or could overflow.
        """
        if set(tensors) != set(_TENSORS) or set(numbers) - {_SIDE} != set(_NUMBERS):
            raise ModelError("the arrays or numbers of a de-quantiser are not those that it needs")
        shifts = numbers["body_shifts"]
        if not isinstance(shifts, list | tuple):
            raise ModelError("the shifts of a de-quantiser's pairs have to be a list")
        if numbers.get(_SIDE) == _DEFAULT_SIDE:
            raise ModelError("a de-quantiser whose positions have a side of 2 does not store it")
        values: dict[str, Any] = {**tensors, **numbers, "body_shifts": tuple(shifts)}
        return cls(**values)


@dataclass(frozen=True, eq=False)
class GuidedTwin:
    """A `j2klearn.dequantisation.networks.GuidedDequantiser` in integers.

    Attributes
    ----------
    luma, chroma : DequantiserTwin
        The network for single components, and the one for chroma with luma as a guide.
    told : bool
        Whether the networks read the noise level: always True.

    Raises
    ------
    ModelError
        If a network is in the place of the other.
    """

    luma: DequantiserTwin
    chroma: DequantiserTwin
    told: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        if (self.luma.components, self.chroma.components) != (_SINGLE, _CHROMA):
            raise ModelError("a guided de-quantiser has a network for single components, and one for chroma")

    @property
    def side(self) -> int:
        """The side of the larger positions of the two networks."""
        return max(self.luma.side, self.chroma.side)

    @property
    def reach(self) -> int:
        """Samples around a part of a picture that correcting it reads."""
        return max(self.luma.reach, self.chroma.reach)

    def parts(self, components: int, *, ict: bool) -> list[Part[DequantiserTwin]]:
        """Return the applications of the networks, in order; see `j2klearn.dequantisation.parts.guided`."""
        return guided(self.luma, self.chroma, components, ict=ict)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name; see `DequantiserTwin.tensors`."""
        return self.luma.tensors() | {_PREFIX + name: each for name, each in self.chroma.tensors().items()}

    def numbers(self) -> dict[str, Any]:
        """Return the shifts and the output bits by name; see `DequantiserTwin.numbers`."""
        return {**self.luma.numbers(), "chroma": self.chroma.numbers()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]], numbers: Mapping[str, Any]) -> GuidedTwin:
        """Return the twin of what `tensors` and `numbers` returned; see `DequantiserTwin.from_tensors`."""
        chroma = {name.removeprefix(_PREFIX): w for name, w in tensors.items() if name.startswith(_PREFIX)}
        luma = {name: w for name, w in tensors.items() if not name.startswith(_PREFIX)}
        own, other = {key: value for key, value in numbers.items() if key != "chroma"}, numbers["chroma"]
        if not isinstance(other, Mapping):
            raise ModelError("chroma of a de-quantiser has to be a table of numbers")
        return cls(DequantiserTwin.from_tensors(luma, own), DequantiserTwin.from_tensors(chroma, other))


AnyTwin = DequantiserTwin | GuidedTwin
