"""The Pillow plugin: with `register_pillow`, Pillow reads learned files at full quality, and writes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from ..access.partial_codestream import PartialCodestream
from ..api.encode import encode_with
from ..api.opened_file import OpenedFile
from ..api.options import EncodeOptions
from ..api.rendering import Rendering
from ..codestream.markers import CODESTREAM_START
from ..core.geometry import Rect
from ..core.request import Decoded, ReadRequest, chosen_resolution
from ..core.run import Run
from ..core.scalars import as_real, real_numbers, whole_number, whole_pair
from ..core.warning import warn_caller
from ..ebcot.reader import read
from ..errors import CodestreamError, InputError, OptionError, TruncatedWarning, UnsupportedError
from ..io.sources import open_source
from ..jp2.boxes import SIGNATURE
from ..jp2.metadata import Metadata, add_metadata, read_metadata
from ..jp2.peek import is_learned
from ..neural.format.container import is_neural, open_payload

__all__ = ["FORMAT", "register_pillow"]

#: Name of the format in Pillow.
FORMAT = "J2KL"

_EXIF_PREFIX = b"Exif\x00\x00"
#: The mode for a colour space, whether there is alpha, and the number of components that are neither.
_MODES = {
    ("grey", False, 0): "L",
    ("grey", True, 0): "LA",
    ("grey", False, 1): "LA",  # Pillow has no mode with a second band that is not alpha
    ("rgb", False, 0): "RGB",
    ("rgb", True, 0): "RGBA",
    ("rgb", False, 1): "RGBX",
    ("cmyk", False, 0): "CMYK",
}
_SPACES = ("grey", "rgb", "cmyk")
#: Arguments of `save` that may be text, and how it becomes bytes.
_TEXTS = {"comment": "latin-1", "xmp": "utf-8"}

_PREMULTIPLIED = {"LA": "La", "RGBA": "RGBa"}


def _accept(prefix: bytes) -> bool:
    return prefix.startswith((CODESTREAM_START, SIGNATURE))


class LearnedImageFile(ImageFile.ImageFile):
    """A learned JPEG 2000 file, or one of the neural profile; the samples are decoded when they are first used.

    It is pickled with its decoded samples, as Pillow's own pictures are. Decoding a truncated file raises
    `CodestreamError`, which is an OSError. If `PIL.ImageFile.LOAD_TRUNCATED_IMAGES` is set, what is there is decoded,
    with a `TruncatedWarning`.

    Attributes
    ----------
    reduce : int
        Number of highest resolutions to skip. Set it before the samples are used, as in Pillow's JPEG 2000 plugin.
    layers : int
        Number of quality layers to decode; 0 for all.
    """

    format = FORMAT
    format_description = "JPEG 2000 with a learned wavelet"

    _data: bytes | None = None  # the file, until it is decoded

    def __getstate__(self) -> list[Any]:
        return [*super().__getstate__(), (self._levels, self._reduce, self.layers)]

    def __setstate__(self, state: list[Any]) -> None:
        *samples, (self._levels, self._reduce, self.layers) = state
        super().__setstate__(samples)

    def _open(self) -> None:
        assert self.fp is not None
        if not is_learned(self.fp) and not is_neural(self.fp):
            raise SyntaxError("not a learned JPEG 2000 file")  # which makes Pillow try the next plugin
        self.fp.seek(0)
        self._data = self.fp.read()
        codestream = PartialCodestream(open_source(self._data))
        opened = open_payload(codestream)
        header = codestream.header if opened is None else opened[0]
        self._rendering = Rendering(codestream, header, _SPACES)
        self._levels, self._area = header.levels, header.area
        self._mode = _mode(self._rendering)
        # a profile for the colours of the file does not describe converted ones
        metadata = self._rendering.metadata() if self._rendering.converted else read_metadata(self.fp)
        self._size = (header.area.width, header.area.height)
        self._reduce = 0
        self.layers = 0
        for name in ("icc_profile", "xmp", "dpi"):
            if (value := getattr(metadata, name)) is not None:
                self.info[name] = value
        if metadata.exif is not None:
            self.info["exif"] = _EXIF_PREFIX + metadata.exif
        text = [comment.data for comment in codestream.header.comments if not comment.binary]
        if text:
            self.info["comment"] = text[0] if isinstance(text[0], bytes) else str(text[0]).encode("latin-1")
        self.tile = []

    @property
    def reduce(self) -> Any:
        # `reduce` is also a method of Pillow's pictures
        return self._reduce or super().reduce

    @reduce.setter
    def reduce(self, value: int) -> None:
        self._reduce = chosen_resolution(value, self._levels)

    def _reduced(self, reduce: int) -> Rect:
        return self._area.resolution(reduce)

    def draft(
        self, mode: str | None, size: tuple[int, int] | None
    ) -> tuple[str, tuple[int, int, float, float]] | None:
        """Choose the lowest resolution that is not smaller than a size; Pillow's `thumbnail` calls this.

        Parameters
        ----------
        mode : str or None
            Ignored.
        size : (int, int) or None
            Width and height wanted, in pixels.

        Returns
        -------
        (str, (int, int, float, float)) or None
            The mode, and the area of the picture at that resolution; None if nothing was chosen.
        """
        if self._data is None or size is None:
            return None
        while self._reduce < self._levels:
            smaller = self._reduced(self._reduce + 1)
            if smaller.width < size[0] or smaller.height < size[1]:
                break
            self._reduce += 1
        scale = 1 << self._reduce
        width, height = self._area.width / scale, self._area.height / scale
        area = self._reduced(self._reduce)
        self._size = (area.width, area.height)
        return self.mode, (0, 0, min(width, area.width), min(height, area.height))

    def load(self) -> Any:
        if self._data is not None:
            samples, missing = self._decoded(self._data)
            if missing is not None:
                if not ImageFile.LOAD_TRUNCATED_IMAGES:
                    raise CodestreamError(
                        f"{missing}: set PIL.ImageFile.LOAD_TRUNCATED_IMAGES to load what was there"
                    )
                warn_caller(f"{missing}; what was there has been decoded", TruncatedWarning)
            picture = _to_pillow(samples, self._rendering, self._mode)
            self.im, self._size, self._mode = picture.im, picture.size, picture.mode
            self._data = None
            if self._exclusive_fp and self.fp:  # Pillow has opened it
                self.fp.close()
            self.fp = None
        return super().load()

    def _decoded(self, data: bytes) -> tuple[NDArray[Any], str | None]:
        """Return the samples, and what is missing if the file is truncated."""
        file = OpenedFile(data)
        # Pillow has compared the number of pixels with its own limit
        request = ReadRequest.checked(file.header, reduce=self._reduce, layers=self.layers)
        run = Run.of(max_pixels=None)
        if file.neural is not None:
            decoded: Decoded = file.neural.read(request, run)
        else:
            decoded = read(file.codestream, file.learned, request, run)
        return decoded.samples, decoded.missing


def _mode(rendering: Rendering) -> str:
    """Return the mode of Pillow for a picture."""
    meaning, components = rendering.meaning, rendering.components
    mode = _MODES.get((meaning.space, meaning.alpha is not None, meaning.extra(components)))
    if mode is None:
        raise UnsupportedError(f"Pillow has no mode for {meaning.space} with {components} components")
    return "I;16" if mode == "L" and meaning.bit_depth > 8 else mode


def _to_pillow(samples: NDArray[Any], rendering: Rendering, mode: str) -> Image.Image:
    """Return a picture of Pillow with 8 bits per sample, or 16 for deep grey, scaled as Pillow's own plugin does."""
    values, depth = rendering(samples).astype(np.int32), rendering.meaning.bit_depth
    if rendering.dtype.kind == "i":
        values += 1 << (depth - 1)
    bits = 16 if mode == "I;16" else 8
    values = values << (bits - depth) if depth <= bits else values >> (depth - bits)
    codes = np.ascontiguousarray(values.astype("<u2" if bits == 16 else np.uint8))
    stored = mode
    if rendering.meaning.alpha == "premultiplied":
        stored = _PREMULTIPLIED[mode]
    picture = Image.frombytes(stored, (codes.shape[1], codes.shape[0]), codes.tobytes())
    return picture if stored == mode else picture.convert(mode)


