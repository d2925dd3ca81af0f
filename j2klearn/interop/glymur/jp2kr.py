"""`Jp2kr`: glymur's reader on top of j2klearn's decoder."""

from __future__ import annotations

import mmap
import os
import struct
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Any, Self

import glymur
import numpy as np
from glymur.jp2box import InvalidJp2kError
from numpy.typing import DTypeLike, NDArray

from ...access.partial_codestream import PartialCodestream
from ...api.opened_file import OpenedFile
from ...codestream.learned_segment import MAGIC
from ...core.geometry import Rect
from ...core.indexing import LOWEST, Selection, select
from ...core.limits import MAX_PIXELS, MAX_TILES, pixel_limit
from ...core.request import ReadRequest
from ...core.run import Run
from ...core.sampling import common_dtype, pixel_step, pixels_of, to_grid
from ...core.scalars import as_integer, truth_value, whole_number, whole_numbers
from ...ebcot.ordinary import TRUNCATED, Part, part_of_file
from ...errors import (
    CodestreamError,
    CodestreamWarning,
    DecodingError,
    InputError,
    J2KError,
    LimitError,
    OptionError,
    SliceError,
    TruncatedWarning,
)
from ...io.pipes import is_pipe
from ...io.sources import ByteSource, open_source
from ...jp2 import boxes
from ...jp2.palette import Channel, palette_channels
from ...native import transport
from ...neural.format.container import is_neural, open_payload
from ...neural.format.payload import Header
from .boxes import check_boxes, remember
from .codestream import FiniteCodestream
from .errors import (
    InvalidFileError,
    InvalidOptionError,
    LibraryError,
    MissingFileError,
    SampleDepthError,
    SampleTypeError,
    SubsamplingError,
    as_glymur,
)
from .scratch import Scratch, holds_picture, is_memory
from .source_path import SourcePath
from .transform_option import read_model

if TYPE_CHECKING:
    from ...models.model import Model
    from ...neural.entropy_model import EntropyModel

__all__ = ["Jp2kr"]

#: Exceptions that glymur's parsers raise for damaged files.
_DAMAGE = (
    struct.error,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    ArithmeticError,
    OSError,
    AssertionError,
)

#: Modification time of a file in nanoseconds, size in bytes, and inode. If it differs, the file has changed.
_Stamp = tuple[int, int, int]


