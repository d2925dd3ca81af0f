"""A dask array of a file, in which strides are numpy's."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import dask.array as da

from ..api.picture_file import PictureFile

if TYPE_CHECKING:
    from ..interop.glymur.jp2kr import Jp2kr

__all__ = ["dask_array"]


def dask_array(picture: Jp2kr | PictureFile, chunks: Any = None) -> da.Array:
    """Return a dask array of a picture; parts of it are decoded as they are computed, by several threads.

    It is ``dask.array.from_array(picture, chunks=...)`` but for one thing: dask hands slices of its arrays on to what
    it reads, and pictures take a stride of 2 for half the resolution. Here dask keeps them to itself.

    Parameters
    ----------
    picture : Jp2k, Jp2kr or PictureFile
        The picture.
    chunks : optional
        Chunks as dask takes them; the tiles of the file if not given.

    Returns
    -------
    dask.array.Array
        Of the picture's shape and dtype.
    """
    if chunks is None:
        tile = picture.tile_size if isinstance(picture, PictureFile) else picture.tilesize
        chunks = (*tile, *picture.shape[2:])
    # dask fuses slices into getters that it knows, and operator.getitem is not one of them
    array: da.Array = da.from_array(picture, chunks=chunks, getitem=operator.getitem)
    return array
