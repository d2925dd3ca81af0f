"""The format of a chunk: JPEG 2000 codestreams, and a footer that describes the array.

A chunk begins with a codestream, and readers of JPEG 2000 stop at its end, so any reader shows the first picture of a
chunk. The footer holds a checksum, since a decoder does not notice all damage inside a codestream.

The fields of the footer, in order, with their size in bytes; numbers are big-endian, as in the codestreams:

========  =============  ==========================================================================
version   1              1
flags     1              bit 0: decode to Fortran order
dtype     3              as numpy writes it: ``|u1``, ``<u2``, ``|b1`` for bool, whose samples have one bit
ndim      1              number of axes
y, x      1 each         axes of rows and of columns
channel   1              channel axis; 255: there is none
shape     4 per axis     shape of the array
count     4              number of codestreams
lengths   8 each         bytes of each codestream
CRC-32    4              of all bytes of the chunk before this field
size      4              bytes of the footer from ``version`` to ``lengths``
magic     4              ``J2KA``
========  =============  ==========================================================================
"""

from __future__ import annotations

import itertools
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import CodestreamError, UnsupportedError
from .axes import Axes

__all__ = ["Frame", "pack", "unpack"]

_MAGIC = b"J2KA"
_VERSION = 1
_FORTRAN = 1
_NO_CHANNEL = 255
_HEAD = struct.Struct(">BB3sBBBB")
_TAIL = struct.Struct(">II4s")

_DAMAGED = "the chunk is damaged"


@dataclass(frozen=True)
class Frame:
    """The array that the footer of a chunk describes.

    Attributes
    ----------
    shape : tuple of int
        Shape of the array, each side less than 2 ** 32.
    dtype : dtype
        Its dtype, with its byte order.
    fortran : bool
        Whether its elements were in Fortran order.
    axes : Axes
        The roles of its axes.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    axes: Axes


def pack(frame: Frame, codestreams: Sequence[bytes]) -> bytes:
    """Return the chunk of an array and of the codestreams of its pictures."""
    axes = frame.axes
    channel = _NO_CHANNEL if axes.channel is None else axes.channel
    footer = b"".join(
        [
            _HEAD.pack(
                _VERSION,
                _FORTRAN * frame.fortran,
                frame.dtype.str.encode("ascii"),
                axes.ndim,
                axes.y,
                axes.x,
                channel,
            ),
            struct.pack(f">{axes.ndim}I", *frame.shape),
            struct.pack(f">I{len(codestreams)}Q", len(codestreams), *map(len, codestreams)),
        ]
    )
    body = b"".join([*codestreams, footer])
    return body + _TAIL.pack(zlib.crc32(body), len(footer), _MAGIC)


def unpack(chunk: bytes) -> tuple[Frame, list[bytes]]:
    """Return the description of the array of a chunk, and its codestreams.

    Raises
    ------
    CodestreamError
        If the chunk was not written by this codec, or is damaged or truncated.
    UnsupportedError
        If the chunk was written by a later version.
    """
    end = len(chunk) - _TAIL.size
    if end < 0 or chunk[-len(_MAGIC) :] != _MAGIC:
        raise CodestreamError("the chunk is cut off, or was not written by this codec")
    checksum, size, _ = _TAIL.unpack_from(chunk, end)
    if zlib.crc32(memoryview(chunk)[:end]) != checksum:
        raise CodestreamError(f"{_DAMAGED}: its checksum is wrong")
    start = end - size
    if start < 0:
        raise CodestreamError(_DAMAGED)
    if size and chunk[start] != _VERSION:
        raise UnsupportedError(
            f"the chunk has version {chunk[start]}, which needs a later version of j2klearn"
        )
    try:
        return _read(chunk, start, end)
    except (struct.error, TypeError, ValueError) as error:
        raise CodestreamError(_DAMAGED) from error


def _read(chunk: bytes, start: int, end: int) -> tuple[Frame, list[bytes]]:
    _, flags, name, ndim, y, x, channel = _HEAD.unpack_from(chunk, start)
    at = start + _HEAD.size
    shape = struct.unpack_from(f">{ndim}I", chunk, at)
    (count,) = struct.unpack_from(">I", chunk, at + 4 * ndim)
    at += 4 * ndim + 4
    if at + 8 * count != end:
        raise ValueError("the size of the footer is wrong")
    lengths = struct.unpack_from(f">{count}Q", chunk, at)
    edges = [0, *np.cumsum(lengths, dtype=object)]
    if edges[-1] != start or not math.prod(shape):
        raise ValueError("the size of the codestreams is wrong")
    axes = Axes.of(ndim, (y, x), None if channel == _NO_CHANNEL else channel)
    dtype = np.dtype(name.decode("ascii"))
    if dtype.kind not in "iub" or dtype.itemsize > 2:
        raise ValueError("the dtype is not supported")
    codestreams = [chunk[first:last] for first, last in itertools.pairwise(edges)]
    return Frame(shape, dtype, bool(flags & _FORTRAN), axes), codestreams
