"""The codec for Zarr 3."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from zarr.abc.codec import ArrayBytesCodec

from ..errors import OptionError
from .axes import Axes
from .chunk import decode_chunk, encode_chunk
from .options import Options, check_dtype

if TYPE_CHECKING:
    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer, NDBuffer

__all__ = ["J2KLearnCodec"]

_NAME = "j2klearn"


@dataclass(frozen=True, kw_only=True)
class J2KLearnCodec(Options, ArrayBytesCodec):
    """JPEG 2000 as the ``serializer`` of a Zarr 3 array; the options are those of `Options`.

    Its name in the metadata is ``j2klearn``. Each chunk is coded as a whole, at the edges with the padding of Zarr.
    Further compressors gain nothing. Shape and dtype of the chunks are checked when the array is created, and each
    chunk that is read is checked against them. A codec has no state, so threads may share it.

    Examples
    --------
    >>> import zarr
    >>> array = zarr.create_array(
    ...     {},
    ...     shape=(20, 512, 512),
    ...     chunks=(10, 256, 256),
    ...     dtype="uint16",
    ...     serializer=J2KLearnCodec(),
    ...     compressors=None,
    ... )
    """

    is_fixed_size = False

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Return the codec of its entry in the metadata of an array.

        Raises
        ------
        OptionError
            If the entry is of another codec, or an option is unknown or out of range.
        ModelError
            If the model is not installed, or its file is damaged.
        """
        if data.get("name") != _NAME:
            raise OptionError(f"the codec is named {_NAME!r}, not {data.get('name')!r}")
        return cls.from_configuration(data.get("configuration", {}))

    def to_dict(self) -> dict[str, Any]:
        return {"name": _NAME, "configuration": self.configuration()}

    def validate(self, *, shape: tuple[int, ...], dtype: Any, chunk_grid: Any) -> None:
        """Raise `InputError` or `OptionError` if an array cannot be coded with these options."""
        # a grid of chunks that differ in size has no chunk_shape
        self.check_array(getattr(chunk_grid, "chunk_shape", shape), _numpy(dtype))

    def evolve_from_array_spec(self, array_spec: ArraySpec) -> Self:
        # inside a shard Zarr does not call `validate`; the shape is that of the array or of a chunk
        check_dtype(_numpy(array_spec.dtype))
        Axes.of(len(array_spec.shape), self.axes, self.channel_axis)
        return self

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """Raise `NotImplementedError`, which tells Zarr that the size of encoded chunks varies."""
        raise NotImplementedError

    async def _encode_single(self, chunk_data: NDBuffer, chunk_spec: ArraySpec) -> Buffer:
        array = chunk_data.as_numpy_array()
        coded = await asyncio.to_thread(encode_chunk, array, self)
        return chunk_spec.prototype.buffer.from_bytes(coded)

    async def _decode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        dtype = _numpy(chunk_spec.dtype)
        chunk = chunk_data.to_bytes()
        array = await asyncio.to_thread(decode_chunk, chunk, self, shape=chunk_spec.shape, dtype=dtype)
        # ndarray meets the protocol of Zarr, but not its annotations
        samples: Any = array.astype(dtype, copy=False)
        return chunk_spec.prototype.nd_buffer.from_ndarray_like(samples)


def _numpy(dtype: Any) -> np.dtype[Any]:
    """Return the numpy dtype of a dtype of Zarr 3.1 and later, or of numpy, which earlier versions pass."""
    native: np.dtype[Any] = np.dtype(dtype.to_native_dtype() if hasattr(dtype, "to_native_dtype") else dtype)
    return native
