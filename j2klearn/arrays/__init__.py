"""Codecs that store chunks of arrays as JPEG 2000, for numcodecs and Zarr 3, and dask arrays of picture files.

They need ``pip install j2klearn[zarr]`` and ``j2klearn[dask]``. numcodecs and Zarr find the codecs by their entry
points, under the name ``j2klearn``, without an import of this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import lazy_names

if TYPE_CHECKING:
    from .dask_array import dask_array
    from .numcodecs_codec import J2KLearn
    from .zarr_codec import J2KLearnCodec

__all__ = ["J2KLearn", "J2KLearnCodec", "dask_array"]

_MODULES = {"J2KLearn": "numcodecs_codec", "J2KLearnCodec": "zarr_codec", "dask_array": "dask_array"}

# each module imports an optional package that the others do not need
__getattr__ = lazy_names(__name__, _MODULES)


def __dir__() -> list[str]:
    return sorted(__all__)
