"""Metadata of a page of a TIFF file: ICC profile, EXIF, XMP, IPTC, resolution and GeoTIFF tags."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from ..core.warning import warn_caller
from ..errors import InputWarning
from .photoshop import ICC_PROFILE, without_resource
from .picture_metadata import Metadata

__all__ = ["resolution_of", "tiff_metadata"]

_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 282, 283, 296
_DESCRIPTION, _SOFTWARE = 270, 305
_XMP, _IPTC, _PHOTOSHOP, _ICC = 700, 33723, 34377, 34675

_DIRECTORIES = (34665, 34853)  # EXIF and GPS

#: Tags that are no EXIF by themselves: the resolution is kept on its own, and the program wrote the TIFF file.
_SAYS_NOTHING = {_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT, _SOFTWARE}

#: Pixels per inch for one pixel per unit: of an inch, and of a centimetre. The unit 1 gives only the aspect ratio.
_PER_INCH = {2: 1.0, 3: 2.54}

#: TIFF tags that georeference a picture (GeoTIFF 1.1, 7.1), which a GeoJP2 box holds.
GEO_TAGS = (33550, 33922, 34264, 34735, 34736, 34737, 42113)

#: TIFF tags that describe how samples are stored, not the picture; they are left out of EXIF.
STORAGE_TAGS = {
    *range(254, 260), 262, 263, 266, 273, 277, 278, 279, 280, 281, 284, 292, 293, 317, 318, 319, 320,
    *range(322, 326), 330, 332, 338, 339, 347, *range(512, 522), 529, 530, 531, 532, 700, 33723, 34377, 34675,
    *GEO_TAGS,
}  # fmt: skip


def tiff_metadata(source: Path | io.BytesIO, page: tifffile.TiffPage) -> Metadata:
    """Return the metadata of a page."""
    tags = page.tags
    resources = _bytes(tags.valueof(_PHOTOSHOP))
    return Metadata(
        icc_profile=_bytes(tags.valueof(_ICC)),
        exif=_exif(source, page),
        xmp=_bytes(tags.valueof(_XMP)),
        geotiff=_geotiff(page),
        dpi=resolution_of(
            tags.valueof(_X_RESOLUTION), tags.valueof(_Y_RESOLUTION), tags.valueof(_RESOLUTION_UNIT, 2)
        ),
        iptc=_bytes(tags.valueof(_IPTC), page.parent.byteorder),
        photoshop=without_resource(resources, ICC_PROFILE) or None if resources else None,
    )


def _bytes(value: Any, order: str = "<") -> bytes | None:
    """Return the value of a tag as bytes; IPTC data often has the type LONG."""
    if isinstance(value, str):
        return value.encode() or None
    if isinstance(value, bytes):
        return value or None
    if isinstance(value, (tuple, np.ndarray)):
        numbers = np.asarray(value)
        if numbers.dtype.kind in "ui" and numbers.size:
            return numbers.astype(np.uint8 if numbers.dtype.itemsize == 1 else f"{order}u4").tobytes()
    return None


def resolution_of(x: Any, y: Any, unit: Any) -> tuple[float, float] | None:
    """Return the pixels per inch that the resolution tags of TIFF or EXIF mean; None if they mean none.

    Parameters
    ----------
    x, y : (int, int) or number or None
        XResolution and YResolution, as fractions or numbers.
    unit : int
        ResolutionUnit: 2 inch, 3 centimetre.
    """
    scale = _PER_INCH.get(int(unit)) if isinstance(unit, (int, np.integer)) else None
    across, down = _number(x), _number(y)
    if scale is None or not across or not down:
        return None
    return across * scale, down * scale


def _number(value: Any) -> float | None:
    if isinstance(value, tuple) and len(value) == 2:
        return float(value[0]) / float(value[1]) if value[1] else None
    try:
        return float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None


def _exif(source: Path | io.BytesIO, page: tifffile.TiffPage) -> bytes | None:
    """Return the EXIF of a page: the tags that describe the picture, and its EXIF and GPS tags."""
    from PIL import Image

    exif: Any = Image.Exif()
    exif.bigtiff, exif.endian = page.parent.is_bigtiff, page.parent.byteorder
    with source.open("rb") if isinstance(source, Path) else contextlib.nullcontext(source) as stream:
        if exif.bigtiff and exif.endian == ">":
            _copy_tags(page, exif)
        else:
            exif.load_from_fp(stream, page.offset)
        for tag in STORAGE_TAGS & set(exif):
            del exif[tag]
        if page.is_shaped and _DESCRIPTION in exif:
            del exif[_DESCRIPTION]  # the shape of the array, which tifffile writes there
        encoded: bytes = exif.tobytes() if set(exif) - _SAYS_NOTHING else b""
    return encoded.removeprefix(b"Exif\x00\x00") or None


def _copy_tags(page: tifffile.TiffPage, exif: Any) -> None:
    """Copy the plain tags of a big-endian BigTIFF file, which Pillow does not read."""
    for tag in page.tags:
        if tag.code in _DIRECTORIES:
            warn_caller(
                "the EXIF and GPS directories of a big-endian BigTIFF file are not kept", InputWarning
            )
        elif isinstance(tag.value, (str, int)):
            exif[tag.code] = tag.value
        elif tag.code in (_X_RESOLUTION, _Y_RESOLUTION) and tag.value[1]:
            exif[tag.code] = tag.value[0] / tag.value[1]
    exif.bigtiff = False


def _geotiff(page: tifffile.TiffPage) -> bytes | None:
    """Return the contents of a GeoJP2 box, a TIFF file of one pixel with the GeoTIFF tags; None if there are none."""
    extra = [(tag.code, tag.dtype, tag.count, tag.value, True) for tag in page.tags if tag.code in GEO_TAGS]
    if not extra:
        return None
    out = io.BytesIO()
    tifffile.imwrite(
        out, np.zeros((1, 1), np.uint8), extratags=extra, metadata=None, byteorder="<", software=False
    )
    return out.getvalue()
