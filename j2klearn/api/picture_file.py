"""`open`: a picture that stays in its file, and of which parts are decoded on demand."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..core.geometry import Rect, ceil_div
from ..core.indexing import LOWEST, select
from ..core.limits import MAX_PIXELS
from ..core.progress import Progress, silent
from ..core.request import chosen_resolution
from ..core.run import Run
from ..core.sampling import common_dtype, pixel_step, pixels_of
from ..ebcot.components import MAX_BITS
from ..errors import OptionError, SliceError, UnsupportedError
from ..io.source_part import SourcePart
from ..io.sources import Source
from .opened_file import OpenedFile

if TYPE_CHECKING:
    from ..models.model import Model
    from ..neural.entropy_model import EntropyModel

__all__ = ["PictureFile", "open"]

#: Height and width of a block that `PictureFile.copy_to` decodes at once, about.
_BLOCK = (1024, 8192)


def open(
    source: Source,
    *,
    model: str | Path | Model | EntropyModel | None = None,
    engine: str = "auto",
    threads: int | None = None,
    max_pixels: int | None = MAX_PIXELS,
    storage_options: dict[str, Any] | None = None,
    upsample: bool = True,
    draft: bool = False,
) -> PictureFile:
    """Open a picture without decoding it: ordinary or learned JPEG 2000, or the neural profile.

    Parameters
    ----------
    source : bytes, path, binary file object or URL
        A JP2 file or a codestream. From a seekable file, or from a URL that fsspec supports (``https://``, ``s3://``),
        only the main header is read now; each decoded part reads the bytes that it needs.
    model : str, Path or None
        An additional model to look up, next to the shipped ones and the one stored in the file.
    engine : {"auto", "native", "torch"}
        What computes the learned steps, as in `j2klearn.decode`.
    threads : int, optional
        Threads of the base wavelet and of OpenJPEG. Default: one per processor.
    max_pixels : int or None
        Limit of the number of pixels that one read decodes; in the neural profile, of the whole picture. None
        for no limit.
    storage_options : dict, optional
        Options of fsspec's file system, for a URL.
    upsample : bool
        Whether components that differ in size are brought to the size of the picture, as in `j2klearn.decode`. With
        False, `read` and slices return a list with an array for each component.
    draft : bool
        Whether to leave out the learned de-quantisation, as in `j2klearn.decode`.

    Returns
    -------
    PictureFile
        The picture, as an array of which slices are decoded.

    Raises
    ------
    CodestreamError
        If the file cannot be read, is not JPEG 2000, or is damaged.
    UnsupportedError
        If a component has more than 16 bits per sample.
    ModelNotFoundError
        If the file needs a model that is not installed.
    """
    return PictureFile(source, model, threads, max_pixels, storage_options, upsample, engine, draft)


class PictureFile:
    """A picture in a file, opened by `open`: an array whose slices are decoded on demand.

    ``picture[y0:y1, x0:x1]`` decodes a region, ``picture[::4, ::4]`` a quarter of the resolution. Threads may share an
    instance, so ``dask.array.from_array(picture, chunks=...)`` works. A picture of the neural profile is decoded as a
    whole, and kept for further regions at the same resolution.

    Attributes
    ----------
    shape : tuple of int
        (H, W), or (H, W, C). The pixels are the samples of the finest component.
    dtype : dtype
        uint8, uint16, int8, int16 or int32; it holds the samples of all components.
    levels, layers : int
        Decomposition levels that all components have, the largest value of `reduce`; and number of quality layers.
    tile_size : (int, int)
        Height and width of a tile in pixels, at most those of the picture.
    learned : bool
        Whether the file has a learned transform or is of the neural profile.
    """

    def __init__(
        self,
        source: Any,
        model: str | Path | Model | EntropyModel | None,
        threads: int | None,
        max_pixels: int | None,
        storage_options: dict[str, Any] | None,
        upsample: bool = True,
        engine: str = "auto",
        draft: bool = False,
    ) -> None:
        self._upsample, self._engine = upsample, engine
        self._file = OpenedFile(source, model, storage_options, engine)
        self._options = (model, threads, max_pixels)
        self._run = Run.of(threads, None, max_pixels, draft=draft)
        self._header = header = self._file.header
        precisions, signs = zip(*self._file.channels, strict=True)
        if max(precisions) > MAX_BITS:
            raise UnsupportedError(
                f"the samples have {max(precisions)} bits, and j2klearn decodes at most {MAX_BITS}"
            )
        self._step = pixel_step(header.subsampling)
        self._area = area = pixels_of(header.area, self._step)
        self.shape: tuple[int, ...] = area.shape if len(precisions) == 1 else (*area.shape, len(precisions))
        self.dtype = common_dtype(precisions, signs)
        self.levels, self.layers = self._file.levels, header.layers
        tile = [ceil_div(side, step) for side, step in zip(header.tile_size, self._step, strict=True)]
        self.tile_size = (min(tile[0], area.height), min(tile[1], area.width))
        self.learned = self._file.learned is not None or self._file.neural is not None

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        """Pickle the place of the file, or its bytes if it is in memory. It is opened again where it is unpickled.

        A file object is replaced by its path or its place on a server if it has one, else by its contents.
        """
        options = (*self._options, None, self._upsample, self._engine, self._run.draft)
        return type(self), (self._file.codestream.source, *options)

    def __copy__(self) -> Self:
        """Return a shallow copy, which shares the open file."""
        result = type(self).__new__(type(self))
        result.__dict__.update(self.__dict__)
        return result

    @property
    def file(self) -> OpenedFile:
        """The opened file, with its boxes and headers."""
        return self._file

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
        upsample: bool | None = None,
        progress: Progress | None = None,
    ) -> Any:
        """Decode the picture or a part of it; arguments, result and errors are those of `j2klearn.decode`.

        Parameters
        ----------
        region, reduce, layers, components, progress
            As in `j2klearn.decode`.
        upsample : bool, optional
            As in `j2klearn.decode`. Default: what `open` was told.

        Returns
        -------
        ndarray, shape (h, w) or (h, w, C)
            Samples of `dtype`; of some `components`, in the dtype that holds these. With ``upsample=False`` a list of
            arrays, one for each component.
        """
        run = self._run if progress is None else replace(self._run, progress=progress)
        return self._file.read(
            run,
            reduce=reduce,
            layers=layers,
            region=region,
            components=components,
            upsample=self._upsample if upsample is None else upsample,
        )

    def __getitem__(self, index: Any) -> Any:
        selection = select(index, self.shape)
        reduce = self.levels if selection.stride == LOWEST else selection.stride.bit_length() - 1
        y0, x0, y1, x1 = selection.area
        if not self._upsample and (selection.empty or selection.bands is not None or any(selection.drop)):
            raise SliceError(
                "components that differ in size are indexed by two slices that are not empty, or read by read()"
            )
        if selection.empty:
            scale = 1 << reduce
            area = Rect(y0, x0, y1, x1)
            data = np.empty((-(-area.height // scale), -(-area.width // scale), *self.shape[2:]), self.dtype)
        else:
            whole = selection.area == (0, 0, *self.shape[:2])
            data = self.read(None if whole else selection.area, reduce=reduce)
        if not self._upsample:
            return data
        if selection.bands is not None:
            data = data[:, :, selection.bands]
        dropped = tuple(axis for axis, drop in enumerate(selection.drop) if drop)
        return np.squeeze(data, axis=dropped) if dropped else data

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a picture is always decoded into new memory, so copy=False is not possible")
        return np.asarray(self.read(upsample=True), dtype)

    def copy_to(
        self,
        out: Any,
        *,
        reduce: int = 0,
        layers: int = 0,
        block: tuple[int, int] = _BLOCK,
        progress: Progress | None = None,
    ) -> None:
        """Decode the picture into an array, block by block, with bounded memory.

        Parameters
        ----------
        out : array_like
            Array to fill, of the picture's shape at that resolution: in memory, a memory map, a zarr array.
        reduce, layers : int
            As in `read`.
        block : (int, int)
            About the height and width of what is decoded at once, in samples of that resolution, each at least 1. A
            block is made of whole tiles unless tiles are larger.
        progress : callable, optional
            Called with the share of the work done, 0 to 1, and the name of the stage.

        Raises
        ------
        OptionError
            If `out` has another shape, or `reduce`, `layers` or `block` is out of range.
        CodestreamError
            If the file is damaged.
        """
        reduce = chosen_resolution(reduce, self.levels)
        whole = self._area.resolution(reduce)
        if tuple(out.shape) != (*whole.shape, *self.shape[2:]):
            raise OptionError(f"the picture has the shape {(*whole.shape, *self.shape[2:])}, not {out.shape}")
        if min(block) < 1:
            raise OptionError(f"a block has a height and a width of at least 1, not {block!r}")
        report = progress or silent
        done = 0
        for area in self._blocks(reduce, block):
            part = area.resolution(reduce)
            if not part.size:
                continue
            top, left = self._area.origin
            region = (area.y0 - top, area.x0 - left, area.y1 - top, area.x1 - left)
            out[part.slices_in(whole)] = self.read(region, reduce=reduce, layers=layers, upsample=True)
            done += part.size
            report(done / whole.size, "decoding")

    def raw_components(self) -> PictureFile:
        """Return a picture with the samples of the components, without the palette and the channel definitions."""
        codestream = self._file.codestream
        if self.learned or not codestream.jp2:
            return self
        part = SourcePart(codestream.source, codestream.start, codestream.end)
        return PictureFile(part, None, self._run.threads, self._run.max_pixels, None)

    def shape_at(self, reduce: int) -> tuple[int, ...]:
        """Return the shape of the whole picture at a resolution.

        Raises
        ------
        OptionError
            If `reduce` is out of range.
        """
        area = self._area.resolution(chosen_resolution(reduce, self.levels))
        return (*area.shape, *self.shape[2:])

    def bands(
        self, *, reduce: int = 0, layers: int = 0, rows: int | None = None, progress: Progress | None = None
    ) -> Iterator[NDArray[Any]]:
        """Decode the picture in bands of rows, from top to bottom, with bounded memory.

        Parameters
        ----------
        reduce, layers, progress
            As in `copy_to`.
        rows : int, optional
            About the rows of a band, in samples of that resolution. Default: a band has about as many pixels as a block
            of `copy_to`.

        Yields
        ------
        ndarray, shape (h, W) or (h, W, C)
            Samples of `dtype`.

        Raises
        ------
        OptionError
            If `reduce` or `layers` is out of range.
        CodestreamError
            If the file is damaged.
        """
        width = self.shape_at(reduce)[1]
        rows = max(1, math.prod(_BLOCK) // width) if rows is None else rows
        header, report, pixels = self._header, progress or silent, self._area
        reduce = chosen_resolution(reduce, self.levels)
        height = _rounded(rows * self._step[0] << reduce, header.tile_size[0])
        if self._file.by_tiles:  # smaller bands would decode their tiles again
            height = max(height, header.tile_size[0])
        for y in range(_start(header.tile_origin[0], header.area.y0, height), header.area.y1, height):
            area = Rect(y, header.area.x0, y + height, header.area.x1).intersection(header.area)
            band = pixels_of(area, self._step)
            if band.size and band.resolution(reduce).size:
                region = (band.y0 - pixels.y0, 0, band.y1 - pixels.y0, pixels.width)
                yield self.read(region, reduce=reduce, layers=layers, upsample=True)
                report(region[2] / pixels.height, "decoding")

    def _blocks(self, reduce: int, size: tuple[int, int]) -> Iterator[Rect]:
        """Yield areas in pixels that cover the picture, made of whole tiles if tiles are not too large."""
        header = self._header
        area, (down, across) = header.area, (step << reduce for step in self._step)
        pixels = size[0] * size[1] * down * across
        width = min(_rounded(size[1] * across, header.tile_size[1]), area.width)
        height = _rounded(max(1, pixels // width), header.tile_size[0])
        if self._file.by_tiles:  # smaller blocks would decode their tiles again
            height, width = max(height, header.tile_size[0]), max(width, header.tile_size[1])
        (top, left) = header.tile_origin
        rows = range(_start(top, area.y0, height), area.y1, height)
        columns = range(_start(left, area.x0, width), area.x1, width)
        for y, x in itertools.product(rows, columns):
            block = pixels_of(Rect(y, x, y + height, x + width).intersection(area), self._step)
            if block.size:
                yield block

    def close(self) -> None:
        """Do nothing: no file stays open between reads, and a file object belongs to the caller."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _start(origin: int, begin: int, step: int) -> int:
    """Return the last of the places `origin`, ``origin + step`` and so on that is not behind `begin`."""
    return origin + (begin - origin) // step * step


def _rounded(length: int, tile: int) -> int:
    """Return `length` rounded down to whole tiles, or to a power of two if a tile is longer than `length`."""
    return length // tile * tile if tile <= length else 1 << (length.bit_length() - 1)
