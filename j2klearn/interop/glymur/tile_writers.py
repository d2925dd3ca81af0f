"""Writers of a picture tile by tile, behind `Jp2k.get_tilewriters`."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import glymur
import numpy as np
from glymur.jp2k import _TileWriter
from glymur.lib import openjp2
from numpy.typing import NDArray

from ...core.picture import checked_depth, native_samples, plain_array
from ...io.atomic import take_place, temporary_beside
from .errors import LibraryError, as_glymur, errors_of_glymur
from .scratch import unlink

__all__ = ["GatheringTileWriter", "StreamingTileWriter", "TileTarget", "alike"]


class TileTarget(Protocol):
    """What tile writers need of the `Jp2k` object that they write for; most of it is defined by glymur."""

    shape: Any
    verbose: bool
    _bit_depth: int | None
    _plt: Any
    _tlm: Any
    _colorspace: Any
    _cparams: Any
    _comptparms: Any

    @property
    def path(self) -> Path: ...

    @property
    def tilesize(self) -> Any: ...

    def _write(self, img_array: NDArray[Any]) -> None: ...

    def _determine_colorspace(self) -> None: ...

    def _populate_cparams(self, img_array: NDArray[Any]) -> None: ...

    def _populate_comptparms(self, img_array: NDArray[Any]) -> None: ...

    def _define_channels(self, path: Path, shape: tuple[int, ...]) -> None: ...


def alike(shape: Sequence[int], other: Sequence[int]) -> bool:
    """Return whether two shapes are equal when a third axis of length 1 is ignored."""
    first, second = (tuple(s[:2]) if tuple(s[2:]) == (1,) else tuple(s) for s in (shape, other))
    return first == second


class _Writer(_TileWriter):
    """Base of both writers: tiles arrive row by row, each once and as a whole."""

    jp2k: TileTarget
    tile_index: int
    dtype: np.dtype[Any] | None = None  # of the tiles so far

    def tile_shape(self) -> tuple[int, ...]:
        """Return the shape (h, w) or (h, w, C) of the next tile."""
        y0, x0 = self.tile_origin()
        height, width = self.jp2k.tilesize
        rows, columns, *bands = self.jp2k.shape
        return min(height, rows - y0), min(width, columns - x0), *bands

    def tile_origin(self) -> tuple[int, int]:
        """Return row and column of the first sample of the next tile."""
        down, across = divmod(self.tile_index, self.num_tile_cols)
        height, width = self.jp2k.tilesize
        return down * height, across * width

    def checked(self, index: Any, img_array: Any) -> NDArray[Any]:
        """Return a tile as an array, after checking the index and the shape.

        Raises
        ------
        RuntimeError
            If the index is not ``[:]``.
        LibraryError
            If the tile has another shape than the next one, or another dtype than the tiles before.
        InvalidInputError
            If the dtype is none of a picture, or a sample needs more bits than `Jp2k` was told.
        """
        if not isinstance(index, slice) or index != slice(None):
            raise RuntimeError("a tile is written as a whole: writer[:] = tile")
        with as_glymur():
            tile = native_samples(plain_array(img_array))
        shape = self.tile_shape()
        if not alike(tile.shape, shape):
            with as_glymur():
                raise LibraryError(f"tile {self.tile_index} has the shape {shape}, not {tile.shape}")
        if self.dtype is not None and tile.dtype != self.dtype:
            with as_glymur():
                raise LibraryError(f"the tiles are {self.dtype}, and tile {self.tile_index} is {tile.dtype}")
        with as_glymur():
            checked_depth(tile, self.jp2k._bit_depth)
        self.dtype = tile.dtype
        return tile


class GatheringTileWriter(_Writer):
    """Collects the tiles in memory, and encodes the picture after the last one."""

    picture: NDArray[Any] | None = None

    def __setitem__(self, index: Any, img_array: Any) -> None:
        tile = self.checked(index, img_array)
        if self.picture is None:
            self.picture = np.empty(self.jp2k.shape, tile.dtype)
        shape = self.tile_shape()
        y0, x0 = self.tile_origin()
        self.picture[y0 : y0 + shape[0], x0 : x0 + shape[1]] = tile.reshape(shape)
        if self.tile_index == self.number_of_tiles - 1:
            self.jp2k._write(self.picture)


def _free(codec: Any, stream: Any, image: Any) -> None:
    openjp2.stream_destroy(stream)
    openjp2.destroy_codec(codec)
    openjp2.image_destroy(image)


class StreamingTileWriter(_Writer):
    """Passes each tile to OpenJPEG at once, so that the picture need not fit into memory.

    The codestream is written to a temporary file in the same folder, which replaces the file after the last tile.
    """

    _temporary: Path | None = None
    _unfinished: weakref.finalize[..., Any] | None = None

    def setup_first_tile(self, img_array: NDArray[Any]) -> None:
        """Start the codestream as glymur does, but in a temporary file, and with TLM and PLT if they are wanted."""
        jp2k = self.jp2k
        jp2k._determine_colorspace()
        jp2k._populate_cparams(img_array)
        jp2k._populate_comptparms(img_array)
        with as_glymur():
            self._temporary = temporary_beside(jp2k.path)
        weakref.finalize(self, unlink, str(self._temporary))  # after an error
        self.codec = openjp2.create_compress(jp2k._cparams.codec_fmt)
        openjp2.set_info_handler(self.codec, openjp2._INFO_CALLBACK if jp2k.verbose else None)
        openjp2.set_warning_handler(self.codec, openjp2._WARNING_CALLBACK)
        openjp2.set_error_handler(self.codec, openjp2._ERROR_CALLBACK)
        self.image = openjp2.image_tile_create(jp2k._comptparms, jp2k._colorspace)
        grid = self.image.contents
        grid.x0 = grid.y0 = 0
        grid.y1, grid.x1 = jp2k.shape[:2]
        openjp2.setup_encoder(self.codec, jp2k._cparams, self.image)
        if jp2k._plt or jp2k._tlm:
            openjp2.encoder_set_extra_options(self.codec, plt=bool(jp2k._plt), tlm=bool(jp2k._tlm))
        self.stream = openjp2.stream_create_default_file_stream(str(self._temporary), False)
        openjp2.codec_set_threads(self.codec, glymur.get_option("lib.num_threads"))
        openjp2.start_compress(self.codec, self.image, self.stream)
        self._unfinished = weakref.finalize(self, _free, self.codec, self.stream, self.image)

    def __next__(self) -> StreamingTileWriter:
        if self._temporary is not None and self.tile_index == self.number_of_tiles - 1:
            self._take_place()
        super().__next__()
        return self

    def _take_place(self) -> None:
        assert self._temporary is not None
        self.jp2k._define_channels(self._temporary, tuple(self.jp2k.shape))
        take_place(self._temporary, self.jp2k.path)
        self._temporary = None

    def __setitem__(self, index: Any, img_array: Any) -> None:
        tile = self.checked(index, img_array)
        narrow = self.jp2k._bit_depth is not None and self.jp2k._bit_depth <= 8
        if narrow:  # OpenJPEG expects one byte per sample
            tile = tile.astype(tile.dtype.kind + "1")
        with errors_of_glymur():
            try:
                super().__setitem__(index, tile)
            except openjp2.OpenJPEGLibraryError:
                self._finished()
                raise
        if self.tile_index == self.number_of_tiles - 1:
            self._finished()

    def _finished(self) -> None:
        """Leave it to glymur to free OpenJPEG's objects, as it does after the last tile and after an error."""
        if self._unfinished is not None:
            self._unfinished.detach()
