"""Conversion of picture files to JP2 files that keep their metadata."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, NamedTuple

from ..jp2.metadata import Metadata, add_metadata
from .options import EncodeOptions

__all__ = ["Converted", "convert", "picture_metadata"]


_TIFF = (".tif", ".tiff")

#: TIFF tags that georeference a picture (GeoTIFF 1.1, 7.1), which a GeoJP2 box holds.
_GEO_TAGS = (33550, 33922, 34264, 34735, 34736, 34737, 42113)

#: TIFF tags that describe how samples are stored, not the picture; they are left out of EXIF.
_STORAGE_TAGS = {
    *range(254, 260), 262, 263, 266, 273, 277, 278, 279, 284, 317, 318, 319, 320,
    *range(322, 326), 330, 338, 339, 347, 529, 530, 531, 532, 700, 33723, 34377, 34675, *_GEO_TAGS,
}  # fmt: skip


def picture_metadata(path: Path) -> Metadata:
    """Return the metadata of a TIFF, JPEG or PNG file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Metadata
        ICC profile, EXIF, XMP, GeoTIFF tags and resolution, as far as the file has them.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            info = dict(picture.info)
            exif = picture.getexif()
            for tag in _STORAGE_TAGS & set(exif):
                del exif[tag]
            encoded = exif.tobytes().removeprefix(b"Exif\x00\x00") if len(exif) else None
    except UnidentifiedImageError:  # a TIFF file whose samples Pillow cannot hold
        info, encoded = {}, None
    xmp = info.get("xmp")
    return Metadata(
        icc_profile=info.get("icc_profile") or None,
        exif=encoded,
        xmp=xmp.encode() if isinstance(xmp, str) else xmp or None,
        geotiff=_geotiff(path) if path.suffix.lower() in _TIFF else None,
        dpi=_dpi(info.get("dpi")),
    )


def _dpi(value: Any) -> tuple[float, float] | None:
    return None if value is None else (float(value[0]), float(value[1]))


def _geotiff(path: Path) -> bytes | None:
    """Return the contents of a GeoJP2 box, a TIFF file of one pixel with the GeoTIFF tags; None if there are none."""
    import numpy as np
    import tifffile

    with tifffile.TiffFile(path) as file:
        tags = [tag for tag in file.pages[0].tags if tag.code in _GEO_TAGS]  # type: ignore[union-attr]
        extra = [(tag.code, tag.dtype, tag.count, tag.value, True) for tag in tags]
    if not extra:
        return None
    out = io.BytesIO()
    tifffile.imwrite(
        out, np.zeros((1, 1), np.uint8), extratags=extra, metadata=None, byteorder="<", software=False
    )
    return out.getvalue()


class Converted(NamedTuple):
    """The result of `convert`: number of bytes written, and number of pixels of the picture."""

    bytes: int
    pixels: int


def convert(source: Path, target: Path, options: EncodeOptions) -> Converted:
    """Convert one picture file to a JP2 file, with its metadata.

    Parameters
    ----------
    source, target : Path
        Picture file to read, and JP2 file to write.
    options : EncodeOptions
        How to encode it.

    Returns
    -------
    Converted
        Bytes written, and pixels.

    Raises
    ------
    J2KError
        If the picture cannot be read, coded or written.
    """
    from ..io.atomic import write_whole
    from ..io.pictures import read_picture
    from .encode import encode_with

    image = read_picture(source)
    data = add_metadata(encode_with(image, options), picture_metadata(source))
    write_whole(target, data)
    return Converted(len(data), image.shape[0] * image.shape[1])
