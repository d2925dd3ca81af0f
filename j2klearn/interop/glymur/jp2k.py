"""`Jp2k`: glymur's reader and writer on top of j2klearn's encoder and decoder."""

from __future__ import annotations

import inspect
import io
import shutil
from pathlib import Path
from typing import Any, BinaryIO

import glymur
import numpy as np
from glymur.jp2box import ImageHeaderBox
from glymur.lib import openjp2
from numpy.typing import NDArray

from ...api.encode import encode_with
from ...api.options import EncodeOptions
from ...core.geometry import Rect
from ...core.limits import MAX_COMPONENTS, MAX_PIXELS, check_pixels
from ...core.picture import Picture, checked_depth, native_samples, plain_array
from ...ebcot.layout import DEFAULT_LEVELS, default_levels, levels_fit
from ...io.atomic import write_by
from ...jp2 import boxes as jp2_boxes
from ...models.model import Model
from ...models.registry import DEFAULT_MODEL, resolve
from ...neural.format.container import UUID_BOX
from .arguments import check_arguments
from .boxes import with_new_definition, write_box
from .errors import (
    InvalidInputError,
    InvalidOptionError,
    LibraryError,
    RewriteError,
    as_glymur,
    errors_of_glymur,
)
from .jp2kr import Jp2kr
from .scratch import Scratch, is_memory
from .tile_writers import GatheringTileWriter, StreamingTileWriter, alike
from .transform_option import IRREVERSIBLE, REVERSIBLE, WAVELETS

__all__ = ["Jp2k"]

_GLYMUR = inspect.signature(glymur.Jp2k.__init__)


def _is_payload(box: Any) -> bool:
    return bool(box.box_id == "uuid" and box.uuid == UUID_BOX)


def _pair(value: Any) -> tuple[int, int]:
    first, second = value
    return int(first), int(second)


