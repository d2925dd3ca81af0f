"""A dask array of a picture file, whose strides have the meaning of numpy."""

from __future__ import annotations

import operator
from typing import Any, Protocol

import dask.array as da

from ..api.picture_file import PictureFile
from ..errors import InputError

__all__ = ["TiledPicture", "dask_array"]


class TiledPicture(Protocol):
    """What `dask_array` needs of a picture; `Jp2k` and `Jp2kr` have it."""

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
    """Return a dask array of a picture, whose chunks are decoded when they are computed, by several threads.

    It is like ``dask.array.from_array(picture, chunks=...)``, except that strides keep the meaning of numpy. dask
    passes slices of its arrays to the picture, which would decode half the resolution for a stride of 2; here, dask
    applies the strides itself.

    Parameters
    ----------
    picture : Jp2k, Jp2kr or PictureFile
        The picture.
    chunks : optional
        Chunks, in any form that dask accepts. Default: the tiles of the file.

    Returns
    -------
    dask.array.Array
        An array of the shape and dtype of the picture.

    Raises
    ------
    InputError
        If it is no picture.
    """
    if not isinstance(picture, PictureFile) and not hasattr(picture, "tilesize"):
        raise InputError(
            f"a picture is that of j2klearn.open, or a Jp2k object, not {type(picture).__name__}"
        )
    if chunks is None:
        tile = picture.tile_size if isinstance(picture, PictureFile) else picture.tilesize
        chunks = (*tile, *picture.shape[2:])
    # dask merges slices only into getters that it recognises, and operator.getitem is not one of them
    array: da.Array = da.from_array(picture, chunks=chunks, getitem=operator.getitem)
    return array
