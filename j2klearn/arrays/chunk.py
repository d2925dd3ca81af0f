"""Chunks: an array of any number of axes as JPEG 2000 codestreams, and back.

A picture with channels is a codestream of its own. Pictures without are the components of one codestream, up to 255
of them and up to 2 ** 26 samples: they share its header, and its bytes go where they do most; no transform runs
across them. What is beyond that is spread evenly over several codestreams.
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

#: Samples of pictures in one codestream: the coder's memory is a multiple of theirs.
_MOST_SAMPLES = 1 << 26

#: Arrays have their chunks coded side by side, by the threads of Zarr, dask or whoever calls.
_THREADS = 1


def encode_chunk(array: NDArray[Any], options: Options) -> bytes:
    """Code an array.

    Parameters
    ----------
    array : ndarray
        uint8, uint16, int8 or int16 in any byte order; two axes or more, three with channels. It may be a view of any
        strides, and read-only.
    options : Options
        How to code it.

    Returns
    -------
    bytes
        See `frame`.

    Raises
    ------
    InputError
        If the array cannot be coded: dtype, axes, samples beyond the bit depth, emptiness.
    OptionError
        If its shape has no room for the options.
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
    """Return over how many codestreams planes of so many samples are spread."""
    most = min(MAX_COMPONENTS, max(1, _MOST_SAMPLES // max(1, samples)))
    return math.ceil(planes / most)


def _encode(picture: NDArray[Any], options: Options, *, planes: bool) -> bytes:
    components = picture.shape[2]
    colour = options.component_transform
    if colour is None:
        colour = components in (3, 4)
    colour = colour and not planes
    bpp = options.bpp
    if bpp is not None and planes:
        bpp *= components  # of every plane, and they are the components of one picture
    coding = EncodeOptions(
        bpp=bpp,
        ratio=options.ratio,
        psnr=options.psnr,
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
        What `encode_chunk` returned.
    options : Options
        The model is looked for among the shipped ones and here; nothing else is needed of them.
    shape : sequence of int, optional
        The shape that it has to have.
    dtype : dtype, optional
        The dtype that it has to have, in any byte order.

    Returns
    -------
    ndarray
        Of the shape, the dtype and the order of elements that were coded.

    Raises
    ------
    CodestreamError
        If the chunk is damaged or cut off, or is of another shape or dtype.
    ModelNotFoundError
        If it needs a model that is not installed.
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
    """Return how many components every codestream has, of which the headers have to fit the array."""
    headers = [read_main_header(codestream) for codestream in codestreams]
    counts = [header.components for header in headers]
    fits = counts == [stacked[3]] * stacked[0] if len(stacked) > 3 else sum(counts) == stacked[0]
    bits, signed = 8 * frame.dtype.itemsize, frame.dtype.kind == "i"
    for header in headers:
        fits = fits and header.area.shape == stacked[1:3]
        fits = fits and max(header.precisions) <= bits and set(header.signed) == {signed}
    if not fits:
        raise CodestreamError("the codestreams of the chunk are not those of its array")
    return counts


def _model(options: Options) -> Any:
    """Return the model of the options; None where it is gone since they were read: the chunk may need another."""
    transform = options.transform
    try:
        return None if transform is None else resolve(transform)
    except ModelNotFoundError:
        return None
