"""The codec for numcodecs, which Zarr 2 and other libraries use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numcodecs.abc import Codec
from numcodecs.compat import ensure_bytes, ensure_ndarray, ndarray_copy

from ..core.picture import unmasked
from ..errors import CodestreamError, InputError
from .chunk import decode_chunk, encode_chunk
from .options import Options

__all__ = ["J2KLearn"]


class J2KLearn(Options, Codec):
    """JPEG 2000 as a codec of numcodecs; the options are those of `Options`.

    Its id is ``j2klearn``. The decoded array has the shape, the dtype and the order of elements (C or Fortran) of the
    encoded one. A codec has no state, so threads may share it.

    Examples
    --------
    >>> import numpy as np
    >>> codec = J2KLearn(ratio=20)
    >>> codec.decode(codec.encode(np.zeros((64, 64), np.uint8))).shape
    (64, 64)
    """

    codec_id = "j2klearn"

    def encode(self, buf: Any) -> bytes:
        """Encode an array.

        Parameters
        ----------
        buf : ndarray, or another buffer with a shape
            Samples of dtype uint8, uint16, int8, int16 or bool, with at least two axes, or three with a channel axis.

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
        return encode_chunk(_array(unmasked(buf)), self)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Decode an array.

        Parameters
        ----------
        buf : buffer
            A chunk that `encode` returned.
        out : buffer, optional
            Where to write the samples: an array of the same shape and dtype in any byte order and memory order, or
            another buffer of the size of the array in bytes, which gets the bytes in the order that they were encoded
            in.

        Returns
        -------
        ndarray
            The array, or `out` if it was given.

        Raises
        ------
        CodestreamError
            If the chunk is damaged or truncated.
        ModelNotFoundError
            If the chunk needs a model that is not installed.
        InputError
            If `out` has another size, is read-only, or holds Python objects.
        """
        try:
            chunk = ensure_bytes(buf)
        except TypeError:
            raise CodestreamError(f"a chunk is a buffer of bytes, not {type(buf).__name__}") from None
        array = decode_chunk(chunk, self)
        if out is None:
            return array
        target = _array(out)
        if target.nbytes != array.nbytes or not target.flags.writeable or target.dtype.hasobject:
            raise InputError(f"out has to be a buffer of {array.nbytes} bytes that is not read-only")
        if target.shape == array.shape and target.dtype.newbyteorder("=") == array.dtype.newbyteorder("="):
            # ndarray_copy would copy bytes in the order of memory, whatever the order of out is
            np.copyto(target, array)
            return out
        return ndarray_copy(array, out)

    def get_config(self) -> dict[str, Any]:
        return {"id": self.codec_id, **self.configuration()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the codec of a configuration, with or without its ``id``.

        Raises
        ------
        OptionError, ModelError
            See `Options.from_configuration`.
        """
        if isinstance(config, Mapping):
            config = {name: value for name, value in config.items() if name != "id"}
        return cls.from_configuration(config)


def _array(buffer: Any) -> Any:
    """Return a view of a buffer as an array; raise `InputError` if it is no buffer."""
    try:
        return ensure_ndarray(buffer)
    except TypeError:
        raise InputError(f"an array is needed, or another buffer, not {type(buffer).__name__}") from None
