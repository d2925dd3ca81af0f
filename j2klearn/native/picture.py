"""Learned files from bytes to samples in native code (``j2kl_picture_*`` in ``native/include/j2kl.h``).

The native code does all that `j2klearn.decode` does for files whose model is an integer model or has one as its twin,
and gives the same samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.geometry import Rect, ceil_div
from ..core.timing import stage
from ..errors import CodestreamError, OptionError
from .handle import Handle
from .library import Report, check, load

__all__ = ["DEQUANTISERS", "MODELS", "LearnedPicture", "Models", "PictureInfo"]

#: What is known of the model of a file, and of its network for de-quantisation, in the order of ``j2kl.h``.
MODELS = ("missing", "integer", "twin", "float")
DEQUANTISERS = ("none", "integer", "float")


class Models:
    """The models that files may name. Several threads may use one at the same time.

    Parameters
    ----------
    folders : sequence of Path
        Folders of model files, which are read when a model is first looked up.
    files : sequence of bytes
        Model files that are searched before those in the folders.
    beside : bool
        Whether the models beside the library are searched, too: those of the package.

    Raises
    ------
    ModelError
        If a file in `files` is no valid model.
    """

    def __init__(
        self, folders: Sequence[Path] = (), files: Sequence[bytes] = (), *, beside: bool = True
    ) -> None:
        ffi, library = load()
        handle = ffi.new("j2kl_models **")
        check(library.j2kl_models_create(handle))
        self._handle = ffi.gc(handle[0], library.j2kl_models_free)
        for data in files:
            report = Report(ffi)
            report.check(
                library.j2kl_models_add(self._handle, ffi.from_buffer(data), len(data), report.pointer)
            )
        for folder in folders:
            check(library.j2kl_models_add_folder(self._handle, str(folder).encode()))
        if beside:
            check(library.j2kl_models_add_folder(self._handle, ffi.NULL))


@dataclass(frozen=True)
class PictureInfo:
    """What an open file is.

    Attributes
    ----------
    learned : bool
        Whether it has a learned-transform segment. For other files only the sizes below are valid.
    area : Rect
        The area of the picture on the reference grid.
    components, precision, levels, layers, tiles : int
        Number of components, bits per sample, decomposition levels, quality layers and tiles.
    signed : bool
        Whether samples are signed.
    segment_version : int
        Version of the segment, 1 to 5; 5 is that of lossless files.
    model_id : bytes
        Id of the model, 32 bytes.
    model : str
        One of `MODELS`.
    model_name : str
        Name of the model; empty if it is missing.
    dequantiser : str
        One of `DEQUANTISERS`.
    """

    learned: bool
    area: Rect
    components: int
    precision: int
    levels: int
    layers: int
    tiles: int
    signed: bool
    segment_version: int
    model_id: bytes
    model: str
    model_name: str
    dequantiser: str


def _tiles(native: Any) -> int:
    """Return the number of tiles of a ``j2kl_picture_info``."""
    down = ceil_div(native.y1 - native.tile_y0, native.tile_height)
    return down * ceil_div(native.x1 - native.tile_x0, native.tile_width)


class LearnedPicture(Handle):
    """A file that native code decodes. One thread may use it at a time.

    Parameters
    ----------
    data : bytes, or callable
        The file; or a function that is called as ``read(offset, count)`` and returns up to `count` bytes.
    models : Models
        The models that it may name.
    size : int, optional
        The size of the file, if `data` is callable.

    Raises
    ------
    CodestreamError
        If the file is damaged; `SegmentError` and `UnsupportedError` are subclasses.
    ModelError
        If a model is in the file, and is invalid.
    """

    def __init__(
        self,
        data: bytes | Callable[[int, int], bytes],
        models: Models,
        size: int | None = None,
    ) -> None:
        self._ffi, self._library = load()
        self._report = Report(self._ffi)
        handle = self._ffi.new("j2kl_picture **")
        self._models = models
        if callable(data):
            self._buffer = self._reader(data, size or 0)
            code = self._library.j2kl_picture_open_reader(
                self._buffer[0], models._handle, self._report.pointer, handle
            )
        else:
            self._buffer = self._ffi.from_buffer("uint8_t[]", data)
            code = self._library.j2kl_picture_open(
                self._buffer, len(data), models._handle, self._report.pointer, handle
            )
        self._report.check(code)
        self._handle = handle[0]
        self.info = self._info()

    def _free(self, handle: Any) -> None:
        self._library.j2kl_picture_free(handle)

    def _reader(self, read: Callable[[int, int], bytes], size: int) -> tuple[Any, Any]:
        def copied(_: Any, offset: int, target: Any, count: int) -> int:
            data = read(offset, count)[:count]
            self._ffi.memmove(target, data, len(data))
            return len(data)

        function = self._ffi.callback(
            "int64_t(void *, uint64_t, uint8_t *, size_t)", copied, error=-1, onerror=lambda *_: None
        )
        return self._ffi.new("j2kl_reader *", [self._ffi.NULL, size, function]), function

    def _info(self) -> PictureInfo:
        native = self._ffi.new("j2kl_picture_info *")
        check(self._library.j2kl_picture_info_of(self._open(), native))
        return PictureInfo(
            learned=bool(native.learned),
            area=Rect(native.y0, native.x0, native.y1, native.x1),
            components=native.components,
            precision=native.precision,
            levels=native.levels,
            layers=native.layers,
            tiles=_tiles(native),
            signed=bool(native.is_signed),
            segment_version=native.segment_version,
            model_id=bytes(self._ffi.buffer(native.model_id)),
            model=MODELS[native.model],
            model_name=self._ffi.string(native.model_name).decode("utf-8", "replace"),
            dequantiser=DEQUANTISERS[native.dequantiser],
        )

    def decode(
        self,
        *,
        reduce: int = 0,
        layers: int = 0,
        area: Rect | None = None,
        components: Sequence[int] = (),
        draft: bool = False,
        max_pixels: int = 0,
        threads: int = 1,
        tiles: bytes | None = None,
    ) -> NDArray[np.int32]:
        """Decode samples.

        Parameters
        ----------
        reduce : int
            Number of highest resolutions to leave out.
        layers : int
            Quality layers to decode; 0 for all.
        area : Rect, optional
            Area on the reference grid, clipped to the picture. Default: the whole picture.
        components : sequence of int
            Components to return, without the inverse component transform. Empty: all, with the inverse transform.
        draft : bool
            Whether de-quantisation is left out.
        max_pixels : int
            Limit of the pixels to decode; 0 for none.
        threads : int
            Most threads to use.
        tiles : bytes, optional
            A codestream that has the tiles which the area needs, at their place on the reference grid. Default: the
            file.

        Returns
        -------
        ndarray, shape (C, H, W), int32
            The samples.

        Raises
        ------
        OptionError
            If an option is out of range.
        ModelNotFoundError
            If the model of the file is missing.
        CodestreamError
            If the codestream is damaged, or the model needs PyTorch (`UnsupportedError`). Also if the area cannot be
            decoded from `tiles` alone.
        LimitError
            If there are more than `max_pixels` pixels.
        """
        native = self._ffi.new("j2kl_picture_request *")
        rect = self._ffi.new("j2kl_rect *")
        listed = self._ffi.new("uint32_t[]", list(components))
        try:
            native.reduce, native.layers, native.draft = reduce, layers, int(draft)
            native.max_pixels, native.threads = max_pixels, threads
            if area is not None:
                native.y0, native.x0, native.y1, native.x1 = area.y0, area.x0, area.y1, area.x1
        except OverflowError as error:
            raise OptionError(f"an option of the decoder is out of range: {error}") from None
        native.component_count, native.component_list = len(components), listed
        self._report.check(self._library.j2kl_picture_area(self._open(), native, rect))
        shape = rect.y1 - rect.y0, rect.x1 - rect.x0
        if 0 < max_pixels < shape[0] * shape[1]:
            shape = 0, 0  # the call reports the limit
        out = np.empty((len(components) or self.info.components, *shape), np.int32)
        if not self.info.learned:
            raise CodestreamError("this is an ordinary file, without a learned transform")
        planes = self._ffi.new(
            "int32_t *[]", [self._ffi.cast("int32_t *", plane.ctypes.data) for plane in out]
        )
        if tiles is None:
            code = self._library.j2kl_picture_decode(self._open(), native, planes)
        else:
            buffer = self._ffi.from_buffer("uint8_t[]", tiles)
            code = self._library.j2kl_picture_decode_tiles(self._open(), buffer, len(buffer), native, planes)
        self._report.check(code)
        return out

    @stage("native")
    def noise(self, threads: int = 1) -> NDArray[np.uint8]:
        """Measure the quantisation noise of the picture, which must be a lossy one of two levels or more.

        Parameters
        ----------
        threads : int
            Most threads to use.

        Returns
        -------
        ndarray, shape (components, layers, tiles), uint8
            Codes as in `j2klearn.core.noise_table.NoiseTable`.

        Raises
        ------
        CodestreamError
            If the codestream is damaged, or is not such a picture (`UnsupportedError`).
        """
        codes = np.zeros((self.info.components, self.info.layers, self.info.tiles), np.uint8)
        place = self._ffi.cast("uint8_t *", codes.ctypes.data)
        self._report.check(self._library.j2kl_picture_noise(self._open(), threads, place))
        return codes