def _samples(picture: Image.Image, *, signed: bool) -> NDArray[Any]:
    transparent = picture.info.get("transparency")
    if picture.mode in ("P", "PA", "YCbCr"):
        alpha = picture.mode == "PA" or transparent is not None
        picture = picture.convert("RGBA" if alpha else "RGB")
    elif picture.mode in ("1", "L"):
        picture = picture.convert("L" if transparent is None else "LA")
    elif picture.mode == "RGB" and transparent is not None:
        picture = picture.convert("RGBA")
    if picture.mode not in ("L", "LA", "RGB", "RGBA") and not picture.mode.startswith("I;16"):
        raise InputError(
            f"pictures of mode {picture.mode} cannot be encoded: convert them to L, LA, RGB, RGBA or I;16"
        )
    samples = np.asarray(picture)
    if samples.dtype.itemsize == 2:
        samples = samples.astype(np.uint16)  # mode I;16B
        if transparent is not None:
            samples = np.dstack([samples, np.where(samples == transparent, 0, 65535).astype(np.uint16)])
    if signed:
        kind = np.dtype(f"i{samples.dtype.itemsize}")
        return (samples.astype(np.int32) - (1 << (8 * samples.dtype.itemsize - 1))).astype(kind)
    return samples


def _pair(info: dict[str, Any], name: str) -> tuple[int, int] | None:
    """Return an argument of `save` that is (x, y), as (y, x); None if it was not given."""
    value = info.get(name)
    if value is None:
        return None
    x, y = whole_pair(name, value)
    return y, x


