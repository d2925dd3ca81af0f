"""`open`: a picture that stays in its file, of which parts are read as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..core.geometry import Rect
from ..core.indexing import LOWEST, select
from ..core.limits import MAX_PIXELS
from ..core.progress import Progress, silent
from ..core.request import chosen_resolution
from ..core.run import Run
from ..errors import OptionError, UnsupportedError
from ..io.sources import Source
from .opened_file import OpenedFile

if TYPE_CHECKING:
    from ..models.model import Model
    from ..neural.entropy_model import EntropyModel

__all__ = ["PictureFile", "open"]

#: Pixels of a block that `PictureFile.copy_to` decodes at once, and its longest side.
_BLOCK = 1 << 23
_LONGEST = 8192


def open(
    source: Source,
    *,
    model: str | Path | Model | EntropyModel | None = None,
    threads: int | None = None,
    max_pixels: int | None = MAX_PIXELS,
    storage_options: dict[str, Any] | None = None,
) -> PictureFile:
    """Open a picture without decoding it: JPEG 2000, ordinary or learned, or of the neural profile.

    Parameters
    ----------
    source : bytes, path, binary file object or URL
        A JP2 file or a codestream. Of a file that can seek, and at a URL that fsspec reads (``https://``, ``s3://``),
        the main header is read now, and later what is asked for.
    model : str, Path or None
        A model to read the file with, beside the shipped ones and the one that the file may carry.
    threads : int, optional
        Threads of the base wavelet and of OpenJPEG; all processors if not given.
    max_pixels : int or None
        Limit of the pixels that one reading decodes; in the neural profile always those of the whole picture.
    storage_options : dict, optional
        Options of fsspec's file system, for a URL.

    Raises
    ------
    CodestreamError
        If it cannot be read, or is not JPEG 2000.
    ModelNotFoundError
        If the file needs a model that is not installed.
    """
    return PictureFile(source, model, threads, max_pixels, storage_options)


class PictureFile:
    """A picture in a file, made by `open`; an array of which slices are decoded.

    ``picture[y0:y1, x0:x1]`` is a region, ``picture[::4, ::4]`` a quarter of the resolution. Slicing is safe for
    threads, so that ``dask.array.from_array(picture, chunks=...)`` works. A picture of the neural profile is decoded as
    a whole, once for all regions that are read one after the other at the same resolution.

    Attributes
    ----------
    shape : tuple of int
        (H, W), or (H, W, C).
    dtype : dtype
        uint8, uint16, int8 or int16.
    levels, layers : int
        How many resolutions `reduce` can leave out, and how many quality layers there are.
    tile_size : (int, int)
        Height and width of a tile, cut to the picture.
    learned : bool
        The file has a learned transform, or is of the neural profile.
    """

    def __init__(
        self,
        source: Any,
        model: str | Path | Model | EntropyModel | None,
        threads: int | None,
        max_pixels: int | None,
        storage_options: dict[str, Any] | None,
    ) -> None:
        self._file = OpenedFile(source, model, storage_options)
        self._run = Run.of(threads, None, max_pixels)
        self._header = header = self._file.header
        if any(size != (1, 1) for size in header.subsampling):
            raise UnsupportedError(
                "the components of this picture differ in size: j2klearn does not resample them"
            )
        if max(header.precisions) > 16:
            raise UnsupportedError(
                f"the samples have {max(header.precisions)} bits, and j2klearn reads up to 16"
            )
        area, count = header.area, header.components
        self.shape: tuple[int, ...] = area.shape if count == 1 else (*area.shape, count)
        kind = "i" if any(header.signed) else "u"
        self.dtype = np.dtype(f"{kind}{1 if max(header.precisions) <= 8 else 2}")
        self.levels, self.layers = header.levels, header.layers
        self.tile_size = (min(header.tile_size[0], area.height), min(header.tile_size[1], area.width))
        self.learned = self._file.learned is not None or self._file.neural is not None

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        kind = "learned" if self.learned else "ordinary"
        return f"<PictureFile {self.shape} {self.dtype}, {kind}, {self.levels} levels, {self.layers} layers>"

    def read(
        self,
        region: tuple[int, int, int, int] | None = None,
        *,
        reduce: int = 0,
        layers: int = 0,
        components: Sequence[int] | None = None,
        progress: Progress | None = None,
    ) -> NDArray[Any]:
        """Decode the picture or a part of it; arguments, result and errors are those of `j2klearn.decode`."""
        run = self._run if progress is None else replace(self._run, progress=progress)
        return self._file.read(run, reduce=reduce, layers=layers, region=region, components=components)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        selection = select(index, self.shape)
        reduce = self.levels if selection.stride == LOWEST else selection.stride.bit_length() - 1
        y0, x0, y1, x1 = selection.area
        if selection.empty:
            scale = 1 << reduce
            area = Rect(y0, x0, y1, x1)
            data = np.empty((-(-area.height // scale), -(-area.width // scale), *self.shape[2:]), self.dtype)
        else:
            whole = selection.area == (0, 0, *self.shape[:2])
            data = self.read(None if whole else selection.area, reduce=reduce)
        if selection.bands is not None:
            data = data[:, :, selection.bands]
        dropped = tuple(axis for axis, drop in enumerate(selection.drop) if drop)
        return np.squeeze(data, axis=dropped) if dropped else data

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a picture is decoded into new memory: copy=False cannot be met")
        return np.asarray(self.read(), dtype)

    def copy_to(
        self, out: Any, *, reduce: int = 0, layers: int = 0, progress: Progress | None = None
    ) -> None:
        """Decode the picture into an array block by block, in bounded memory.

        Parameters
        ----------
        out : array_like
            Of the picture's shape at that resolution: an array in memory, a memory map, a zarr array.
        reduce, layers : int
            As in `read`.
        progress : callable, optional
            Called with the share of the work done, 0 to 1, and the name of the stage.

        Raises
        ------
        OptionError
            If `out` has another shape.
        CodestreamError
            If the file is damaged.
        """
        header = self._header
        reduce = chosen_resolution(reduce, self.levels)
        whole = header.area.resolution(reduce)
        if tuple(out.shape) != (*whole.shape, *self.shape[2:]):
            raise OptionError(f"the picture has the shape {(*whole.shape, *self.shape[2:])}, not {out.shape}")
        report = progress or silent
        done = 0
        for block in self._blocks(reduce):
            part = block.resolution(reduce)
            if not part.size:
                continue
            top, left = header.area.origin
            region = (block.y0 - top, block.x0 - left, block.y1 - top, block.x1 - left)
            out[part.slices_in(whole)] = self.read(region, reduce=reduce, layers=layers)
            done += part.size
            report(done / whole.size, "decoding")

    def _blocks(self, reduce: int) -> Iterator[Rect]:
        """Yield areas of the reference grid, of whole tiles where those are not too large."""
        header = self._header
        area, scale = header.area, 1 << reduce
        width = _rounded(_LONGEST * scale, header.tile_size[1])
        width = min(width, area.width)
        height = _rounded(_BLOCK * scale * scale // width, header.tile_size[0])
        (top, left) = header.tile_origin
        y = top
        while y < area.y1:
            x = left
            while x < area.x1:
                block = Rect(y, x, y + height, x + width).intersection(area)
                if block.size:
                    yield block
                x += width
            y += height

    def close(self) -> None:
        """Nothing stays open between readings; a file object is its caller's to close."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _rounded(length: int, tile: int) -> int:
    """Return about `length`: whole tiles, or where a tile is longer than that a power of two of samples."""
    return length // tile * tile if tile <= length else 1 << (length.bit_length() - 1)
