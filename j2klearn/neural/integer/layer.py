"""Convolutions in integers: the same results from every backend, on every machine, with any number of threads.

Activations are int16 of shape (h, w, c), weights int16, biases int32, and sums 32 bits wide. A layer stores a bound of
its input and proves that no sum overflows 32 bits, so the order of additions makes no difference.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, ModelError

__all__ = ["Kernels", "Layer", "Plane", "TorchKernels"]

#: Activations (h, w, c) or (n, c), subbands (h, w) of compressed coefficients, or mixtures (..., 3, K).
Plane = NDArray[np.int16]

_INT16 = np.iinfo(np.int16)
_SUM_LIMIT = 1 << 31
_SIZES = (1, 3, 5)
_MAX_SHIFT = 30
_MAX_CHANNELS = 1 << 12


@dataclass(frozen=True, eq=False)
class Layer:
    """One convolution: ``clamp(((sum + bias + rounding) >> shift) + residual, low, high)``.

    The rounding is half of ``1 << shift``, 0 where `shift` is 0.

    Attributes
    ----------
    weights : ndarray of int16, shape (cout, k, k, cin)
        Filters; k is 1, 3 or 5. Filters are not flipped.
    bias : ndarray of int32, shape (cout,)
        Biases, added to the sums.
    shift : ndarray of int32, shape (cout,)
        Number of bits by which the sums are shifted right, 0 to 30.
    low, high : int
        Range of the output, within int16. A `low` of 0 makes it a ReLU.
    input_bound : int
        Largest magnitude of the input, 1 to 32768. The caller guarantees it: backends do not check it.
    cout, size, cin : int
        Output channels, side of the kernel, and input channels. They follow from the weights.

    Raises
    ------
    ModelError
        If an array has the wrong dtype or shape, a number is out of range, or a sum could overflow 32 bits.
    """

    weights: NDArray[np.int16]
    bias: NDArray[np.int32]
    shift: NDArray[np.int32]
    low: int = _INT16.min
    high: int = _INT16.max
    input_bound: int = 4095
    cout: int = field(init=False)
    size: int = field(init=False)
    cin: int = field(init=False)

    def __post_init__(self) -> None:
        shape = self.weights.shape
        if len(shape) != 4 or shape[1] != shape[2] or shape[1] not in _SIZES:
            raise ModelError(
                f"weights of a layer have to be of shape (cout, k, k, cin) with k 1, 3 or 5, not {shape}"
            )
        if not (1 <= shape[0] <= _MAX_CHANNELS and 1 <= shape[3] <= _MAX_CHANNELS):
            raise ModelError(
                f"a layer has to have 1 to {_MAX_CHANNELS} channels, not {shape[3]} and {shape[0]}"
            )
        for name, dtype, expected in (
            ("weights", np.int16, shape),
            ("bias", np.int32, shape[:1]),
            ("shift", np.int32, shape[:1]),
        ):
            array = getattr(self, name)
            if array.dtype != dtype or array.shape != expected:
                raise ModelError(
                    f"a layer's {name} have to be {np.dtype(dtype)} of shape {expected}, "
                    f"not {array.dtype} of shape {array.shape}"
                )
            array = np.ascontiguousarray(array)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        for name, value in (("cout", shape[0]), ("size", shape[1]), ("cin", shape[3])):
            object.__setattr__(self, name, value)
        if (self.shift < 0).any() or (self.shift > _MAX_SHIFT).any():
            raise ModelError(f"a layer's shifts have to be from 0 to {_MAX_SHIFT}")
        if not _INT16.min <= self.low <= self.high <= _INT16.max:
            raise ModelError(f"a layer's range has to lie within int16, not {self.low} to {self.high}")
        if not 1 <= self.input_bound <= -_INT16.min:
            raise ModelError(f"a layer's input bound has to be from 1 to 32768, not {self.input_bound}")
        if (largest := int(self.sum_bounds.max())) >= _SUM_LIMIT:
            raise ModelError(f"sums of a layer could reach {largest}, but they have to stay below 2^31")

    @property
    def sum_bounds(self) -> NDArray[np.int64]:
        """Largest magnitude of any partial sum, residual included, by output channel: int64, shape (cout,)."""
        weights = np.abs(self.weights.astype(np.int64)).sum((1, 2, 3))
        added = np.abs(self.bias.astype(np.int64)) + self.rounding
        bounds: NDArray[np.int64] = weights * self.input_bound + added - _INT16.min
        return bounds

    @property
    def rounding(self) -> NDArray[np.int64]:
        """The halves that are added to the sums before the shift: int64, shape (cout,)."""
        halves: NDArray[np.int64] = (np.int64(1) << self.shift.astype(np.int64)) >> 1
        return halves

    @property
    def output_bound(self) -> int:
        """Largest magnitude of the output."""
        return max(abs(self.low), abs(self.high))


class Kernels(Protocol):
    """A backend that computes layers. All backends give the same results."""

    @property
    def name(self) -> str:
        """One of `BACKENDS`."""

    def conv(
        self, x: NDArray[np.int16], layer: Layer, *, residual: NDArray[np.int16] | None = None
    ) -> NDArray[np.int16]:
        """Convolve a plane with zero padding.

        Parameters
        ----------
        x : ndarray of int16, shape (h, w, cin)
            The input, of at most the layer's `input_bound` in magnitude.
        layer : Layer
            The convolution.
        residual : ndarray of int16, shape (h, w, cout), optional
            Added to the shifted sums before they are clamped.

        Returns
        -------
        ndarray of int16, shape (h, w, cout)

        Raises
        ------
        InputError
            If an array has the wrong dtype or shape.
        """

    def dense(
        self, rows: NDArray[np.int16], layer: Layer, *, residual: NDArray[np.int16] | None = None
    ) -> NDArray[np.int16]:
        """Apply a layer of size 1 to a list of places.

        Parameters
        ----------
        rows : ndarray of int16, shape (n, cin)
            The input, of at most the layer's `input_bound` in magnitude.
        layer : Layer
            The convolution, with a 1x1 kernel.
        residual : ndarray of int16, shape (n, cout), optional
            Added to the shifted sums before they are clamped.

        Returns
        -------
        ndarray of int16, shape (n, cout)

        Raises
        ------
        InputError
            If an array has the wrong dtype or shape, or the kernel is not 1x1.
        """


def check_operands(
    x: NDArray[np.int16], layer: Layer, residual: NDArray[np.int16] | None
) -> tuple[NDArray[np.int16], NDArray[np.int16] | None]:
    """Return `x` and `residual` as contiguous arrays; raise `InputError` if `layer` does not accept them."""
    if x.dtype != np.int16 or x.ndim != 3 or x.shape[2] != layer.cin:
        raise InputError(
            f"the layer takes int16 of shape (h, w, {layer.cin}), not {x.dtype} of shape {x.shape}"
        )
    expected = (*x.shape[:2], layer.cout)
    if residual is not None and (residual.dtype != np.int16 or residual.shape != expected):
        raise InputError(
            f"the residual has to be int16 of shape {expected}, not {residual.dtype} of shape {residual.shape}"
        )
    return np.ascontiguousarray(x), None if residual is None else np.ascontiguousarray(residual)


def dense_by_conv(
    backend: Kernels, rows: NDArray[np.int16], layer: Layer, residual: NDArray[np.int16] | None
) -> NDArray[np.int16]:
    """Compute `Kernels.dense` by `Kernels.conv`, on a plane of one row."""
    if layer.size != 1 or rows.ndim != 2:
        raise InputError(f"a dense layer needs rows of shape (n, {layer.cin}) and a kernel of size 1")
    planes = None if residual is None else residual[None]
    out: NDArray[np.int16] = backend.conv(rows[None], layer, residual=planes)[0]
    return out


class TorchKernels:
    """Layers in PyTorch. Sums are float64, which is exact below 2^53 in any order."""

    name = "torch"

    def __init__(self) -> None:
        self._weights: weakref.WeakKeyDictionary[Layer, Any] = weakref.WeakKeyDictionary()

    def conv(
        self, x: NDArray[np.int16], layer: Layer, *, residual: NDArray[np.int16] | None = None
    ) -> NDArray[np.int16]:
        import torch

        x, residual = check_operands(x, layer, residual)
        height, width, _ = x.shape
        weights = self._weights.get(layer)
        if weights is None:
            taps = np.ascontiguousarray(layer.weights.transpose(1, 2, 3, 0))
            weights = self._weights[layer] = torch.from_numpy(taps.astype(np.float64))
        reach = layer.size // 2
        padded = torch.from_numpy(np.pad(x.astype(np.float64), ((reach,) * 2, (reach,) * 2, (0, 0))))
        sums = torch.zeros(height * width, layer.cout, dtype=torch.float64)
        for i in range(layer.size):
            for j in range(layer.size):
                sums.addmm_(padded[i : i + height, j : j + width].reshape(-1, layer.cin), weights[i, j])
        whole = sums.numpy().astype(np.int64) + (layer.bias + layer.rounding)
        whole >>= layer.shift.astype(np.int64)
        if residual is not None:
            whole += residual.reshape(whole.shape)
        out: NDArray[np.int16] = whole.clip(layer.low, layer.high).astype(np.int16)
        return out.reshape(height, width, layer.cout)

    def dense(
        self, rows: NDArray[np.int16], layer: Layer, *, residual: NDArray[np.int16] | None = None
    ) -> NDArray[np.int16]:
        return dense_by_conv(self, rows, layer, residual)
