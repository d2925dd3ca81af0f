"""Proposals blended by their likelihoods, and the gradients of both, for training, in native code."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .instructions import INSTRUCTIONS
from .library import as_array, check, load

__all__ = ["blend", "gradients"]

Floats = NDArray[np.float32]


def _numbers(ffi: Any, likelihoods: Floats, proposals: Floats, offset: float) -> tuple[Any, tuple[int, ...]]:
    """Return the numbers for the library, and the shape of the result."""
    count, number = likelihoods.shape[:2]
    outputs = proposals.shape[1] // max(number, 1)
    size = likelihoods.shape[2:]
    if not number or not outputs or proposals.shape != (count, outputs * number, *size) or offset <= 0:
        raise InputError(
            f"likelihoods of shape {likelihoods.shape} and an offset of {offset} do not fit proposals of shape "
            f"{proposals.shape}"
        )
    numbers = ffi.new("j2kl_blending *", [count, outputs, number, int(np.prod(size)), offset])
    return numbers, (count, outputs, *size)


def blend(
    likelihoods: Floats, proposals: Floats, offset: float, *, instructions: str = "best", threads: int = 1
) -> Floats:
    """Sum proposals, weighted by opacities: likelihoods that are divided by their sum (P1, equation 5).

    Parameters
    ----------
    likelihoods : ndarray, shape (N, P, H, W), float32
        One for each proposal, not negative.
    proposals : ndarray, shape (N, O P, H, W), float32
        P proposals for each of O outputs.
    offset : float
        Added to every likelihood; above 0.
    instructions : str
        One of `j2klearn.native.instructions.INSTRUCTIONS`.
    threads : int
        Number of threads. They share the N items.

    Returns
    -------
    ndarray, shape (N, O, H, W), float32
        The sums.

    Raises
    ------
    InputError
        If an array has another dtype, or the shapes do not fit each other.
    OptionError
        If the processor does not have the instructions.
    """
    ffi, library = load()
    numbers, shape = _numbers(ffi, likelihoods, proposals, offset)
    arrays = [as_array(each, np.float32, each.shape, "blended planes") for each in (likelihoods, proposals)]
    result = np.empty(shape, np.float32)
    pointers = [ffi.from_buffer("float[]", array) for array in (*arrays, result)]
    check(library.j2kl_blend(numbers, *pointers, INSTRUCTIONS.index(instructions), threads))
    return result


def gradients(
    likelihoods: Floats,
    proposals: Floats,
    offset: float,
    result: Floats,
    result_gradient: Floats,
    *,
    instructions: str = "best",
    threads: int = 1,
) -> tuple[Floats, Floats]:
    """Return the gradients of the likelihoods and of the proposals.

    Parameters
    ----------
    likelihoods, proposals, offset, instructions, threads
        As in `blend`.
    result : ndarray, shape (N, O, H, W), float32
        The result of `blend`.
    result_gradient : ndarray, shape (N, O, H, W), float32
        Its gradient.

    Returns
    -------
    likelihoods_gradient : ndarray, shape (N, P, H, W), float32
    proposals_gradient : ndarray, shape (N, O P, H, W), float32

    Raises
    ------
    InputError
        If an array has another dtype, or the shapes do not fit each other.
    OptionError
        If the processor does not have the instructions.
    """
    ffi, library = load()
    numbers, shape = _numbers(ffi, likelihoods, proposals, offset)
    shapes = (likelihoods.shape, proposals.shape, shape, shape)
    given = (likelihoods, proposals, result, result_gradient)
    arrays = [
        as_array(array, np.float32, its, "blended planes") for array, its in zip(given, shapes, strict=True)
    ]
    found = np.empty(likelihoods.shape, np.float32), np.empty(proposals.shape, np.float32)
    pointers = [ffi.from_buffer("float[]", array) for array in (*arrays, *found)]
    check(library.j2kl_blend_gradients(numbers, *pointers, INSTRUCTIONS.index(instructions), threads))
    return found
