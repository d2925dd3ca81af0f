"""`open`: a picture that stays in its file, and of which parts are decoded on demand."""

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

    Returns
    -------
    PictureFile
        The picture, as an array of which slices are decoded.

    Raises
    ------
    CodestreamError
        If the file cannot be read, is not JPEG 2000, or is damaged.
    UnsupportedError
        If its components differ in size, or have more than 16 bits per sample.
    ModelNotFoundError
        If the file needs a model that is not installed.
    """
    return PictureFile(source, model, threads, max_pixels, storage_options, engine)


class PictureFile:
    """A picture in a file, opened by `open`: an array whose slices are decoded on demand.

    ``picture[y0:y1, x0:x1]`` decodes a region, ``picture[::4, ::4]`` a quarter of the resolution. Threads may share an
    instance, so ``dask.array.from_array(picture, chunks=...)`` works. A picture of the neural profile is decoded as a
    whole, and kept for further regions at the same resolution.

    Attributes
    ----------
    shape : tuple of int
        (H, W), or (H, W, C).
    dtype : dtype
        uint8, uint16, int8 or int16.
    levels, layers : int
        Decomposition levels, the largest value of `reduce`; and number of quality layers.
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
        engine: str = "auto",
    ) -> None:
        self._file = OpenedFile(source, model, storage_options, engine)
        self._run = Run.of(threads, None, max_pixels)
        self._header = header = self._file.header
        if any(size != (1, 1) for size in header.subsampling):
            raise UnsupportedError(
                "the components of this picture are subsampled, and j2klearn does not resample them"
            )
        if max(header.precisions) > 16:
            raise UnsupportedError(
                f"the samples have {max(header.precisions)} bits, and j2klearn decodes at most 16"
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
        """Decode the picture or a part of it; arguments, result and errors are those of `j2klearn.decode`.

        Parameters
        ----------
        region, reduce, layers, components, progress
            As in `j2klearn.decode`.

        Returns
        -------
        ndarray, shape (h, w) or (h, w, C)
            Samples of `dtype`.
        """
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
            raise ValueError("a picture is always decoded into new memory, so copy=False is not possible")
        return np.asarray(self.read(), dtype)

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
        header = self._header
        reduce = chosen_resolution(reduce, self.levels)
        whole = header.area.resolution(reduce)
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
            top, left = header.area.origin
            region = (area.y0 - top, area.x0 - left, area.y1 - top, area.x1 - left)
            out[part.slices_in(whole)] = self.read(region, reduce=reduce, layers=layers)
            done += part.size
            report(done / whole.size, "decoding")

    def _blocks(self, reduce: int, size: tuple[int, int]) -> Iterator[Rect]:
        """Yield areas of the reference grid that cover the picture, made of whole tiles if tiles are not too large."""
        header = self._header
        area, scale = header.area, 1 << reduce
        pixels = size[0] * size[1] * scale * scale
        width = min(_rounded(size[1] * scale, header.tile_size[1]), area.width)
        height = _rounded(max(1, pixels // width), header.tile_size[0])
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
        """Do nothing: no file stays open between reads, and a file object belongs to the caller."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _rounded(length: int, tile: int) -> int:
    """Return `length` rounded down to whole tiles, or to a power of two if a tile is longer than `length`."""
    return length // tile * tile if tile <= length else 1 << (length.bit_length() - 1)