class Jp2kr(glymur.Jp2kr):
    """Reads JPEG 2000 files, learned or ordinary, as `glymur.Jp2kr` does.

    Slicing, properties, boxes and messages are those of glymur, with these differences. Indices may be negative, of
    any integer type, or empty, and count from the corner of the picture, wherever it lies on the reference grid.
    Threads may share an instance. Learned files and files of the neural profile are decoded at full quality. Truncated
    files are decoded as far as possible, with a `TruncatedWarning`; other remarks of OpenJPEG are a
    `CodestreamWarning`. Shape, indices and areas count samples of the finest component, if all are subsampled. If the
    image header box contradicts the codestream, the shape is that of the codestream. For the neural profile, boxes and
    codestream are those of the preview.

    Parameters
    ----------
    filename : str, Path, bytes, binary file object or URL
        A JP2 or JPX file, or a codestream. From a seekable file object, or from a URL that fsspec supports, only the
        boxes and the main header are read now; each slice reads the bytes that it needs.
    verbose : bool
        Print the messages of OpenJPEG while decoding.
    transform : str or Path, optional
        An additional model to look up, next to the shipped ones and the one stored in the file. It is used only if the
        file was made with it.
    device : str, optional
        Device that runs the networks; only ``"cpu"`` is supported.
    max_pixels : int or None
        Limit of the number of pixels that one slice decodes; None for no limit.
    storage_options : dict, optional
        Options of fsspec's file system, for a URL.
    draft : bool
        Whether slices leave out the learned de-quantisation, as in `j2klearn.decode`. It is an attribute too.

    Raises
    ------
    MissingFileError
        If there is no such file; a subclass of FileNotFoundError.
    InvalidFileError
        If the file is not JPEG 2000, or its boxes or main header are damaged; a subclass of glymur's InvalidJp2kError.
    """

    # attributes of glymur, which has no annotations
    _shape: Any
    _codestream: Any
    _layer: int
    _verbose: bool
    _ignore_pclr_cmap_cdef: bool
    _decoded_components: list[int] | None

    def __init__(
        self,
        filename: Any,
        verbose: bool = False,
        *,
        transform: str | Path | Model | EntropyModel | None = None,
        device: str | None = None,
        max_pixels: int | None = MAX_PIXELS,
        storage_options: dict[str, Any] | None = None,
        draft: bool = False,
        **kwargs: Any,
    ) -> None:
        if not hasattr(self, "max_pixels"):  # a subclass that writes has called it
            self._prepare(filename, True, transform, device, max_pixels, storage_options, draft)
        try:
            super().__init__(self._place(filename), verbose=verbose, **kwargs)
        except J2KError:
            raise
        except FileNotFoundError as error:
            raise MissingFileError(str(error)) from error

    def _prepare(
        self,
        filename: Any,
        load: bool,
        transform: str | Path | Model | EntropyModel | None,
        device: str | None,
        max_pixels: int | None,
        storage_options: dict[str, Any] | None,
        draft: bool,
    ) -> None:
        if device not in (None, "cpu"):
            raise InvalidOptionError(f"the device is 'cpu', not {device!r}")
        self._transform, self._stream = transform, None
        self._scratch: Scratch | None = None
        self._source: SourcePath | None = None
        self._partial: PartialCodestream | None = None
        self._opened: tuple[_Stamp, OpenedFile] | None = None
        self._payload: Header | None = None
        self._palette: list[Channel] | None = None
        self._header_agrees = True
        with as_glymur():
            self.max_pixels = pixel_limit(max_pixels)
            self.draft = truth_value("draft", draft)
            self._model = read_model(transform, writing=not load)
            self._find(filename, load, storage_options)

    def _find(self, filename: Any, load: bool, storage_options: dict[str, Any] | None) -> None:
        """Set `_source` if the file to read is not a path of a regular file, and `_scratch` if it is written to memory.

        Raises
        ------
        CodestreamError
            If the file cannot be read.
        OptionError
            If a picture would be written to a URL or a pipe.
        """
        memory = is_memory(filename)
        if not memory and not isinstance(filename, (str, os.PathLike, ByteSource)):
            raise CodestreamError(
                f"a file is bytes, a path, a binary file object or a URL, not {type(filename).__name__}"
            )
        if not memory and not isinstance(filename, ByteSource) and "\0" in os.fsdecode(filename):
            raise CodestreamError(f"there is no file {filename!r}: its name has a null character")
        elsewhere = isinstance(filename, str) and "://" in filename
        pipe = not memory and not elsewhere and is_pipe(filename)
        if memory and not (load and holds_picture(filename)):
            self._stream = filename
            self._scratch = Scratch(filename)
        elif load and (memory or elsewhere or pipe or isinstance(filename, ByteSource)):
            self._stream = filename if hasattr(filename, "write") else None
            name = filename if elsewhere else getattr(filename, "name", None)
            if not isinstance(name, str):
                name = str(filename) if pipe else f"<{type(filename).__name__}>"
            self._source = SourcePath(open_source(filename, storage_options), name)
        elif elsewhere or pipe:
            raise OptionError(
                f"{filename} cannot be written: write to a file object such as io.BytesIO(), and send its contents"
            )

    def _place(self, filename: Any) -> Any:
        """Return what glymur is to take for the path of the file."""
        return self._source or (self._scratch.path if self._scratch else filename)

    @property
    def path(self) -> Any:
        """The path of the file. For bytes, a file object or a URL, an object that reads them like a path."""
        return self._path

    @path.setter
    def path(self, path: Any) -> None:  # glymur sets it to a path of the name of the file
        self._path = self._source or path

    def __copy__(self) -> Self:
        """Return a shallow copy, which shares boxes and codestream."""
        result = type(self).__new__(type(self))
        result.__dict__.update(self.__dict__)
        return result

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the place of the file, or its bytes, and what was set for reading.

        Raises
        ------
        InputError
            If no picture has been written yet.
        """
        source: Any = self._source.source if self._source else None
        if source is None:
            if not self.path.exists():
                raise InputError("an object without a picture cannot be pickled: write the picture first")
            in_memory = self._scratch is not None
            source = self.path.read_bytes() if in_memory else os.path.abspath(self.path)
        return _restored, (
            type(self),
            source,
            {
                "transform": self._transform,
                "max_pixels": self.max_pixels,
                "draft": self.draft,
                "verbose": self._verbose,
            },
            {
                "_layer": self._layer,
                "_decoded_components": self._decoded_components,
                "_ignore_pclr_cmap_cdef": self._ignore_pclr_cmap_cdef,
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing: no file stays open between calls."""

    def __len__(self) -> int:
        return int(self.shape[0])

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a picture is always decoded into new memory, so copy=False is not possible")
        return np.asarray(self[:], dtype)

    def _parse(self, force: bool = False) -> None:
        try:
            if force or not self._parse_count:
                check_boxes(self.path)
            super()._parse(force=force)
            remember(self.box, self.path)
            self._payload = self._payload_header()
        except J2KError:
            raise
        except InvalidJp2kError as error:
            raise InvalidFileError(str(error)) from error
        except Warning:
            raise  # a filter of the caller turns warnings into errors
        except FileNotFoundError as error:
            raise MissingFileError(f"cannot read {self.filename}: no such file") from error
        except (PermissionError, IsADirectoryError) as error:
            raise InvalidFileError(f"cannot read {self.filename}: {error.strerror}") from error
        except _DAMAGE as error:
            raise InvalidFileError(
                f"{self.filename} is not a JPEG 2000 file, or is damaged: {error}"
            ) from error

    def _initialize_shape(self) -> Any:
        if self._payload is not None:
            bands = self._payload.components
            self._shape = self._payload.shape if bands == 1 else (*self._payload.shape, bands)
            return self._shape
        try:
            super()._initialize_shape()
        except J2KError:
            raise
        except InvalidJp2kError as error:
            raise InvalidFileError(str(error)) from error
        except _DAMAGE as error:
            raise InvalidFileError(f"{self.filename} is damaged: {error}") from error
        # glymur returns what the image header box says, or the end of the picture on the reference grid
        if self._parsed_siz is not None and min(self._pixels.shape) > 0:  # else slicing raises an error
            bands = self._bands if self._palette is None or self.learned else len(self._palette)
            self._shape = self._pixels.shape if bands == 1 else (*self._pixels.shape, bands)
        return self._shape

    def _payload_header(self) -> Header | None:
        """Return the header of the payload of the neural profile; None if the file has no payload.

        The channels of a palette are kept in `_palette`, and in `_header_agrees` whether the image header box, if there
        is one, has the size of SIZ. `OpenedFile` reads the header too, but needs the entropy model
        and PyTorch, which opening a file should not need.
        """
        self._palette, self._header_agrees = None, True
        if not any(box.box_id == "jp2c" for box in self.box):
            return None
        with as_glymur(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # glymur has warned about this main header already
            try:
                codestream = self._partial_codestream()
            except (CodestreamError, LimitError):
                # glymur opens a file whose main header is damaged, and slicing raises an error. A neural file raises
                # it now, so that its preview is not mistaken for the picture.
                with self.path.open("rb") as stream:
                    if is_neural(stream):
                        raise
                return None
            header = codestream.header
            components = list(zip(header.precisions, header.signed, strict=True))
            before = codestream.boxes_before()
            self._palette = palette_channels(before, components)
            self._header_agrees = before == boxes.resized(before, *header.area.shape, header.components)
            opened = open_payload(codestream)
        return None if opened is None else opened[0]

    def _partial_codestream(self) -> PartialCodestream:
        """Return the codestream, of which parts can be read. That of bytes, a file object or a URL is kept."""
        if self._partial is not None:
            return self._partial
        codestream = PartialCodestream(self._source.source if self._source else open_source(self.path))
        if self._source:
            self._partial = codestream
        return codestream

    def get_codestream(self, header_only: bool = True) -> Any:
        """Return the marker segments of the codestream; see `glymur.Jp2kr.get_codestream`."""
        try:
            return super().get_codestream(True) if header_only else self._whole_codestream()
        except J2KError:
            raise
        except InvalidJp2kError as error:
            raise InvalidFileError(str(error)) from error
        except AttributeError as error:
            raise InvalidFileError(f"{self.filename} contains no codestream") from error
        except FileNotFoundError as error:
            raise MissingFileError(f"cannot read {self.filename}: no such file") from error
        except _DAMAGE as error:
            raise InvalidFileError(f"the codestream of {self.filename} is damaged: {error}") from error

    def _whole_codestream(self) -> Any:
        """Return the marker segments of the codestream, those of the tile-parts included."""
        with self.path.open("rb") as stream, as_glymur():
            size = stream.seek(0, os.SEEK_END)

            def peek(at: int, count: int) -> bytes:
                stream.seek(at)
                return bytes(stream.read(count))

            _, start, end = boxes.locate(peek, size)
            stream.seek(start)
            try:
                return FiniteCodestream(stream, min(end, size) - start, header_only=False)
            except _DAMAGE as error:
                raise InvalidFileError(f"the codestream of {self.filename} is damaged: {error}") from error

    @property
    def dtype(self) -> Any:
        """The dtype of the samples.

        Raises
        ------
        SampleTypeError
            If the components differ in bit depth or sign; a subclass of glymur's TypeError.
        """
        if self._payload is None:
            try:
                return super().dtype
            except TypeError as error:
                raise SampleTypeError(
                    "the components differ in bit depth or sign: there is no common dtype"
                ) from error
        return self._component2dtype(
            SimpleNamespace(prec=self._payload.precision, sgnd=self._payload.is_signed)
        )

    @property
    def tilesize(self) -> Any:
        """Height and width of the tiles; in the neural profile, those of the picture."""
        if self._payload is not None:
            return self._payload.shape
        try:
            return super().tilesize
        except AttributeError as error:
            raise InvalidFileError(f"{self.filename} is damaged: it has no size of tiles") from error

    def _validate(self) -> None:
        header = next((box for box in self.box if box.box_id == "jp2h"), None)
        segments = self.codestream.segment if self._codestream is not None else []
        siz = next((segment for segment in segments if segment.marker_id == "SIZ"), None)
        ihdr = header.box[0] if header is not None and header.box else None
        with warnings.catch_warnings():
            if ihdr is not None and siz is not None and (siz.yosiz or siz.xosiz):
                size = (siz.ysiz - siz.yosiz, siz.xsiz - siz.xosiz)
                if size == (getattr(ihdr, "height", None), getattr(ihdr, "width", None)):
                    # glymur compares the size with the end of the picture on the reference grid
                    warnings.filterwarnings("ignore", "The IHDR dimensions")
            super()._validate()

    @property
    def learned(self) -> bool:
        """Whether the file was coded with a learned transform or is of the neural profile."""
        return self._payload is not None or any(
            segment.marker_id == "CME" and segment.rcme == 0 and segment.ccme.startswith(MAGIC)
            for segment in self.codestream.segment
        )

    @property
    def _parsed_siz(self) -> Any:
        """The SIZ marker segment; None if there is no codestream that has a whole one."""
        segments = self.codestream.segment if self._codestream is not None else []
        siz = next((segment for segment in segments if segment.marker_id == "SIZ"), None)
        return siz if _is_whole(siz) else None

    @property
    def _siz(self) -> Any:
        siz = self._segment("SIZ")
        if not _is_whole(siz):
            raise LibraryError("the SIZ marker segment of the codestream is damaged")
        return siz

    def _segment(self, marker: str) -> Any:
        """Return the first marker segment of a type in the main header."""
        for segment in self.codestream.segment:
            if segment.marker_id == marker:
                return segment
        raise LibraryError(f"the main header of the codestream has no {marker} marker segment")

    @property
    def _levels(self) -> int:
        if self._payload is not None:
            return self._payload.levels
        return int(self._segment("COD").num_res)

    @property
    def _bands(self) -> int:
        return len(self._siz.xrsiz) if self._payload is None else self._payload.components

    @property
    def _grid(self) -> Rect:
        if self._payload is not None:
            return self._payload.area
        siz = self._siz
        return Rect(siz.yosiz, siz.xosiz, siz.ysiz, siz.xsiz)

    @property
    def _step(self) -> tuple[int, int]:
        """Distance of pixels on the reference grid; (1, 1) if there is no codestream that says it."""
        siz = self._parsed_siz if self._payload is None else None
        if siz is None:
            return 1, 1
        steps = list(zip(siz.yrsiz, siz.xrsiz, strict=True))
        return pixel_step(steps) if steps and all(map(all, steps)) else (1, 1)

    @property
    def _pixels(self) -> Rect:
        """The picture in pixels, which are the samples of the finest component."""
        return pixels_of(self._grid, self._step)

    @property
    def decoded_components(self) -> Any:
        """Indices of the components to decode, without the inverse component transform; None for all, with it."""
        return self._decoded_components

    @decoded_components.setter
    def decoded_components(self, components: Any) -> None:
        with as_glymur():
            self._decoded_components = self._chosen(components)

    @property
    def layer(self) -> Any:
        """The quality layer to decode, as in glymur: 0 decodes all of them."""
        return self._layer

    @layer.setter
    def layer(self, layer: Any) -> None:
        with as_glymur():
            last = int(self._segment("COD").layers) - 1
            self._layer = whole_number(
                "layer", layer, 0, last, ", the number of layers in this file less one"
            )

    def _chosen(self, components: Any) -> list[int] | None:
        count = self._bands
        chosen = None
        if components is not None:
            single = as_integer(components)
            found = whole_numbers("decoded_components", components) if single is None else [single]
            chosen = list(found)
            if any(not 0 <= index < count for index in chosen):
                raise OptionError(f"the components of this picture are 0 to {count - 1}, not {components!r}")
            if len(set(chosen)) < len(chosen):
                raise SliceError(f"{components!r} contains a component twice")
        return chosen

    def _slice_shape(self) -> tuple[int, ...]:
        """Return the shape that slices refer to; its number of bands may differ from that of `shape`."""
        bands = self.shape[2] if len(self.shape) > 2 else 1
        if self._decoded_components is not None:
            bands = len(self._decoded_components)
        elif self._ignore_pclr_cmap_cdef:
            bands = self._bands
        return tuple(self.shape[:2]) if bands == 1 else (*self.shape[:2], bands)

    def __getitem__(self, index: Any) -> Any:
        with as_glymur():
            return self._piece(index)

    def _piece(self, index: Any) -> Any:
        if self.shape is None:
            raise MissingFileError(f"cannot read {self.filename}: no picture has been written to it yet")
        shape = self._slice_shape()
        selection = select(index, shape)
        rlevel = LOWEST if selection.stride == LOWEST else selection.stride.bit_length() - 1
        if selection.empty:
            data = self._empty(selection, shape)
        else:
            whole = selection.area == (0, 0, *shape[:2])
            data = self._read(rlevel=rlevel, area=None if whole else selection.area)
        if isinstance(data, list) and (selection.bands is not None or any(selection.drop)):
            data = np.stack(data, -1)  # the components differ in dtype; this one holds the samples of all
        if not isinstance(data, list) and not _fits(data, selection, shape):
            raise LibraryError(
                f"{self.filename} is damaged: its headers declare a picture of shape {shape}, and the decoded part has "
                f"the shape {data.shape}"
            )
        if selection.bands is not None:
            data = data[:, :, selection.bands]
        dropped = tuple(axis for axis, drop in enumerate(selection.drop) if drop)
        return np.squeeze(data, axis=dropped) if dropped else data

    def _empty(self, selection: Selection, shape: tuple[int, ...]) -> NDArray[Any]:
        if not self._grid.size:
            raise LibraryError("the codestream declares an empty picture")
        request = self._request(
            LOWEST if selection.stride == LOWEST else selection.stride.bit_length() - 1, None
        )
        y0, x0, y1, x1 = selection.area
        top, left = self._pixels.origin
        area = Rect(top + y0, left + x0, top + y1, left + x1).resolution(request.reduce)
        dtype = (
            self.dtype if self._payload is not None else common_dtype(self._siz.bitdepth, self._siz.signed)
        )
        return np.empty((*area.shape, *shape[2:]), dtype)

    def _reader(self) -> Jp2kr:
        """Return a shallow copy for one read, since glymur stores the state of a read in the instance."""
        reader = self.__copy__()
        reader._original = self
        return reader

    def _read(
        self, rlevel: int = 0, layer: Any = None, area: Any = None, tile: Any = None, verbose: bool = False
    ) -> Any:
        with as_glymur():
            return super(Jp2kr, self._reader())._read(rlevel, layer, area, tile, verbose)

    def read_bands(
        self,
        rlevel: int = 0,
        layer: int = 0,
        area: Any = None,
        tile: Any = None,
        verbose: bool = False,
        ignore_pclr_cmap_cdef: bool = False,
    ) -> Any:
        """Decode components that differ in size; see `glymur.Jp2kr.read_bands`."""
        return super(Jp2kr, self._reader()).read_bands(
            rlevel, layer, area, tile, verbose, ignore_pclr_cmap_cdef
        )

    def _subsampling_sanity_check(self) -> None:
        if self._payload is not None:
            return  # the codestream is the preview's
        try:
            super()._subsampling_sanity_check()
        except RuntimeError as error:
            raise SubsamplingError("the components differ in size: use read_bands()") from error

    def _populate_dparams(self, rlevel: int, tile: Any = None, area: Any = None) -> None:
        """Store the request, which `_read_openjp2` decodes."""
        self._dparams = self._request(rlevel, area, tile)

    def _request(self, rlevel: Any, area: Any, tile: Any = None) -> ReadRequest:
        """Return the request for glymur's arguments; layers and components are attributes of the instance."""
        levels, chosen = self._levels, self._decoded_components
        level = as_integer(rlevel)
        if level is None or not LOWEST <= level <= levels:
            raise OptionError(f"the resolution level of this picture is -1 to {levels}, not {rlevel!r}")
        reduce = levels if level == LOWEST else level
        return ReadRequest(
            area=self._requested_area(reduce, area) if tile is None else self._tile_area(tile),
            reduce=reduce,
            layers=self._layer,
            components=None if chosen is None else tuple(chosen),
        )

    def _requested_area(self, reduce: int, area: Any) -> Rect:
        if area is None:
            return self._grid
        y0, x0, y1, x1 = whole_numbers("area", area, note=": y0, x0, y1, x1", count=4)
        if y0 < 0 or x0 < 0 or y1 <= 0 or x1 <= 0:
            raise OptionError(
                f"an area is (y0, x0, y1, x1) with a start of at least 0 and an end above 0, not {tuple(area)}"
            )
        pixels = self._pixels
        top, left = pixels.origin
        inside = Rect(top + y0, left + x0, top + y1, left + x1).intersection(pixels)
        if not inside.resolution(reduce).size:
            raise SliceError(f"at this resolution, the area {tuple(area)} contains no samples of the picture")
        return to_grid(inside, self._step, self._grid)

    def _tile_area(self, tile: Any) -> Rect:
        tile = whole_number("tile", tile)
        if self._payload is not None and tile == 0:
            return self._payload.area
        siz = self._siz
        across = -(-(siz.xsiz - siz.xtosiz) // siz.xtsiz)
        down = -(-(siz.ysiz - siz.ytosiz) // siz.ytsiz)
        if not 0 <= tile < across * down:
            raise SliceError(f"the tiles of this picture are 0 to {across * down - 1}, not {tile}")
        y0 = siz.ytosiz + tile // across * siz.ytsiz
        x0 = siz.xtosiz + tile % across * siz.xtsiz
        return Rect(y0, x0, y0 + siz.ytsiz, x0 + siz.xtsiz).intersection(self._grid)

    def _read_openjp2(self) -> Any:
        request: ReadRequest = self._dparams
        run = Run(glymur.get_option("lib.num_threads"), max_pixels=self.max_pixels, draft=self.draft)
        run.check_pixels(*pixels_of(request.area, self._step).resolution(request.reduce).shape)
        file = self._opened_file()
        if file is None:
            return self._read_ordinary(request, run)
        if file.neural is not None:  # which decodes the whole picture, and cuts the region out
            run.check_pixels(*self._grid.resolution(request.reduce).shape)
        return file.decode(replace(request, layers=min(request.layers, file.header.layers)), run)

    def _opened_file(self) -> OpenedFile | None:
        """Return the file if it is learned or neural, opened again only if it has changed; else None."""
        if not self.learned:
            return None
        status = self.path.stat()
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if self._opened is None or self._opened[0] != stamp:
            self._opened = self._original._opened = (
                stamp,
                OpenedFile(self._source.source if self._source else self.path, self._model),
            )
        file = self._opened[1]
        return None if file.learned is None and file.neural is None else file

    def _read_ordinary(self, request: ReadRequest, run: Run) -> Any:
        """Decode an ordinary file as glymur does.

        `OpenedFile` is not used, because it returns the components of the codestream as one array. glymur applies the
        palette and the channel definition of the boxes, returns components that differ in size as a list
        (`read_bands`), and passes on the messages of OpenJPEG. A file on disk is mapped into memory, unless it has a
        palette, or an image header box that contradicts SIZ: `part_of_file` brings both into the form that OpenJPEG
        reads.
        """
        if self._source is None and self._palette is None and self._header_agrees:
            return self._decoded(self._mapped(), request, run)
        try:
            codestream = self._original._partial_codestream()
        except (CodestreamError, LimitError):  # only OpenJPEG can say what can be decoded
            data = self._mapped() if self._source is None else self._source.source.whole()
            return self._decoded(data, request, run)
        while True:
            try:
                part = part_of_file(codestream, request.area, request.reduce, request.layers)
                return self._decoded(part.data, request, run, part)
            except DecodingError:
                if not codestream.distrust():
                    raise

    def _mapped(self) -> mmap.mmap:
        with self.path.open("rb") as stream:
            # Not closed explicitly: the mapping is released when the last view is garbage collected. A memoryview of
            # it is not used, because CPython 3.11 crashes when it collects one that is referenced by cffi and by a
            # cycle of exceptions and frames.
            return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)

    def _decoded(
        self, data: bytes | mmap.mmap, request: ReadRequest, run: Run, extract: Part | None = None
    ) -> Any:
        part = boxes.find_codestream(data[:]) if self._ignore_pclr_cmap_cdef else data
        with self._decoder(part) as decoder:
            decoder.decode(
                reduce=request.reduce,
                layers=request.layers,
                area=None if request.area == self._grid else request.area,
                components=None if request.components is None else list(request.components),
                strict=extract is not None and extract.extracted,
                threads=run.threads,
            )
            if extract is not None and extract.truncated and decoder.missing is None:
                warnings.warn(TRUNCATED, TruncatedWarning, stacklevel=2)
            self._pass_messages_on(decoder)
            return self._arrays(decoder)

    def _decoder(self, data: bytes | mmap.mmap) -> transport.Decoder:
        max_samples = 0 if self.max_pixels is None else self.max_pixels * len(self._siz.xrsiz)
        return transport.Decoder(data, max_samples=max_samples, max_tiles=MAX_TILES)

    def _pass_messages_on(self, decoder: transport.Decoder) -> None:
        if self._verbose:
            for message in decoder.messages:
                print(f"[INFO] {message}")
        if decoder.missing is not None:
            warnings.warn(f"OpenJPEG library warning:  {decoder.missing}", TruncatedWarning, stacklevel=2)
        for message in decoder.warnings:
            warnings.warn(f"OpenJPEG library warning:  {message}", CodestreamWarning, stacklevel=2)

    def _arrays(self, decoder: transport.Decoder) -> Any:
        """Return one array if the components have the same size and dtype, else a list of arrays."""
        parts = decoder.components
        deepest = max(part.precision for part in parts)
        if deepest > 16:
            raise SampleDepthError(f"the samples have {deepest} bits, and j2klearn decodes at most 16")
        dtypes = [
            self._component2dtype(SimpleNamespace(prec=part.precision, sgnd=part.signed)) for part in parts
        ]
        first = parts[0].area.shape
        if any(part.area.shape != first for part in parts) or len(set(dtypes)) > 1:
            return [decoder.samples(index).astype(dtype) for index, dtype in enumerate(dtypes)]
        out = np.empty((*first, len(parts)), dtypes[0])
        for index in range(len(parts)):
            out[:, :, index] = decoder.samples(index)
        return out[:, :, 0] if len(parts) == 1 else out


def _is_whole(siz: Any) -> bool:
    """Return whether glymur has parsed a whole SIZ marker segment, with all numbers of each component."""
    try:
        counts = {siz.Csiz, len(siz.xrsiz), len(siz.yrsiz), len(siz.bitdepth), len(siz.signed)}
    except AttributeError:  # glymur could not parse it, or it is None
        return False
    return len(counts) == 1 and 0 not in counts


def _fits(data: NDArray[Any], selection: Selection, shape: tuple[int, ...]) -> bool:
    """Return whether decoded samples have the bands of a picture, and one row or column where an index selects one."""
    single = all(data.shape[axis] == 1 for axis, drop in enumerate(selection.drop) if drop)
    return data.ndim == len(shape) and data.shape[2:] == shape[2:] and single


def _restored(kind: type[Jp2kr], source: Any, options: dict[str, Any], state: dict[str, Any]) -> Jp2kr:
    """Return the object that `Jp2kr.__reduce__` described."""
    if isinstance(source, str) and not os.path.exists(source):  # glymur would take it for a file to write
        raise MissingFileError(f"cannot read {source}: no such file")
    result = kind(source, **options)
    result.__dict__.update(state)
    return result