def _rate(info: dict[str, Any]) -> dict[str, Any]:
    layers = info.get("quality_layers")
    if layers is None:
        return {"lossless": True} if info.get("lossless", False) else {}
    if info.get("lossless", False):
        raise OptionError("quality_layers and lossless contradict each other: end quality_layers with 0")
    if as_real(layers) is not None or isinstance(layers, str) or not isinstance(layers, Iterable):
        raise OptionError(f"quality_layers must be a sequence of numbers, not {layers!r}")
    mode = info.get("quality_mode", "rates")
    if mode not in ("rates", "dB"):
        raise OptionError(f"quality_mode is 'rates' or 'dB', not {mode!r}")
    *lower, last = list(layers) or [None]
    if mode == "rates" and as_real(last) in (0, 1):  # as in Pillow: all coding passes
        return {"ratio": [*real_numbers("quality_layers", lower), None]} if lower else {"lossless": True}
    if 0 in layers:
        raise OptionError("only the last layer can be lossless, and only if quality_mode is 'rates'")
    return {"ratio" if mode == "rates" else "psnr": real_numbers("quality_layers", layers)}


def _save(picture: Image.Image, stream: IO[bytes], filename: str | bytes) -> None:
    info: dict[str, Any] = picture.encoderinfo
    name = filename.decode() if isinstance(filename, bytes) else str(filename)
    if info.get("cinema_mode", "no") != "no":
        raise OptionError("cinema profiles do not allow learned transforms: use format='JPEG2000'")
    resolutions = whole_number("num_resolutions", info.get("num_resolutions", 0), 0)
    precinct = _pair(info, "precinct_size")
    bare = name.lower().endswith((".j2k", ".j2c", ".jpc")) or info.get("no_jp2", False)
    options = EncodeOptions(
        **_rate(info),
        model=info.get("model", "auto"),
        embed_model=bool(info.get("embed_model", False)),
        tune=info.get("tune", "psnr"),
        component_transform=None
        if info.get("mct") is None or picture.mode[:3] != "RGB"
        else bool(info["mct"]),
        levels=resolutions - 1 if resolutions else None,
        tile_size=_pair(info, "tile_size"),
        offset=_pair(info, "offset") or (0, 0),
        tile_offset=_pair(info, "tile_offset") or (0, 0),
        codeblock_size=_pair(info, "codeblock_size") or (64, 64),
        precincts=[precinct] if precinct else [],
        progression=info.get("progression", "LRCP"),
        plt=bool(info.get("plt", False)),
        jp2=not bare,
    )
    metadata = Metadata() if bare else _metadata(picture, info)
    comment = _bytes("comment", info.get("comment"))
    data = encode_with(_samples(picture, signed=bool(info.get("signed", False))), options)
    stream.write(add_metadata(data, metadata, comment))


def _save_all(picture: Image.Image, stream: IO[bytes], filename: str | bytes) -> None:
    info: dict[str, Any] = picture.encoderinfo
    if getattr(picture, "n_frames", 1) > 1 or info.get("append_images"):
        raise InputError("a JPEG 2000 file holds one picture: save each into a file of its own")
    _save(picture, stream, filename)


def _metadata(picture: Image.Image, info: dict[str, Any]) -> Metadata:
    """Return the metadata to write: the arguments of `save`, else those of the picture."""
    values: dict[Any, Any] = {**picture.info, **info}
    exif = values.get("exif")
    if isinstance(exif, Image.Exif):
        exif = exif.tobytes()
    elif "exif" not in info and (own := picture.getexif()):
        exif = own.tobytes()
    exif = _bytes("exif", exif)
    return Metadata(
        icc_profile=_bytes("icc_profile", values.get("icc_profile")),
        exif=exif.removeprefix(_EXIF_PREFIX) if exif else None,
        xmp=_bytes("xmp", values.get("xmp")),
        dpi=_dpi(values.get("dpi")),
    )


def _bytes(name: str, value: Any) -> bytes | None:
    """Return an argument of `save` as bytes; None if it is empty or was not given."""
    if isinstance(value, str) and name in _TEXTS:
        value = value.encode(_TEXTS[name], "replace")
    if value is not None and not isinstance(value, (bytes, bytearray, memoryview)):
        raise OptionError(f"{name} is bytes, not {value!r}")
    return bytes(value) if value else None


def _dpi(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    numbers = [as_real(number) for number in value] if isinstance(value, Iterable) else []
    across, down = numbers if len(numbers) == 2 else (None, None)
    if across is None or down is None:
        raise OptionError(f"dpi is (x, y), not {value!r}")
    return across, down


def register_pillow() -> None:
    """Register the plugin: Pillow opens learned files at full quality, and ``save(..., format="J2KL")`` writes them.

    Pillow's own plugin still opens ordinary JPEG 2000 files, in whatever order the plugins are registered. Further
    calls have no effect.
    """
    Image.register_open(FORMAT, LearnedImageFile, _accept)
    Image.register_save(FORMAT, _save)
    Image.register_save_all(FORMAT, _save_all)
    Image.register_mime(FORMAT, "image/jp2")
    # Pillow's own plugin would open learned files as well
    Image.ID.remove(FORMAT)
    Image.ID.insert(0, FORMAT)
