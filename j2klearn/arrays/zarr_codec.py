"""The codec of Zarr 3."""

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

    Its name in the metadata is ``j2klearn``. Chunks are coded whole, those at the edges as Zarr pads them; compressors
    after it gain nothing. Shape and dtype of the chunks are checked as the array is made, and what is read is held
    against them. It has no state: threads may share it.

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
        """Return the codec of its JSON in an array's metadata.

        Raises
        ------
        OptionError
            If an option is out of range, or there is no such option.
        ModelError
            If the model is not installed, or its file is damaged.
        """
        if data.get("name") != _NAME:
            raise OptionError(f"the codec is named {_NAME!r}, not {data.get('name')!r}")
        return cls.from_configuration(data.get("configuration", {}))

    def to_dict(self) -> dict[str, Any]:
        return {"name": _NAME, "configuration": self.configuration()}

    def validate(self, *, shape: tuple[int, ...], dtype: Any, chunk_grid: Any) -> None:
        """Raise `InputError` or `OptionError` where an array cannot be coded with these options."""
        # chunks that differ in size have no one shape
        self.check_array(getattr(chunk_grid, "chunk_shape", shape), _numpy(dtype))

    def evolve_from_array_spec(self, array_spec: ArraySpec) -> Self:
        # within a shard there is no call of `validate`; the shape is the array's or a chunk's
        check_dtype(_numpy(array_spec.dtype))
        Axes.of(len(array_spec.shape), self.axes, self.channel_axis)
        return self

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """Raise NotImplementedError, by which Zarr knows that the size of chunks varies."""
        raise NotImplementedError

    async def _encode_single(self, chunk_data: NDBuffer, chunk_spec: ArraySpec) -> Buffer:
        array = chunk_data.as_numpy_array()
        coded = await asyncio.to_thread(encode_chunk, array, self)
        return chunk_spec.prototype.buffer.from_bytes(coded)

    async def _decode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        dtype = _numpy(chunk_spec.dtype)
        chunk = chunk_data.to_bytes()
        array = await asyncio.to_thread(decode_chunk, chunk, self, shape=chunk_spec.shape, dtype=dtype)
        # ndarrays are what Zarr's protocol describes, though not to the letter
        samples: Any = array.astype(dtype, copy=False)
        return chunk_spec.prototype.nd_buffer.from_ndarray_like(samples)


def _numpy(dtype: Any) -> np.dtype[Any]:
    """Return the numpy dtype of what Zarr hands in: its own kind of dtype since 3.1, numpy's before."""
    native: np.dtype[Any] = np.dtype(dtype.to_native_dtype() if hasattr(dtype, "to_native_dtype") else dtype)
    return native
