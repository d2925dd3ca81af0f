"""Pictures among arrays: codecs of chunks for numcodecs and for Zarr 3, and dask arrays of files.

Installed with ``pip install j2klearn[zarr]`` and ``j2klearn[dask]``. numcodecs and Zarr find the codecs by their entry
points, under the name ``j2klearn``; nothing has to be imported for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .dask_array import dask_array
    from .numcodecs_codec import J2KLearn
    from .zarr_codec import J2KLearnCodec

__all__ = ["J2KLearn", "J2KLearnCodec", "dask_array"]

_HOMES = {"J2KLearn": "numcodecs_codec", "J2KLearnCodec": "zarr_codec", "dask_array": "dask_array"}


def __getattr__(name: str) -> object:
    # each needs a package of its own, and none needs those of the others
    if name in _HOMES:
        from importlib import import_module

        value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
