"""Read the formats whose samples Pillow keeps as they are: JPEG, WebP, GIF, BMP and some others of 8 bits."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..core.limits import check_pixels
from ..core.warning import warn_caller
from ..errors import InputError, InputWarning
from .input_picture import ALPHA, COLOURS, PREMULTIPLIED, Colour, InputPicture
from .photoshop import ICC_PROFILE, IPTC, resource
from .picture_metadata import Metadata
from .tiff_metadata import resolution_of

__all__ = ["open_with_pillow"]

#: Formats of which Pillow keeps all samples.
_FORMATS = {
    "AVIF", "BMP", "DIB", "GIF", "JPEG", "MPO", "MSP", "PCX", "QOI", "SUN", "TGA", "WEBP", "XBM", "XPM",
}  # fmt: skip

#: Pillow's modes: the mode to convert to, colours, and meaning of the other components.
_MODES: dict[str, tuple[str, Colour, tuple[str, ...]]] = {
    "1": ("L", "grey", ()),
    "L": ("L", "grey", ()),
    "LA": ("LA", "grey", (ALPHA,)),
    "P": ("RGB", "rgb", ()),
    "PA": ("RGBA", "rgb", (ALPHA,)),
    "RGB": ("RGB", "rgb", ()),
    "RGBX": ("RGB", "rgb", ()),
    "RGBA": ("RGBA", "rgb", (ALPHA,)),
    "RGBa": ("RGBa", "rgb", (PREMULTIPLIED,)),
    "YCbCr": ("RGB", "rgb", ()),
    "CMYK": ("CMYK", "cmyk", ()),
}

_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 282, 283, 296
_EXIF_PREFIX = b"Exif\x00\x00"
_MAX_DEPTH_SEARCH = 1 << 16

#: Markers of the frame headers of JPEG files (T.81 Table B.1): SOF0 to SOF15 without DHT, JPG and DAC, and JPEG-LS.
_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}


def open_with_pillow(
    data: NDArray[np.uint8], name: str, page: int | None, max_pixels: int | None
) -> InputPicture:
    """Read a picture file with Pillow, of any number of pixels that `max_pixels` allows.

    Parameters
    ----------
    data : ndarray of uint8
        The bytes of the file.
    name : str
        What to call the file in messages.
    page : int or None
        Which picture of the file, from 0 on. None: the only one.
    max_pixels : int or None
        Limit of its pixels.

    Returns
    -------
    InputPicture
        The picture, in memory.

    Raises
    ------
    InputError
        If Pillow does not read the file or would not keep its samples, or it holds several pictures.
    LimitError
        If it has more than `max_pixels` pixels.
    """
    if (depth := _jpeg_depth(data)) is not None and depth != 8:
        raise InputError(f"{name} is a JPEG file of {depth} bits per sample, and JPEG files are read with 8")
    with _opened(io.BytesIO(data.tobytes()), name) as picture:
        if picture.format not in _FORMATS:
            raise InputError(
                f"{name} has the format {picture.format}, in which samples may be lost: convert it to TIFF or PNG first"
            )
        check_pixels(picture.height, picture.width, max_pixels)
        frames = getattr(picture, "n_frames", 1)
        if page is not None:
            if not 0 <= page < frames:
                raise InputError(f"{name} has the pictures 0 to {frames - 1}, and no picture {page}")
            if page:
                picture.seek(page)
                check_pixels(picture.height, picture.width, max_pixels)
        elif frames > 1:
            raise InputError(
                f"{name} holds {frames} pictures: j2klearn encode --page N takes one of them, from 0 on"
            )
        if picture.format == "AVIF" and _is_deep_avif(data):
            raise InputError(f"{name} has more than 8 bits per sample, of which Pillow would keep 8")
        bits = 1 if picture.mode == "1" else 8
        mode, colour, extra = _read_mode(picture, name)
        samples = np.asarray(picture if picture.mode == mode else picture.convert(mode))
        if bits == 1:
            samples = samples & 1
        assert samples.shape[2:] == (() if mode == "L" else (COLOURS[colour] + len(extra),))
        metadata = _metadata(picture)
        if picture.format == "JPEG" and mode == "CMYK" and "adobe" not in picture.info:
            warn_caller(
                f"{name} does not say whether 0 means no ink: it is read as Adobe's programs write such files, "
                "where 0 means all ink",
                InputWarning,
            )
    return InputPicture(samples, bits, colour=colour, extra=extra, metadata=metadata)


def _opened(stream: io.BytesIO, name: str) -> Any:
    """Return Pillow's picture; its own limit of pixels is a global variable, and is not applied here."""
    Image.init()
    prefix = stream.getvalue()[:16]
    for kind in Image.ID:
        factory, accept = Image.OPEN[kind]
        try:
            accepted = accept is None or accept(prefix)
            if accepted and not isinstance(accepted, str):
                stream.seek(0)
                return factory(stream, "")
        except (SyntaxError, IndexError, TypeError, KeyError, EOFError, struct.error):
            continue  # not this format: Pillow goes on with the next one, too
    raise InputError(f"{name} is not a picture in a format that j2klearn reads")


