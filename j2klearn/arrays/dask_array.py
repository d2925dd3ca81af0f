"""A dask array of a file, in which strides are numpy's."""

from __future__ import annotations

import operator
from typing import Any, Protocol

import dask.array as da

from ..api.picture_file import PictureFile

__all__ = ["TiledPicture", "dask_array"]


class TiledPicture(Protocol):
    """What a dask array is made of: `Jp2k`, `Jp2kr`, or what has as much."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W), or (H, W, C)."""

    @property
    def dtype(self) -> Any:
        """The dtype of the samples."""

    @property
    def tilesize(self) -> Any:
        """Height and width of a tile."""

    def __getitem__(self, index: Any, /) -> Any: ...


def dask_array(picture: TiledPicture | PictureFile, chunks: Any = None) -> da.Array:
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
