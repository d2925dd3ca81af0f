"""The codec of numcodecs, for Zarr 2 and whatever else takes such codecs."""

from __future__ import annotations

from typing import Any, Self

from numcodecs.abc import Codec
from numcodecs.compat import ensure_bytes, ensure_ndarray, ndarray_copy

from ..errors import InputError
from .chunk import decode_chunk, encode_chunk
from .options import Options

__all__ = ["J2KLearn"]


class J2KLearn(Options, Codec):
    """JPEG 2000 as a codec of numcodecs; the options are those of `Options`.

    Its id is ``j2klearn``. What it decodes has the shape, the dtype, and the order of elements (C or Fortran) of what
    was encoded. It has no state: threads may share it.

    Examples
    --------
    >>> import numpy as np
    >>> codec = J2KLearn(ratio=20)
    >>> codec.decode(codec.encode(np.zeros((64, 64), np.uint8))).shape
    (64, 64)
    """

    codec_id = "j2klearn"

    def encode(self, buf: Any) -> bytes:
        """Code an array.

        Parameters
        ----------
        buf : ndarray, or another buffer with a shape
            uint8, uint16, int8 or int16; two axes or more, three with channels.

        Raises
        ------
        InputError
            If it cannot be coded: dtype, axes, samples beyond the bit depth, emptiness.
        OptionError
            If its shape has no room for the options.
        """
        return encode_chunk(ensure_ndarray(buf), self)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Decode an array.

        Parameters
        ----------
        buf : buffer
            What `encode` returned.
        out : buffer, optional
            Where to put the samples; it has the size of the array in bytes.

        Returns
        -------
        ndarray
            The array; `out` if it was given.

        Raises
        ------
        CodestreamError
            If the chunk is damaged or cut off.
        ModelNotFoundError
            If it needs a model that is not installed.
        InputError
            If `out` has another size, or cannot be written to.
        """
        array = decode_chunk(ensure_bytes(buf), self)
        if out is None:
            return array
        target = ensure_ndarray(out)
        if target.nbytes != array.nbytes or not target.flags.writeable:
            raise InputError(f"out has to be a buffer of {array.nbytes} bytes that can be written to")
        return ndarray_copy(array, out)

    def get_config(self) -> dict[str, Any]:
        return {"id": self.codec_id, **self.configuration()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the codec of a configuration, with or without its ``id``; see `Options.from_configuration`."""
        return cls.from_configuration({name: value for name, value in config.items() if name != "id"})
