"""De-quantisation networks in integers (``j2kl_dequantiser_*`` in ``native/include/j2kl.h``).

The results are exact: they do not depend on the processor, the instruction set or the number of threads.
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

__all__ = ["IntegerDequantiser"]


def _has_contiguous_columns(plane: NDArray[np.float32]) -> bool:
    row, column = plane.strides
    apart = plane.shape[1] > 1 and column != plane.itemsize
    return plane.size == 0 or (plane.flags.aligned and row % plane.itemsize == 0 and not apart)


class IntegerDequantiser:
    """A de-quantisation network that native code computes in integers. Several threads may use one at the same time.

    The network reads R components and corrects the last K of them: one component, or three and two.

    Parameters
    ----------
    components : (int, int)
        R and K: (1, 1) or (3, 2).
    side : int
        Side S of a position, in samples: 2 or 4.
    first : ndarray, int16, shape (W, S S R + K, 3, 3)
        Weights of the first convolution; W is at most 64.
    body : ndarray, int16, shape (2 P, W, W, 3, 3)
        Weights of the residual pairs; P is 1 to 4.
    last : ndarray, int16, shape (S S K, W, 3, 3)
        Weights of the last convolution.
    biases : ndarray, int32, shape ((2 P + 1) W + S S K,)
        Biases of all convolutions, in their order.
    shifts : sequence of int
        Shifts of all convolutions, in their order.
    output_bits : int
        Fractional bits of the outputs.
    compression : ndarray, int16, shape (545,)
        Nodes of the compression.
    octaves : ndarray, float32, shape (256,)
        ``2 ** (k / 256)``.

    Raises
    ------
    ModelError
        If an array has the wrong dtype or shape, a number is out of range, or a sum could exceed 32 bits.
    """

    def __init__(
        self,
        *,
        components: tuple[int, int],
        side: int,
        first: NDArray[np.int16],
        body: NDArray[np.int16],
        last: NDArray[np.int16],
        biases: NDArray[np.int32],
        shifts: Sequence[int],
        output_bits: int,
        compression: NDArray[np.int16],
        octaves: NDArray[np.float32],
    ) -> None:
        self._ffi, self._library = load()
        width, layers = len(first), len(body)
        self._reads, self._writes = reads, writes = components
        self._side, phases = side, side**2
        try:
            arrays = [
                as_array(first, np.int16, (width, phases * reads + writes, 3, 3), "weights"),
                as_array(body, np.int16, (layers, width, width, 3, 3), "weights"),
                as_array(last, np.int16, (phases * writes, width, 3, 3), "weights"),
                as_array(biases, np.int32, ((layers + 1) * width + phases * writes,), "biases"),
                as_array(compression, np.int16, (545,), "the nodes of the compression"),
                as_array(octaves, np.float32, (256,), "powers of two"),
            ]
        except InputError as error:
            raise ModelError(str(error)) from None
        if layers % 2 or not 2 <= layers <= 8 or len(shifts) != layers + 2:
            raise ModelError(
                "a de-quantisation network has one to four pairs of convolutions, and a shift for each"
            )
        numbers = self._ffi.new("j2kl_dequantiser_numbers *")
        numbers.reads, numbers.writes = reads, writes
        numbers.width, numbers.pairs, numbers.side = width, layers // 2, side
        try:
            numbers.first_shift, *body_shifts, numbers.last_shift = shifts
            numbers.body_shifts[0:layers] = body_shifts
            numbers.output_bits = output_bits
        except OverflowError:
            raise ModelError("a shift of the de-quantisation network is out of range") from None
        kinds = ("int16_t[]",) * 3 + ("int32_t[]", "int16_t[]", "float[]")
        pointers = [self._ffi.from_buffer(kind, array) for kind, array in zip(kinds, arrays, strict=True)]
        handle = self._ffi.new("j2kl_dequantiser **")
        report = Report(self._ffi)
        try:
            report.check(self._library.j2kl_dequantiser_create(numbers, *pointers, report.pointer, handle))
        except OptionError as error:
            raise ModelError(str(error)) from None
        self._handle = self._ffi.gc(handle[0], self._library.j2kl_dequantiser_free)

    def apply(
        self,
        sources: Sequence[NDArray[np.float32]],
        targets: Sequence[NDArray[np.float32]],
        area: Rect,
        noises: Sequence[NDArray[np.int16]],
        *,
        part: Rect | None = None,
        threads: int = 1,
        instructions: str = "best",
    ) -> None:
        """Write the corrected samples of components.

        Parameters
        ----------
        sources, targets : sequences of ndarray, float32, shape (area.height, area.width)
            Samples of the R components in units of 8-bit grey levels, level shifted, and the places for the K corrected
            ones. Columns are contiguous. No target may overlap a source.
        area : Rect
            The area of the samples on the grid.
        noises : sequence of ndarray, int16, all of shape (H, W) or (1, 1)
            For each target log2 of the noise in 1/256, -2560 to 5632, for every position: blocks of S x S samples at
            multiples of S on the grid; or one number for all.
        part : Rect, optional
            The part of the area to write. Default: all of it.
        threads : int
            Most threads to use.
        instructions : str
            One of `j2klearn.native.instructions.available_instructions`.

        Raises
        ------
        InputError
            If the number of arrays is wrong, an array has the wrong dtype or shape, a code of the noise is out of
            range, or the part is not in the area.
        """
        if (len(sources), len(targets), len(noises)) != (self._reads, self._writes, self._writes):
            raise InputError(
                f"the network reads {self._reads} components and writes {self._writes}, each with its noise"
            )
        for plane in (*sources, *targets):
            if plane.dtype != np.float32 or plane.shape != area.shape or not _has_contiguous_columns(plane):
                raise InputError(f"samples have to be float32 of shape {area.shape}, with contiguous columns")
        if not all(target.flags.writeable for target in targets):
            raise InputError("the target of the de-quantisation cannot be written to")
        if not area.size:
            return
        if any(np.may_share_memory(source, target) for source in sources for target in targets):
            raise InputError("sources and targets of the de-quantisation must not overlap")
        whole = area.aligned(self._side)
        positions = whole.height // self._side, whole.width // self._side
        for noise in noises:
            if (
                noise.dtype != np.int16
                or noise.shape != noises[0].shape
                or noise.shape not in {positions, (1, 1)}
            ):
                raise InputError(
                    f"the noise has to be int16 of shape {positions} or (1, 1), "
                    f"not {noise.dtype} of {noise.shape}"
                )
        codes = [np.ascontiguousarray(noise) for noise in noises]
        inner = area if part is None else part
        report = Report(self._ffi)
        arguments: list[Any] = []
        for planes in (sources, targets):
            strides = {plane.strides[0] for plane in planes}
            if len(strides) > 1 and area.height > 1:
                raise InputError(
                    "the rows of all sources, and those of all targets, have to be equally far apart"
                )
            # not by `from_buffer`, which takes contiguous arrays only: rows may be apart
            pointers = [self._ffi.cast("float *", plane.ctypes.data) for plane in planes]
            arguments += [self._ffi.new("float *[]", pointers), planes[0].strides[0] // planes[0].itemsize]
        arrays = [self._ffi.from_buffer("int16_t[]", each) for each in codes]
        stride = 0 if codes[0].size == 1 else codes[0].shape[1]
        try:
            report.check(
                self._library.j2kl_dequantiser_apply(
                    self._handle,
                    *arguments,
                    area.y0,
                    area.x0,
                    area.y1,
                    area.x1,
                    self._ffi.new("j2kl_rect *", (inner.y0, inner.x0, inner.y1, inner.x1)),
                    self._ffi.new("int16_t *[]", arrays),
                    stride,
                    INSTRUCTIONS.index(instructions),
                    max(threads, 1),
                    report.pointer,
                )
            )
        except OptionError as error:
            raise InputError(str(error)) from None
