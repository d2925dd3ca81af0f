"""Pixels of planes and planes of pixels: the ICT, the level shift, rounding and clipping, in native code."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .instructions import INSTRUCTIONS
from .library import check, load

__all__ = ["pixels", "planes"]


def pixels(
    planes: NDArray[np.float32],
    bit_depth: int,
    *,
    ict: bool,
    signed: bool = False,
    threads: int = 1,
    instructions: str = "best",
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Convert planes to pixels. Every operation is rounded by itself, so all instruction sets give the same pixels.

    Parameters
    ----------
    planes : ndarray, shape (C, H, W), float32
        The planes, in units of 8-bit grey levels, level shifted.
    bit_depth : int
        Bits per sample, 1 to 16.
    ict : bool
        Whether the first three planes are Y, Cb and Cr.
    signed : bool
        Whether samples are signed.
    threads : int
        Most threads to use.
    instructions : str
        One of `j2klearn.native.instructions.available_instructions`.

    Returns
    -------
    ndarray, shape (H, W, C)
        uint8 for up to 8 bits per sample, else uint16. Signed samples have the bits of int8 or int16.
    """
    ffi, library = load()
    count, height, width = planes.shape
    planes = np.ascontiguousarray(planes, np.float32)
    out = np.empty((height, width, count), np.uint8 if bit_depth <= 8 else np.uint16)
    if out.size:
        sources = ffi.new("float *[]", [ffi.cast("float *", plane.ctypes.data) for plane in planes])
        target = ffi.cast("void *", out.ctypes.data)
        code = INSTRUCTIONS.index(instructions)
        shape = height * width, int(ict), bit_depth, int(signed)
        check(library.j2kl_pixels(sources, count, *shape, target, code, threads))
    return out


def planes(
    samples: NDArray[Any],
    bit_depth: int,
    *,
    ict: bool,
    threads: int = 1,
    instructions: str = "best",
) -> NDArray[np.float32]:
    """Convert pixels to planes; the inverse of `pixels`. All instruction sets give the same planes.

    Parameters
    ----------
    samples : ndarray, shape (H, W, C)
        The samples: uint8, int8, uint16 or int16. Those of unsigned types are level shifted.
    bit_depth : int
        Bits per sample, 1 to those of the type.
    ict : bool
        Whether the first three components go through the ICT.
    threads : int
        Most threads to use.
    instructions : str
        As in `pixels`.

    Returns
    -------
    ndarray, shape (C, H, W), float32
        The planes, in units of 8-bit grey levels.
    """
    ffi, library = load()
    height, width, count = samples.shape
    samples = np.ascontiguousarray(samples)
    out = np.empty((count, height, width), np.float32)
    if out.size:
        source = ffi.cast("void *", samples.ctypes.data)
        targets = ffi.new("float *[]", [ffi.cast("float *", plane.ctypes.data) for plane in out])
        code = INSTRUCTIONS.index(instructions)
        shape = height * width, int(ict), samples.itemsize, bit_depth, int(samples.dtype.kind == "i")
        check(library.j2kl_planes(source, count, *shape, targets, code, threads))
    return out
