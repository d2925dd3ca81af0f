"""Convolutions of float planes and their gradients, for training, in native code."""

from __future__ import annotations

from operator import gt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .instructions import INSTRUCTIONS
from .library import as_array, check, load

__all__ = ["convolve", "gradients"]

Floats = NDArray[np.float32]


def _checked(
    ffi: Any, planes: Floats, kernels: Floats
) -> tuple[Any, Floats, Floats, tuple[int, int, int, int]]:
    """Return the numbers for the library, contiguous planes and kernels, and the shape of the result."""
    alike = planes.ndim == kernels.ndim == 4 and planes.shape[1] == kernels.shape[1]
    if (
        not alike
        or min(*planes.shape, *kernels.shape) < 1
        or any(map(gt, kernels.shape[2:], planes.shape[2:]))
    ):
        raise InputError(f"kernels of shape {kernels.shape} do not fit planes of shape {planes.shape}")
    count, inputs, height, width = planes.shape
    outputs, _, rows, columns = kernels.shape
    numbers = ffi.new("j2kl_convolution *", [count, inputs, outputs, height, width, rows, columns])
    planes = as_array(planes, np.float32, planes.shape, "planes")
    kernels = as_array(kernels, np.float32, kernels.shape, "kernels")
    return numbers, planes, kernels, (count, outputs, height - rows + 1, width - columns + 1)


def _pointer(ffi: Any, array: Floats | None) -> Any:
    return ffi.NULL if array is None else ffi.from_buffer("float[]", array)


def convolve(
    planes: Floats,
    kernels: Floats,
    bias: Floats | None = None,
    *,
    rectified: bool = False,
    instructions: str = "best",
    threads: int = 1,
) -> Floats:
    """Convolve planes with stride 1 and without padding.

    Parameters
    ----------
    planes : ndarray, shape (N, I, H, W), float32
        The planes.
    kernels : ndarray, shape (O, I, h, w), float32
        The kernels.
    bias : ndarray, shape (O,), float32, optional
        Added to the result.
    rectified : bool
        Whether negative results become zero.
    instructions : str
        One of `j2klearn.native.instructions.INSTRUCTIONS`.
    threads : int
        Number of threads. They share the N items.

    Returns
    -------
    ndarray, shape (N, O, H - h + 1, W - w + 1), float32
        The result. Its rounding depends on the instruction set, and not on the number of threads.

    Raises
    ------
    InputError
        If an array has another dtype, or the shapes do not fit each other.
    OptionError
        If the processor does not have the instructions.
    """
    ffi, library = load()
    numbers, planes, kernels, shape = _checked(ffi, planes, kernels)
    if bias is not None:
        bias = as_array(bias, np.float32, (shape[1],), "biases")
    result = np.empty(shape, np.float32)
    pointers = [_pointer(ffi, array) for array in (planes, kernels, bias)]
    check(
        library.j2kl_convolve(
            numbers, *pointers, rectified, _pointer(ffi, result), INSTRUCTIONS.index(instructions), threads
        )
    )
    return result


def gradients(
    planes: Floats,
    kernels: Floats,
    result_gradient: Floats,
    *,
    rectified: Floats | None = None,
    wanted: tuple[bool, bool, bool] = (True, True, True),
    instructions: str = "best",
    threads: int = 1,
) -> tuple[Floats | None, Floats | None, Floats | None]:
    """Return the gradients of the planes, of the kernels and of the bias.

    Parameters
    ----------
    planes, kernels, instructions, threads
        As in `convolve`.
    result_gradient : ndarray, shape (N, O, H - h + 1, W - w + 1), float32
        The gradient of the result.
    rectified : ndarray, shape (N, O, H - h + 1, W - w + 1), float32, optional
        The result, if negative ones became zero.
    wanted : (bool, bool, bool)
        Which of the three are computed; the others are None.

    Returns
    -------
    planes_gradient : ndarray, shape (N, I, H, W), float32, or None
    kernels_gradient : ndarray, shape (O, I, h, w), float32, or None
    bias_gradient : ndarray, shape (O,), float32, or None

    Raises
    ------
    InputError
        If an array has another dtype, or the shapes do not fit each other.
    OptionError
        If the processor does not have the instructions.
    """
    ffi, library = load()
    numbers, planes, kernels, shape = _checked(ffi, planes, kernels)
    result_gradient = as_array(result_gradient, np.float32, shape, "gradients")
    if rectified is not None:
        rectified = as_array(rectified, np.float32, shape, "results")
    shapes = (planes.shape, kernels.shape, (shape[1],))
    found = [np.empty(each, np.float32) if want else None for each, want in zip(shapes, wanted, strict=True)]
    arrays = [planes, kernels, rectified, result_gradient, *found]
    pointers = [_pointer(ffi, array) for array in arrays]
    check(library.j2kl_convolution_gradients(numbers, *pointers, INSTRUCTIONS.index(instructions), threads))
    return found[0], found[1], found[2]
