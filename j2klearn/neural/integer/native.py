"""Integer layers that the native library computes (``native/include/j2kl.h``)."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...native.instructions import INSTRUCTIONS
from ...native.library import check, load
from .layer import Layer, check_operands, dense_by_conv

__all__ = ["NativeKernels"]


class NativeKernels:
    """Layers of the native library; see `j2klearn.neural.integer.layer.Kernels`.

    Parameters
    ----------
    threads : int
        Most threads to use.
    instructions : str
        One of `j2klearn.native.instructions.available_instructions`.
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
