"""Encoding and decoding of a chunk: an array of any number of axes as JPEG 2000 codestreams.

With a channel axis, each picture is a codestream. Without one, the pictures are the components of one codestream, up to
255 of them and up to 2 ** 26 samples: they share a header, and the rate control distributes the bytes among them; no
component transform is applied. Larger stacks are split evenly over several codestreams.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..api.decode import decode
from ..api.encode import encode_with
from ..api.options import EncodeOptions
from ..codestream.main_header import read_main_header
from ..core.limits import MAX_COMPONENTS
from ..errors import CodestreamError, ModelNotFoundError
from ..models.registry import resolve
from .frame import Frame, pack, unpack
from .options import Options, check_dtype

__all__ = ["decode_chunk", "encode_chunk"]

#: Limit of the samples in one codestream of a stack; the memory of the encoder is proportional to their number.
_MAX_SAMPLES = 1 << 26

#: Threads per chunk: the callers, Zarr or dask, work on several chunks at once.
_THREADS = 1


def encode_chunk(array: NDArray[Any], options: Options) -> bytes:
    """Encode an array.

    Parameters
    ----------
    array : ndarray
        Samples of dtype uint8, uint16, int8, int16 or bool in any byte order, with at least two axes, or three with a
        channel axis. It may be a view with any strides, and read-only.
    options : Options
        How to encode it.

    Returns
    -------
    bytes
        The chunk, in the format of `j2klearn.arrays.frame`.

    Raises
    ------
    InputError
        If the array cannot be coded: its dtype or axes, a sample that exceeds the bit depth, or an empty array.
    OptionError
        If its shape does not allow the options, for example so many decomposition levels.
    """
    options.check_array(array.shape, array.dtype)
    axes = options.axes_of(array.shape)
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    pictures = axes.stack(native)
    if axes.channel is None:
        first, height, width = pictures.shape
        groups = np.array_split(pictures, max(1, _codestreams(first, height * width)))
        codestreams = [_encode(group.transpose(1, 2, 0), options, planes=True) for group in groups]
    else:
        codestreams = [_encode(picture, options, planes=False) for picture in pictures]
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    return pack(Frame(array.shape, array.dtype, fortran, axes), codestreams)


def _codestreams(planes: int, samples: int) -> int:
    """Return the number of codestreams for a number of planes with a number of samples each."""
    planes_per_codestream = min(MAX_COMPONENTS, max(1, _MAX_SAMPLES // max(1, samples)))
    return math.ceil(planes / planes_per_codestream)


def _encode(picture: NDArray[Any], options: Options, *, planes: bool) -> bytes:
    components = picture.shape[2]
    colour = options.component_transform
    if colour is None:
        colour = components in (3, 4)
    colour = colour and not planes
    bpp = options.bpp
    if bpp is not None and planes:
        bpp *= components  # the option is per plane, that of `encode` per picture
    coding = EncodeOptions(
        bpp=bpp,
        ratio=options.ratio,
        psnr=options.psnr,
        tune=options.tune,
        lossless=bool(options.lossless),
        model=options.transform,
        bit_depth=options.bit_depth,
        colorspace="rgb" if colour else "grey",
        alpha=None if colour else False,
        component_transform=colour,
        levels=options.levels,
        jp2=False,
        threads=_THREADS,
        max_pixels=None,
    )
    return encode_with(np.ascontiguousarray(picture), coding)


def decode_chunk(
    chunk: bytes,
    options: Options,
    *,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike | None = None,
) -> NDArray[Any]:
    """Decode an array.

    Parameters
    ----------
    chunk : bytes
        A chunk that `encode_chunk` returned.
    options : Options
        Only their model is used: it is looked up next to the shipped ones.
    shape : sequence of int, optional
        The expected shape.
    dtype : dtype, optional
        The expected dtype; its byte order is ignored.

    Returns
    -------
    ndarray
        The array, with the shape, the dtype and the order of elements (C or Fortran) of the encoded one.

    Raises
    ------
    CodestreamError
        If the chunk is damaged or truncated, or has another shape or dtype than expected.
    ModelNotFoundError
        If the chunk needs a model that is not installed.
    """
    frame, codestreams = unpack(chunk)
    _check(frame, shape, dtype)
    native = frame.dtype.newbyteorder("=")
    stacked = frame.axes.stacked_shape(frame.shape)
    counts = _components(codestreams, frame, stacked)
    model = _model(options)
    pictures = np.empty(stacked, native)
    done = 0
    for codestream, count in zip(codestreams, counts, strict=True):
        samples = decode(
            codestream, model=model, threads=_THREADS, max_pixels=stacked[1] * stacked[2]
        ).reshape(*stacked[1:3], count)
        if frame.axes.channel is None:
            pictures[done : done + count] = samples.transpose(2, 0, 1)
            done += count
        else:
            pictures[done] = samples
            done += 1
    array = frame.axes.unstack(pictures, frame.shape)
    return np.asarray(array, frame.dtype, order="F" if frame.fortran else "C")


def _check(frame: Frame, shape: Sequence[int] | None, dtype: DTypeLike | None) -> None:
    wanted_dtype = frame.dtype if dtype is None else check_dtype(dtype)
    wanted_shape = frame.shape if shape is None else tuple(shape)
    if wanted_shape != frame.shape or wanted_dtype.newbyteorder("=") != frame.dtype.newbyteorder("="):
        raise CodestreamError(
            f"the chunk holds {frame.dtype.name} samples of the shape {frame.shape}, where the array has "
            f"{wanted_dtype.name} samples of the shape {wanted_shape}"
        )


def _components(codestreams: Sequence[bytes], frame: Frame, stacked: tuple[int, ...]) -> list[int]:
    """Return the number of components of each codestream, after checking its header against the array."""
    headers = [read_main_header(codestream) for codestream in codestreams]
    counts = [header.components for header in headers]
    fits = counts == [stacked[3]] * stacked[0] if len(stacked) > 3 else sum(counts) == stacked[0]
    bits = 1 if frame.dtype.kind == "b" else 8 * frame.dtype.itemsize
    signed = frame.dtype.kind == "i"
    for header in headers:
        fits = fits and header.area.shape == stacked[1:3]
        fits = fits and max(header.precisions) <= bits and set(header.signed) == {signed}
    if not fits:
        raise CodestreamError("the codestreams of the chunk do not match its array")
    return counts


def _model(options: Options) -> Any:
    """Return the model of the options, or None if it is no longer installed: the chunk may need another one."""
    transform = options.transform
    try:
        return None if transform is None else resolve(transform)
    except ModelNotFoundError:
        return None
