"""The integers of an operator: weights, shifts and scales, and the bounds that its sums must keep.

`j2klearn.transform.integer.reference` defines what is computed from them, ``docs/format-integer.md`` describes it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError

__all__ = [
    "ACTIVATION_LIMIT",
    "LIKELIHOOD_LIMIT",
    "OPACITY_BITS",
    "RECIPROCAL_BITS",
    "SAMPLE_LIMIT",
    "OperatorTwin",
    "largest_sum",
]

#: Largest magnitude of a source sample, of a proposal and of a weight.
SAMPLE_LIMIT = 32767

#: Largest activation of a hidden layer; the smallest one is zero.
ACTIVATION_LIMIT = 8191

#: Largest likelihood, offset included.
LIKELIHOOD_LIMIT = 65535

#: Fraction bits of the opacities, and of the reciprocal of their sum.
OPACITY_BITS = 14
RECIPROCAL_BITS = 30

#: All sums are smaller than this in magnitude.
_SUM_LIMIT = 1 << 31

_INPUTS, _OUTPUTS, _PROPOSALS, _WIDTHS, _BLOCKS = (
    range(1, 4),
    range(1, 4),
    range(1, 33),
    range(1, 65),
    range(5),
)
_SIDES, _PROPOSAL_SIDES = (1, 3, 5, 7), range(1, 26, 2)
_SHIFTS, _BITS, _OFFSETS = range(31), range(16), range(1, 32768)


def largest_sum(weights: NDArray[Any], limit: int, shift: int, *, signed: bool) -> int:
    """Return the largest magnitude that a sum of products of a convolution can have, the rounding term included.

    Parameters
    ----------
    weights : ndarray of int, shape (outputs, inputs, k, k)
        The weights.
    limit : int
        Largest magnitude of an input.
    shift : int
        Bits by which the sum is shifted.
    signed : bool
        Whether inputs may be negative.
    """
    wide = weights.astype(np.int64).reshape(len(weights), -1)
    positive, negative = np.maximum(wide, 0).sum(1), np.maximum(-wide, 0).sum(1)
    worst = np.maximum(positive, negative) if not signed else positive + negative
    return int(worst.max(initial=0)) * limit + (1 << shift >> 1)


def _number(what: str, value: object, allowed: range) -> int:
    if type(value) is not int or value not in allowed:
        raise ModelError(
            f"the operator's {what} must be {allowed[0]} to {allowed[-1]}, not {str(value)[:40]}"
        )
    return value


@dataclass(frozen=True, eq=False, kw_only=True)
class OperatorTwin:
    """A proposal-opacity operator in integers; see `j2klearn.transform.operators.ProposalOpacity`.

    It has I inputs, O outputs, K proposals for each output, C channels and B residual blocks.

    Attributes
    ----------
    first : ndarray of int16, shape (C, I, k, k)
        Weights of the first convolution, k = 1, 3, 5 or 7.
    blocks : ndarray of int16, shape (2 * B, C, C, 3, 3)
        Weights of the residual blocks: first and second convolution of each.
    last : ndarray of int16, shape (K, C, k, k)
        Weights of the last convolution, k = 1, 3, 5 or 7.
    proposals : ndarray of int16, shape (O * K, I, k, k)
        Kernels of the proposals, those of the first output first; k is odd, at most 25.
    input_bits : int
        Fraction bits of the source samples, 0 to 15.
    first_shift : int
        Bits by which the sums of the first convolution are shifted, 0 to 30, like all shifts.
    block_shifts : tuple of int
        The same for the convolutions of the blocks.
    last_shift, proposal_shift : int
        The same for the last convolution and for the proposals.
    offset : int
        Added to every likelihood, at least 1.
    output_bits : int
        Fraction bits of the predictions, 0 to 15.
    inputs, outputs, count : int
        I, O and K.
    opacity_radius, proposal_radius, radius : int
        Half-width of the opacities and of the proposals, and the larger one of the two.

    Raises
    ------
    ModelError
        If an array has another dtype or shape, a number is out of range, or a sum may leave 32 bits.
    """

    first: NDArray[np.int16]
    blocks: NDArray[np.int16]
    last: NDArray[np.int16]
    proposals: NDArray[np.int16]
    input_bits: int
    first_shift: int
    block_shifts: Sequence[int]
    last_shift: int
    proposal_shift: int
    offset: int
    output_bits: int
    inputs: int = field(init=False)
    outputs: int = field(init=False)
    count: int = field(init=False)

    def __post_init__(self) -> None:
        self._check_shapes()
        _number("input_bits", self.input_bits, _BITS)
        _number("output_bits", self.output_bits, _BITS)
        _number("offset", self.offset, _OFFSETS)
        for name in ("first_shift", "last_shift", "proposal_shift"):
            _number(name, getattr(self, name), _SHIFTS)
        if len(self.block_shifts) != len(self.blocks):
            raise ModelError("the operator must have a shift for every convolution of its blocks")
        object.__setattr__(
            self,
            "block_shifts",
            tuple(_number("block_shifts", shift, _SHIFTS) for shift in self.block_shifts),
        )
        self._check_sums()

    def _check_shapes(self) -> None:
        arrays = {"first": 4, "blocks": 5, "last": 4, "proposals": 4}
        for name, axes in arrays.items():
            array = getattr(self, name)
            if not isinstance(array, np.ndarray) or array.dtype != np.int16 or array.ndim != axes:
                raise ModelError(f"the operator's {name} must be int16 of {axes} dimensions")
            if array.size and int(np.abs(array.astype(np.int32)).max()) > SAMPLE_LIMIT:
                raise ModelError(f"the operator's {name} hold a weight below {-SAMPLE_LIMIT}")
            object.__setattr__(self, name, np.ascontiguousarray(array))
        width, inputs = self.first.shape[:2]
        count, total = len(self.last), len(self.proposals)
        outputs = total // max(count, 1)
        expected = {
            "first": (width, inputs, self._side("first", _SIDES)),
            "blocks": (len(self.blocks), width, width, 3),
            "last": (count, width, self._side("last", _SIDES)),
            "proposals": (outputs * count, inputs, self._side("proposals", _PROPOSAL_SIDES)),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != (*shape, shape[-1]):
                raise ModelError(f"the shape of the operator's {name} does not fit the other weights")
        sizes = {
            "inputs": (inputs, _INPUTS),
            "outputs": (outputs, _OUTPUTS),
            "proposals": (count, _PROPOSALS),
            "width": (width, _WIDTHS),
        }
        for name, (size, allowed) in sizes.items():
            _number(name, size, allowed)
        if len(self.blocks) % 2 or len(self.blocks) // 2 not in _BLOCKS:
            raise ModelError(
                f"the operator has {len(self.blocks)} convolutions in its blocks, not 0, 2, 4, 6 or 8"
            )
        for name, size in (("inputs", inputs), ("outputs", outputs), ("count", count)):
            object.__setattr__(self, name, size)

    def _side(self, name: str, allowed: Sequence[int]) -> int:
        side = int(getattr(self, name).shape[-1])
        if side not in allowed:
            raise ModelError(f"the operator's {name} have {side} taps a side, which is not supported")
        return side

    def _check_sums(self) -> None:
        layers = [("first convolution", self.first, self.first_shift, True)]
        for at, (weights, shift) in enumerate(zip(self.blocks, self.block_shifts, strict=True)):
            layers.append((f"convolution {at + 1} of the blocks", weights, shift, False))
        layers.append(("last convolution", self.last, self.last_shift, False))
        layers.append(("proposals", self.proposals, self.proposal_shift, True))
        for what, weights, shift, signed in layers:
            limit = SAMPLE_LIMIT if signed else ACTIVATION_LIMIT
            if largest_sum(weights, limit, shift, signed=signed) >= _SUM_LIMIT:
                raise ModelError(f"sums of the operator's {what} may exceed 32 bits")

    @property
    def opacity_radius(self) -> int:
        return int(self.first.shape[-1]) // 2 + len(self.blocks) + int(self.last.shape[-1]) // 2

    @property
    def proposal_radius(self) -> int:
        return int(self.proposals.shape[-1]) // 2

    @property
    def radius(self) -> int:
        return max(self.opacity_radius, self.proposal_radius)

    @property
    def multiplications(self) -> int:
        """Multiply-accumulates per predicted cell and component, with opacities of its own."""
        return math.prod(self.first.shape) + self.blocks.size + self.last.size + self.proposals.size