class Jp2k(glymur.Jp2k, Jp2kr):
    """Writes and reads JPEG 2000 files, learned or ordinary, as `glymur.Jp2k` does.

    It takes all arguments of glymur, in the same order, with the same meaning and the same defaults. Coding is lossless
    unless `cratios` or `psnr` is given; lossy coding uses a learned transform. `Jp2kr` documents reading.

    Parameters
    ----------
    filename : str, Path, bytes, binary file object or URL
        Where to read from, or where to write. A JP2 file is written to a file object without a name.
    data : array_like, optional
        Picture to write at once: shape (H, W) or (H, W, C), dtype uint8, uint16, int8 or int16.
    *args, **kwargs
        See `glymur.Jp2k`.
    transform : {"5-3", "9-7"}, str or Path, optional
        ``"5-3"`` and ``"9-7"`` write ordinary JPEG 2000 as glymur does, at any rate. The name of a shipped model or the
        path of a model file selects a learned transform. A lossy one needs `cratios` or `psnr`; a reversible one needs
        no `cratios`, or 1 as the last one. Default: for lossless coding the 5/3 (the 9/7 with ``irreversible=True``),
        for lossy coding the default model, or the wavelet that glymur uses if `cinema2k`, `cinema4k` or `subsam` rules
        a model out.
    embed_model : bool
        Store the weights of the learned transform in the file.
    device : str, optional
        Device that runs the networks; only ``"cpu"`` is supported.
    max_pixels : int or None
        Limit of the number of pixels that one slice decodes, or of a picture to write; None for no limit.
    bit_depth : int, optional
        Significant bits per sample, 1 to 16. Default: the width of the dtype.
    alpha : bool, optional
        Whether the component after the colour components is alpha. Default: yes if there is exactly one extra
        component.
    storage_options : dict, optional
        Options of fsspec's file system, for a URL to read from.
    draft : bool
        Whether slices leave out the learned de-quantisation, as in `j2klearn.decode`. It is an attribute too.

    Raises
    ------
    InvalidOptionError
        If arguments contradict each other; a subclass of glymur's InvalidJp2kError.
    """

    filename: Any  # an attribute of glymur, which has no annotations

    def __init__(
        self,
        filename: Any,
        *args: Any,
        transform: str | Path | Model | None = None,
        embed_model: bool = False,
        device: str | None = None,
        max_pixels: int | None = MAX_PIXELS,
        bit_depth: int | None = None,
        alpha: bool | None = None,
        storage_options: dict[str, Any] | None = None,
        draft: bool = False,
        **kwargs: Any,
    ) -> None:
        given = _GLYMUR.bind(self, filename, *args, **kwargs).arguments
        del given["self"]
        if given.get("data") is not None:
            with as_glymur():
                given["data"] = plain_array(given["data"])
        with as_glymur():
            check_arguments(given)
        self._shape_given = given.get("shape") is not None
        self._writing = self._shape_given or given.get("data") is not None
        self._levels_given = given.get("numres") not in (None, DEFAULT_LEVELS + 1)
        self._embed_model, self._bit_depth, self._alpha = embed_model, bit_depth, alpha
        if transform == REVERSIBLE and given.get("irreversible"):
            raise InvalidOptionError("irreversible=True contradicts transform='5-3'")
        if transform == IRREVERSIBLE and not (given.get("cinema2k") or given.get("cinema4k")):
            given["irreversible"] = True
        self._prepare(filename, not self._writing, transform, device, max_pixels, storage_options, draft)
        given["filename"] = self._place(filename)
        with errors_of_glymur():
            super().__init__(**given)

    __init__.__signature__ = _GLYMUR.replace(  # type: ignore[attr-defined]
        parameters=[
            *_GLYMUR.parameters.values(),
            *(p for p in inspect.signature(__init__).parameters.values() if p.kind is p.KEYWORD_ONLY),
        ]
    )

    def _parse(self, force: bool = False) -> None:
        if self._writing and self._parse_count == 0 and self.path.exists() and self.path.stat().st_size == 0:
            raise FileNotFoundError(
                f"{self.filename} is empty"
            )  # a new temporary file, which is to be written
        super()._parse(force=force)

    # Writing

    def __setitem__(self, index: Any, data: Any) -> None:
        with as_glymur():
            data = plain_array(data)
        if not self._shape_given and (index is Ellipsis or index == slice(None)):
            self._shape = data.shape
        super().__setitem__(index, data)

    def _write(self, img_array: NDArray[Any]) -> None:
        if hasattr(self, "_cparams"):
            raise RewriteError("this file has a picture already")
        if not alike(img_array.shape, self._shape):
            raise InvalidInputError(
                f"the picture has the shape {img_array.shape}, not that of shape={tuple(self._shape)}"
            )
        self._leave_source()
        if img_array.ndim not in (2, 3):
            raise InvalidInputError(f"a picture has two or three axes, not {img_array.ndim}")
        if not img_array.size:
            raise InvalidInputError(f"the picture is empty: its shape is {img_array.shape}")
        try:
            with as_glymur():
                if img_array.dtype == np.bool_ and self._bit_depth is None:
                    self._bit_depth = 1
                samples = native_samples(img_array)
                checked_depth(samples, self._bit_depth)
                check_pixels(samples.shape[0], samples.shape[1], self.max_pixels)
            with errors_of_glymur():
                super()._write(samples)
        except BaseException:
            self.__dict__.pop("_cparams", None)
            raise

    def _model_to_write(self) -> Model | None:
        """Return the learned transform to write a picture with; None for ordinary JPEG 2000.

        Raises
        ------
        InvalidOptionError
            If `transform` names a model that cannot be used with the other arguments.
        """
        if self._transform in WAVELETS:
            return None
        lossless = not (self._psnr and 0 not in self._psnr) and not (self._cratios and self._cratios[-1] > 1)
        obstacle = ""
        model = self._model if isinstance(self._model, Model) else None
        if self._model is not None and model is None:
            obstacle = "it is an entropy model: use encode(..., profile='neural')"
        elif lossless != (model is not None and model.reversible):
            obstacle = "it is lossy: give cratios above 1 or psnr above 0"
            if not lossless:
                obstacle = "it is for lossless coding, without cratios above 1 and psnr above 0"
        elif lossless and self._psnr:
            obstacle = "layers with a PSNR are lossy: give cratios"
        elif self._cinema2k or self._cinema4k:
            obstacle = "cinema profiles do not allow it"
        elif self._subsam is not None and tuple(self._subsam) != (1, 1):
            obstacle = "it does not support subsampled components"
        elif len(self._shape) > 2 and self._shape[2] > MAX_COMPONENTS:
            obstacle = f"it supports at most {MAX_COMPONENTS} components"
        if not obstacle:
            return model or resolve(DEFAULT_MODEL)
        if self._model is not None:
            raise InvalidOptionError(f"the learned transform cannot be used: {obstacle}")
        return None

    def _picture(self, image: NDArray[Any]) -> Picture:
        rgb = self._colorspace == openjp2.CLRSPC_SRGB
        return Picture(
            image,
            self._bit_depth,
            colorspace="rgb" if rgb else "grey",
            alpha=self._alpha,
            component_transform=rgb if self._mct is None else bool(self._mct),
        )

    def _write_openjp2(self, img_array: NDArray[Any]) -> None:
        model = self._model_to_write()
        write_by(self.path, lambda path: self._write_to(path, img_array, model))

    def _write_to(self, path: Path, image: NDArray[Any], model: Model | None) -> None:
        if model is not None:
            path.write_bytes(self._coded(image, model))
            return
        name = self.filename
        self.filename = str(path)  # where glymur writes
        try:
            super()._write_openjp2(image)
        finally:
            self.filename = name
        self._define_channels(path, image.shape)

    def _ratios(self, model: Model) -> list[float | None] | None:
        """Return the ratios of the layers for `EncodeOptions`: None for a lossless layer, or if there is only that."""
        if not self._cratios or (model.reversible and len(self._cratios) == 1):
            return None
        ratios: list[float | None] = [float(ratio) for ratio in self._cratios]
        return [*ratios[:-1], None] if model.reversible else ratios

    def _coded(self, image: NDArray[Any], model: Model) -> bytes:
        picture = self._picture(image)
        options = EncodeOptions(
            ratio=self._ratios(model),
            lossless=model.reversible,
            psnr=None if self._psnr is None else [float(value) for value in self._psnr],
            model=model,
            embed_model=self._embed_model,
            fallback=self._model is None,
            bit_depth=self._bit_depth,
            colorspace="rgb" if picture.colours == 3 else "grey",
            alpha=self._alpha,
            component_transform=picture.ict,
            levels=int(self._numres) - 1 if self._levels_given else None,
            tile_size=None if self._tilesize_w is None else _pair(self._tilesize_w),
            offset=_pair(self._grid_offset or (0, 0)),
            codeblock_size=_pair(self._cbsize or (64, 64)),
            precincts=[_pair(size) for size in self._psizes or ()],
            progression=(self._prog or "LRCP").upper(),
            mode_switches=self._modesw or 0,
            sop=bool(self._sop),
            eph=bool(self._eph),
            plt=bool(self._plt),
            tlm=bool(self._tlm),
            jp2=self._codec_format == openjp2.CODEC_JP2,
            threads=glymur.get_option("lib.num_threads"),
            max_pixels=self.max_pixels,
        )
        return encode_with(image, options)

    def _define_channels(self, path: Path, shape: tuple[int, ...]) -> None:
        """Add a channel definition box to an ordinary JP2 file if not all of its components are colours."""
        components = shape[2] if len(shape) > 2 else 1
        colours = 3 if self._colorspace == openjp2.CLRSPC_SRGB else 1
        alpha = components == colours + 1 if self._alpha is None else self._alpha
        box = jp2_boxes.channel_definition(components, colours, alpha)
        if box and self._codec_format == openjp2.CODEC_JP2:
            jp2_boxes.add_to_header(path, box)

    def _populate_cparams(self, img_array: NDArray[Any]) -> None:
        self._choose_levels()
        super()._populate_cparams(img_array)

    def _choose_levels(self) -> None:
        """Reduce the default number of resolutions if the picture or a tile is too small for it."""
        y0, x0 = self._grid_offset or (0, 0)
        dy, dx = self._subsam or (1, 1)
        height, width = self._shape[:2]
        area = Rect(y0, x0, y0 + (height - 1) * dy + 1, x0 + (width - 1) * dx + 1)
        if not area.size:
            return  # glymur raises an error later
        if not self._levels_given:
            self._numres = default_levels(area, (0, 0), self._tilesize_w) + 1
            return
        levels = int(self._numres) - 1
        if not levels_fit(area, (0, 0), self._tilesize_w, levels, reversible=not self._irreversible):
            raise LibraryError(
                f"numres={self._numres} is too many resolutions for the size of the picture or of one of its tiles"
            )

    def _determine_colorspace(self) -> None:
        if self._colorspace is None or isinstance(self._colorspace, str):
            super()._determine_colorspace()

    def _validate_image_datatype(self, img_array: NDArray[Any]) -> None:
        """Accept all dtypes that `native_samples` returns; glymur accepts unsigned ones only."""

    def _populate_comptparms(self, img_array: NDArray[Any]) -> None:
        super()._populate_comptparms(img_array)
        # glymur sets 8 or 16 bits
        depth = self._picture(img_array[:1, :1] * 0).bit_depth
        for component in self._comptparms:
            component.prec = component.bpp = depth
            component.sgnd = int(img_array.dtype.kind == "i")

    def get_tilewriters(self) -> Any:
        """Return an iterator over writers of tiles, row by row; write each tile with ``writer[:] = tile``.

        With a learned transform, or if there is only one tile, the tiles are collected in memory, and the picture is
        encoded after the last one. With ``transform="5-3"`` or ``"9-7"``, each tile is written at once, and a picture
        of one tile raises an error, as in glymur.

        Raises
        ------
        InvalidOptionError
            If `shape` or `tilesize` was not given.
        """
        if self._shape is None or self._tilesize_w is None:
            raise InvalidOptionError("writing by tiles needs shape= and tilesize=")
        one = tuple(self._shape[:2]) == tuple(self._tilesize_w)
        if self._model_to_write() is not None or (one and self._transform not in WAVELETS):
            return GatheringTileWriter(self)
        if one:
            return super().get_tilewriters()
        if self._grid_offset is not None or self._subsam is not None:
            return GatheringTileWriter(self)
        return StreamingTileWriter(self)

    def finalize(self, force_parse: bool = False) -> None:
        super().finalize(force_parse=force_parse)
        self._deliver()

    def _deliver(self) -> None:
        if self._scratch is not None:
            with as_glymur():
                self._scratch.deliver()

    # Boxes

    def _leave_source(self) -> None:
        """Copy the file that is read from bytes, a file object or a URL to a temporary file, which can be changed."""
        if self._source is None:
            return
        self._scratch = Scratch(self._stream, self._source.source.whole())
        self._source = self._partial = self._opened = None
        self.path = self._scratch.path
        self.filename = str(self.path)

    def append(self, box: Any) -> None:
        self._leave_source()
        size = self.path.stat().st_size
        try:
            super().append(box)
        except BaseException:
            with self.path.open("r+b") as stream:
                stream.truncate(size)
            raise
        self._deliver()

    def wrap(self, filename: Any, boxes: Any = None) -> Jp2k:
        """Write the codestream to another file with other boxes, as `glymur.Jp2k.wrap` does.

        Boxes that were read from a file and have not been changed are copied byte for byte. The payload of the neural
        profile is copied together with the codestream, which is its preview.
        """
        self._leave_source()
        if boxes is None:
            boxes = self._get_default_jp2_boxes()
        if self._payload is not None and not any(_is_payload(box) for box in boxes):
            boxes = [*boxes, *(box for box in self.box if _is_payload(box))]
        boxes = [with_new_definition(box) if box.box_id == "jp2h" else box for box in boxes]
        self._validate_jp2_box_sequence(boxes)
        if is_memory(filename):
            out = io.BytesIO()
            self._write_boxes(boxes, out)
            result = type(self)(out.getvalue(), max_pixels=self.max_pixels, draft=self.draft)
            result._stream = filename
            result._leave_source()
            result._deliver()
            return result

        def write(path: Path) -> None:
            with path.open("wb") as stream:
                self._write_boxes(boxes, stream)

        with as_glymur():
            write_by(Path(filename), write)
        return type(self)(filename, max_pixels=self.max_pixels, draft=self.draft)

    def _write_boxes(self, boxes: Any, out: BinaryIO) -> None:
        for box in boxes:
            if box.box_id == "jp2c":
                self._write_wrapped_codestream(out, box)
            else:
                write_box(box, out)

    def _write_wrapped_codestream(self, ofile: BinaryIO, box: Any) -> None:
        if self.box:
            super()._write_wrapped_codestream(ofile, box)
            return
        ofile.write(jp2_boxes.codestream_header(self.path.stat().st_size))
        with self.path.open("rb") as stream:
            shutil.copyfileobj(stream, ofile)

    def _get_default_jp2_boxes(self) -> Any:
        result = super()._get_default_jp2_boxes()
        siz = self._siz
        if len(set(siz.bitdepth)) == 1 and len(set(siz.signed)) == 1:
            # glymur writes the end of the picture on the reference grid as its size, and always a depth of 8 bits
            result[2].box[0] = ImageHeaderBox(
                siz.ysiz - siz.yosiz,
                siz.xsiz - siz.xosiz,
                num_components=len(siz.bitdepth),
                bits_per_component=siz.bitdepth[0],
                signed=bool(siz.signed[0]),
            )
        return result

    def _validate_jp2_box_sequence(self, boxes: Any) -> None:
        brands = set(getattr(boxes[1], "compatibility_list", ())) if len(boxes) > 1 else set()
        if not brands & {"jpx ", "jpxb"}:
            super()._validate_jp2_box_sequence(boxes)
            return
        # a JP2 file with boxes of JPX, such as GMLJP2
        self._validate_signature_compatibility(boxes)
        self._validate_jp2h(boxes)
        self._validate_jp2c(boxes)
        self._validate_jpx_box_sequence(boxes)
