"""One level of the 9/7 or the 5/3 wavelet, and the reconstruction points of tier-1, in native code."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.geometry import Rect
from ..errors import InputError
from .library import as_array, load, raise_code

__all__ = ["analyse", "reconstruct", "synthesise"]


def _check_level(code: int) -> None:
    if code != 0:
        raise_code(code, "out of memory" if code == 2 else "the area of the plane is out of range")


def _names(dtype: np.dtype[Any], non_separable: bool) -> tuple[str, str]:
    """Return the C type of `dtype`, and the suffix of the functions for it."""
    if dtype == np.float32 and not non_separable:
        return "float[]", "97"
    if dtype == np.int32:
        return "int32_t[]", "non_separable_53" if non_separable else "53"
    raise InputError(f"a plane must be float32 (9/7) or int32 (5/3), not {dtype}")


def analyse(
    plane: NDArray[Any], origin: tuple[int, int] = (0, 0), threads: int = 1, *, non_separable: bool = False
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Decompose a plane into LL, HL, LH and HH by one level of the 9/7 or the 5/3 (T.800 F.4.2).

    Parameters
    ----------
    plane : ndarray, shape (H, W)
        Samples: float32 for the 9/7, int32 for the 5/3.
    origin : (int, int)
        Grid position ``(y0, x0)`` of the first sample. Samples at even positions become low-pass coefficients.
    threads : int
        Number of threads.
    non_separable : bool
        Whether the 5/3 lifts in two dimensions at once, so that it rounds every coefficient once; see
        ``docs/format-lossless.md``. Otherwise it is that of T.800.

    Returns
    -------
    ll, hl, lh, hh : ndarray
        The subbands, of the dtype of `plane` and the sizes of T.800 equation B-15.

    Raises
    ------
    InputError
        If `plane` has another dtype or another number of axes.
    """
    ctype, suffix = _names(plane.dtype, non_separable)
    ffi, library = load()
    if plane.ndim != 2:
        raise InputError(f"a plane must have two dimensions, not {plane.ndim}")
    plane = np.ascontiguousarray(plane)
    height, width = plane.shape
    y0, x0 = origin
    area = Rect(y0, x0, y0 + height, x0 + width)
    ll, hl, lh, hh = (np.empty(rect.shape, plane.dtype) for rect in area.decomposed())
    pointers = [ffi.from_buffer(ctype, band) for band in (ll, hl, lh, hh)]
    function = getattr(library, f"j2kl_analyse_{suffix}")
    _check_level(function(ffi.from_buffer(ctype, plane), width, width, height, x0, y0, *pointers, threads))
    return ll, hl, lh, hh


def synthesise(
    ll: NDArray[Any],
    hl: NDArray[Any],
    lh: NDArray[Any],
    hh: NDArray[Any],
    area: Rect,
    threads: int = 1,
    out: NDArray[Any] | None = None,
    *,
    non_separable: bool = False,
) -> NDArray[Any]:
    """Reconstruct a plane from LL, HL, LH and HH: the inverse of `analyse` (T.800 F.3.2).

    Parameters
    ----------
    ll, hl, lh, hh : ndarray
        The subbands, float32 (9/7) or int32 (5/3).
    area : Rect
        Area of the plane on the grid.
    threads : int
        Number of threads.
    out : ndarray, shape (area.height, area.width), optional
        The place for the plane: contiguous, and of the dtype of the subbands. Default: a new array.
    non_separable : bool
        As in `analyse`.

    Returns
    -------
    ndarray, shape (area.height, area.width)
        The plane, of the dtype of the subbands.

    Raises
    ------
    InputError
        If a subband or `out` has another dtype, or its shape does not fit `area`.
    """
    ctype, suffix = _names(ll.dtype, non_separable)
    ffi, library = load()
    dtype = np.float32 if suffix == "97" else np.int32
    bands = [
        as_array(band, dtype, rect.shape, "subbands")
        for band, rect in zip((ll, hl, lh, hh), area.decomposed(), strict=True)
    ]
    pointers = [ffi.from_buffer(ctype, band) for band in bands]
    plane: NDArray[Any] = np.empty(area.shape, dtype) if out is None else out
    if as_array(plane, dtype, area.shape, "the samples of a plane") is not plane:
        raise InputError("the place for a plane has to be contiguous")
    function = getattr(library, f"j2kl_synthesise_{suffix}")
    place = ffi.from_buffer(ctype, plane)
    _check_level(function(*pointers, area.width, area.height, area.x0, area.y0, place, area.width, threads))
    return plane


def reconstruct(
    half_steps: NDArray[np.int32], spacing: float, bias: float, threads: int = 1
) -> NDArray[np.float32]:
    """Reconstruct coefficients from the half quantiser steps that tier-1 decoded.

    The midpoint of the interval of a coefficient is moved towards zero, where a peaked distribution has more of its
    mass (T.800 equation E-6 with r below one half).

    Parameters
    ----------
    half_steps : ndarray, int32
        The coefficients in half quantiser steps; see `j2klearn.native.transport.Decoder.subbands`.
    spacing : float
        Half the quantiser step, in the unit of the result.
    bias : float
        Fraction of the interval by which the point of the first interval moves. In the n-th interval from zero the
        point moves by ``bias / (1 + (n - 1) / 4)`` of the interval.
    threads : int
        Number of threads.

    Returns
    -------
    ndarray, float32
        The coefficients, of the shape of `half_steps`.

    Raises
    ------
    InputError
        If `half_steps` has another dtype.
    """
    ffi, library = load()
    half_steps = as_array(half_steps, np.int32, half_steps.shape, "half quantiser steps")
    band = np.empty(half_steps.shape, np.float32)
    source, target = ffi.from_buffer("int32_t[]", half_steps), ffi.from_buffer("float[]", band)
    _check_level(library.j2kl_reconstruct(source, target, band.size, spacing, bias, threads))
    return band