def _read_mode(picture: Image.Image, name: str) -> tuple[str, Colour, tuple[str, ...]]:
    if picture.mode not in _MODES:
        raise InputError(f"{name} is a picture of mode {picture.mode}, whose samples cannot be kept")
    if "transparency" in picture.info and picture.mode in ("1", "L", "P", "RGB"):
        return ("LA", "grey", (ALPHA,)) if picture.mode in ("1", "L") else ("RGBA", "rgb", (ALPHA,))
    return _MODES[picture.mode]


def _jpeg_depth(data: NDArray[np.uint8]) -> int | None:
    """Return the bits per sample that the frame header of a JPEG file gives (T.81 B.2.2); None if there is none."""
    if bytes(data[:2]) != b"\xff\xd8":
        return None
    at = 2
    while at + 5 <= len(data) and data[at] == 0xFF:
        marker = int(data[at + 1])
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _FRAMES:
            return int(data[at + 4])
        else:
            at += 2 + int.from_bytes(bytes(data[at + 2 : at + 4]), "big")
    return None


def _is_deep_avif(data: NDArray[np.uint8]) -> bool:
    """Return whether the configuration box of AV1 says that samples have more than 8 bits."""
    head = bytes(data[:_MAX_DEPTH_SEARCH])
    at = head.find(b"av1C")
    return at >= 0 and len(head) > at + 6 and bool(head[at + 6] & 0x40)


def _metadata(picture: Image.Image) -> Metadata:
    info = picture.info
    exif, xmp = info.get("exif"), info.get("xmp")
    resources = info.get("photoshop")
    blocks = {
        number: content
        for number, content in (resources.items() if isinstance(resources, dict) else ())
        if isinstance(content, bytes)
    }
    others = b"".join(
        resource(number, content) for number, content in blocks.items() if number not in (ICC_PROFILE, IPTC)
    )
    return Metadata(
        icc_profile=info.get("icc_profile") or None,
        exif=exif.removeprefix(_EXIF_PREFIX) if exif else None,
        xmp=xmp.encode() if isinstance(xmp, str) else xmp or None,
        dpi=_dpi(picture),
        iptc=blocks.get(IPTC) or None,
        photoshop=others or None,
    )


def _dpi(picture: Image.Image) -> tuple[float, float] | None:
    """Return the resolution that the file gives, and none where Pillow takes 72 dpi for granted."""
    info = picture.info
    if picture.format in ("JPEG", "MPO"):
        unit, density = info.get("jfif_unit"), info.get("jfif_density")
        if unit in (1, 2) and density is not None:
            return resolution_of(density[0], density[1], unit + 1)
        exif = picture.getexif()
        return resolution_of(exif.get(_X_RESOLUTION), exif.get(_Y_RESOLUTION), exif.get(_RESOLUTION_UNIT, 2))
    dpi = info.get("dpi")
    if dpi is None or not float(dpi[0]) > 0 or not float(dpi[1]) > 0:
        return None
    return float(dpi[0]), float(dpi[1])
