"""Learned lifting steps in integers: proposals blended by opacities (``j2kl_operator_*`` in ``native/include/j2kl.h``).

The results are exact. They do not depend on the processor, the instruction set, the number of threads or the area that
one call computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.geometry import Rect
from ..errors import InputError, ModelError, OptionError
from .instructions import INSTRUCTIONS
from .library import Report, as_array, load

__all__ = ["IntegerOperator"]

#: Samples, and the area of cells that they cover.
Plane = tuple[NDArray[np.float32], Rect]


def _weights(array: NDArray[Any], name: str, shape: tuple[int | None, ...]) -> NDArray[np.int16]:
    """Check the dtype and the shape of weights; None stands for any length. Return them in C order."""
    fits = array.ndim == len(shape) and all(
        n == wanted or wanted is None for n, wanted in zip(array.shape, shape, strict=True)
    )
    if array.dtype != np.int16 or not fits:
        wanted = " x ".join("any" if n is None else str(n) for n in shape)
        raise ModelError(f"{name} must be int16 of {wanted}, not {array.dtype} of shape {array.shape}")
    return np.ascontiguousarray(array)


class IntegerOperator:
    """An operator of a lifting step that native code computes in integers.

    It predicts O maps from I maps. For every output, K linear proposals are blended by opacities. A network with C
    channels and B residual blocks computes the opacities. ``j2kl.h`` states the arithmetic.

    Parameters
    ----------
    first : ndarray, int16, shape (C, I, k, k)
        Weights of the first layer, k = 1, 3, 5 or 7.
    blocks : ndarray, int16, shape (2 B, C, C, 3, 3)
        Weights of the residual blocks.
    last : ndarray, int16, shape (K, C, k, k)
        Weights of the last layer, k = 1, 3, 5 or 7.
    proposals : ndarray, int16, shape (O K, I, S, S)
        Proposals, ordered by output, then by proposal. S is odd, at most 25.
    input_bits, output_bits : int
        Fractional bits of the inputs and of the predictions, -16 to 16.
    first_shift, last_shift, proposal_shift : int
        By how many bits the sums of the layers are shifted, 0 to 30.
    block_shifts : sequence of int
        The same for the 2 B layers of the blocks.
    offset : int
        What is added to every likelihood, 1 to 65535.

    Attributes
    ----------
    inputs, outputs : int
        I and O.
    radius : int
        Half-width: a prediction depends on inputs that are at most so many cells away.

    Raises
    ------
    ModelError
        If an array has another dtype or shape, if a number is out of range, or if the weights are so large that a sum
        can exceed 32 bits.
    """

    def __init__(
        self,
        *,
        first: NDArray[np.int16],
        blocks: NDArray[np.int16],
        last: NDArray[np.int16],
        proposals: NDArray[np.int16],
        input_bits: int,
        first_shift: int,
        block_shifts: Sequence[int],
        last_shift: int,
        proposal_shift: int,
        offset: int,
        output_bits: int,
    ) -> None:
        self._ffi, self._library = load()
        first = _weights(first, "the first layer", (None, None, None, None))
        width, inputs, first_kernel, _ = first.shape
        _weights(first, "the first layer", (width, inputs, first_kernel, first_kernel))
        blocks = _weights(blocks, "the blocks", (None, width, width, 3, 3))
        last = _weights(last, "the last layer", (None, width, None, None))
        count, _, last_kernel, _ = last.shape
        _weights(last, "the last layer", (count, width, last_kernel, last_kernel))
        proposals = _weights(proposals, "the proposals", (None, inputs, None, None))
        maps, _, side, _ = proposals.shape
        _weights(proposals, "the proposals", (maps, inputs, side, side))
        outputs = maps // max(count, 1)
        if maps != outputs * count:
            raise ModelError(f"there are {maps} proposals, which is no multiple of {count} opacities")
        if len(blocks) % 2:
            raise ModelError(f"a residual block has two layers, but there are {len(blocks)} layers")
        if len(block_shifts) != len(blocks):
            raise ModelError(f"there are {len(block_shifts)} shifts for {len(blocks)} layers of blocks")
        self.inputs, self.outputs = inputs, outputs
        self.radius = max(first_kernel // 2 + len(blocks) + last_kernel // 2, side // 2)
        shape = [inputs, outputs, count, width, len(blocks) // 2, first_kernel, last_kernel, side]
        shifts = [*block_shifts, *[0] * 8][: max(8, len(block_shifts))]
        numbers = [input_bits, output_bits, first_shift, shifts, last_shift, proposal_shift, offset]
        self._handle = self._create(shape, [first, blocks, last, proposals], numbers)

    def _create(self, shape: list[int], weights: list[NDArray[np.int16]], numbers: list[Any]) -> Any:
        report = Report(self._ffi)
        result = self._ffi.new("j2kl_operator **")
        try:
            code = self._library.j2kl_operator_create(
                self._ffi.new("j2kl_operator_shape *", shape),
                *(self._ffi.from_buffer("int16_t[]", array) for array in weights),
                self._ffi.new("j2kl_operator_numbers *", numbers),
                report.pointer,
                result,
            )
            report.check(code)
        except (OptionError, OverflowError, IndexError) as error:
            raise ModelError(str(error)) from error
        return self._ffi.gc(result[0], self._library.j2kl_operator_destroy)

    def lift(
        self,
        sources: Sequence[Sequence[Plane]],
        targets: Sequence[Sequence[Plane]],
        sign: int,
        *,
        shared: bool,
        grid: Rect | None = None,
        threads: int = 1,
        instructions: str = "best",
    ) -> None:
        """Add the predictions to the targets, or subtract them, in place.

        Parameters
        ----------
        sources : sequence of sequence of (ndarray, Rect)
            For every component its I planes: float32 samples, and the area of cells that they cover. Outside its area a
            plane repeats its border samples. A plane with an empty area counts as zeros.
        targets : sequence of sequence of (ndarray, Rect)
            For every component its O planes, which must be writeable and must not overlap other planes.
        sign : {1, -1}
            1 adds the predictions, -1 subtracts them.
        shared : bool
            Whether the opacities of the first component serve all components. Otherwise every component has its own.
        grid : Rect, optional
            Change only the samples inside this area. Default: all.
        threads : int
            Most threads to use.
        instructions : str
            One of `j2klearn.native.instructions.available_instructions`. It has no effect on the result.

        Raises
        ------
        InputError
            If a plane has another dtype than float32, if its shape is not that of its area, or if planes overlap.
        OptionError
            If `sign` or `instructions` has another value, or if the processor lacks the instructions.
        """
        if len(sources) != len(targets):
            raise InputError(f"{len(sources)} components of sources do not fit {len(targets)} of targets")
        if instructions not in INSTRUCTIONS:
            raise OptionError(f"instructions must be one of {', '.join(INSTRUCTIONS)}, not {instructions!r}")
        if sign not in (1, -1):
            raise OptionError(f"the sign of a lifting step must be 1 or -1, not {sign}")
        inputs = [_readable(plane) for component in _checked(sources, self.inputs) for plane in component]
        outputs = [_writeable(plane) for component in _checked(targets, self.outputs) for plane in component]
        _check_overlap([samples for samples, _ in inputs], [samples for samples, _ in outputs])
        report = Report(self._ffi)
        code = self._library.j2kl_operator_lift(
            self._handle,
            self._planes(inputs),
            self._planes(outputs),
            len(sources),
            bool(shared),
            sign,
            self._ffi.NULL if grid is None else self._ffi.new("j2kl_rect *", _corners(grid)),
            INSTRUCTIONS.index(instructions),
            max(threads, 1),
            report.pointer,
        )
        report.check(code)

    def _planes(self, planes: Sequence[Plane]) -> Any:
        array = self._ffi.new("j2kl_plane[]", len(planes))
        for place, (samples, rect) in zip(array, planes, strict=True):
            place.samples = self._ffi.cast("float *", samples.ctypes.data)
            place.row_stride = samples.strides[0] // samples.itemsize
            place.y0, place.x0, place.y1, place.x1 = _corners(rect)
        return array


def _corners(rect: Rect) -> tuple[int, int, int, int]:
    corners = rect.y0, rect.x0, rect.y1, rect.x1
    if max(map(abs, corners)) >= 1 << 31:
        raise InputError(f"{rect} is not within 32 bits")
    return corners


def _checked(components: Sequence[Sequence[Plane]], count: int) -> Sequence[Sequence[Plane]]:
    for planes in components:
        if len(planes) != count:
            raise InputError(f"the operator needs {count} planes of a component, not {len(planes)}")
    return components


def _has_whole_rows(samples: NDArray[np.float32]) -> bool:
    """Whether a row's samples lie side by side, and rows do not overlap."""
    if not samples.size:
        return True
    height, width = samples.shape
    step, item = samples.strides[0], samples.itemsize
    beside = width <= 1 or samples.strides[1] == item
    return beside and step % item == 0 and (height <= 1 or abs(step) >= width * item)


def _readable(plane: Plane) -> Plane:
    samples, rect = plane
    if samples.dtype == np.float32 and samples.shape == rect.shape and _has_whole_rows(samples):
        return plane
    return as_array(samples, np.float32, rect.shape, "sources"), rect


def _writeable(plane: Plane) -> Plane:
    samples, rect = plane
    if samples.dtype != np.float32 or samples.shape != rect.shape:
        as_array(samples, np.float32, rect.shape, "targets")  # raises
    if not samples.flags.writeable or not _has_whole_rows(samples):
        raise InputError("targets must be writeable, and the samples of a row must lie side by side")
    return plane


def _check_overlap(sources: Sequence[NDArray[Any]], targets: Sequence[NDArray[Any]]) -> None:
    for i, target in enumerate(targets):
        for other in (*sources, *targets[:i]):
            if np.may_share_memory(target, other) and np.shares_memory(target, other):
                raise InputError("a target overlaps another plane of the lifting step")
