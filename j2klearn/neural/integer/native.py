"""Integer networks and mixtures of the native library (``native/include/j2kl.h``), as classes of numpy arrays."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...native.library import as_array, check, load
from ..entropy.mixture import BINS, DIGIT_BITS, Bins, check_parameters, tables
from .layer import Layer, check_operands, dense_by_conv

__all__ = ["INSTRUCTIONS", "NativeKernels", "NativeMixture", "available_instructions"]

#: Instruction sets that the convolutions are written for; the first stands for the fastest that there is.
INSTRUCTIONS = ("best", "portable", "avx2", "avx512", "avx512_vnni")


def available_instructions() -> tuple[str, ...]:
    """Return those of `INSTRUCTIONS` that this processor has."""
    _, library = load()
    return tuple(name for code, name in enumerate(INSTRUCTIONS) if library.j2kl_instructions_available(code))


class NativeKernels:
    """Convolutions of the native library.

    Parameters
    ----------
    threads : int
        Threads to use at most.
    instructions : str
        One of `available_instructions`.
    """

    name = "native"

    def __init__(self, threads: int = 1, instructions: str = "best") -> None:
        self._ffi, self._library = load()
        self._threads = max(threads, 1)
        self._instructions = INSTRUCTIONS.index(instructions)
        self._layers: weakref.WeakKeyDictionary[Layer, Any] = weakref.WeakKeyDictionary()

    def conv(
        self, x: NDArray[np.int16], layer: Layer, *, residual: NDArray[np.int16] | None = None
    ) -> NDArray[np.int16]:
        x, residual = check_operands(x, layer, residual)
        height, width, _ = x.shape
        out = np.empty((height, width, layer.cout), np.int16)
        handle = self._layers.get(layer)
        if handle is None:
            handle = self._layers[layer] = self._create(layer)
        check(
            self._library.j2kl_layer_apply(
                handle,
                self._pointer("int16_t[]", x),
                height,
                width,
                self._ffi.NULL if residual is None else self._pointer("int16_t[]", residual),
                self._pointer("int16_t[]", out),
                self._instructions,
                self._threads,
            )
        )
        return out

    def dense(
        self, rows: NDArray[np.int16], layer: Layer, *, residual: NDArray[np.int16] | None = None
    ) -> NDArray[np.int16]:
        return dense_by_conv(self, rows, layer, residual)

    def _create(self, layer: Layer) -> Any:
        pointer = self._ffi.new("j2kl_layer **")
        check(
            self._library.j2kl_layer_create(
                self._pointer("int16_t[]", layer.weights),
                self._pointer("int32_t[]", layer.bias),
                self._pointer("int32_t[]", layer.shift),
                layer.cout,
                layer.size,
                layer.cin,
                layer.low,
                layer.high,
                pointer,
            )
        )
        return self._ffi.gc(pointer[0], self._library.j2kl_layer_free)

    def _pointer(self, kind: str, array: NDArray[Any]) -> Any:
        return self._ffi.from_buffer(kind, array)


class NativeMixture:
    """Mixtures of the native library.

    Parameters
    ----------
    kind : str
        One of `j2klearn.neural.entropy.mixture.KINDS`.
    threads : int
        Threads to use at most.
    """

    def __init__(self, kind: str = "logistic", threads: int = 1) -> None:
        self._ffi, self._library = load()
        self._kind = kind
        self._threads = max(threads, 1)
        all_tables = tables(kind)
        #: The struct holds addresses, these the memory.
        self._buffers = [
            self._ffi.from_buffer("int64_t[]" if table.dtype == np.int64 else "int32_t[]", table)
            for table in all_tables
        ]
        self._tables = self._ffi.new(
            "j2kl_mixture_tables *", dict(zip(all_tables._fields, self._buffers, strict=True))
        )

    @property
    def kind(self) -> str:
        return self._kind

    def bins(self, parameters: NDArray[np.int16]) -> Bins:
        count = len(parameters)
        planes = [np.empty(count, np.int32) for _ in Bins._fields]
        self._call(self._library.j2kl_mixture_bins, parameters, planes)
        return Bins(*planes)

    def outside(
        self, parameters: NDArray[np.int16], centre: NDArray[np.int32], width: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        rows = np.empty((len(parameters), BINS + 1), np.float32)
        self._call(self._library.j2kl_mixture_outside, parameters, [centre, width], rows)
        return rows

    def digits(
        self,
        parameters: NDArray[np.int16],
        low: NDArray[np.int32],
        step: NDArray[np.int32],
        bits: NDArray[np.int32],
    ) -> NDArray[np.float32]:
        rows = np.empty((len(parameters), 1 << DIGIT_BITS), np.float32)
        self._call(self._library.j2kl_mixture_digits, parameters, [low, step, bits], rows)
        return rows

    def _call(
        self,
        function: Any,
        parameters: NDArray[np.int16],
        planes: list[NDArray[np.int32]],
        *rows: NDArray[np.float32],
    ) -> None:
        check_parameters(parameters)
        count = len(parameters)
        planes = [as_array(plane, np.int32, (count,), "places") for plane in planes]
        check(
            function(
                self._tables,
                self._ffi.from_buffer("int16_t[]", np.ascontiguousarray(parameters)),
                count,
                parameters.shape[2],
                *(self._ffi.from_buffer("int32_t[]", plane) for plane in planes),
                *(self._ffi.from_buffer("float[]", row) for row in rows),
                self._threads,
            )
        )
