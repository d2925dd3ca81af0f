"""Picture files of other formats than JPEG 2000.

Pillow reads and writes them, except those whose samples it would truncate or has no mode for: colour pictures of 16
bits per sample use tifffile and pypng; signed samples and more than four components use tifffile.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ..errors import InputError
from .picture_writer import write_picture

__all__ = ["SUFFIXES", "pictures_in", "read_picture", "write_picture"]

#: Suffixes of the files that are converted if a folder is given.
SUFFIXES = (".tif", ".tiff", ".jpg", ".jpeg", ".png")

_BITS_PER_SAMPLE = 258  # TIFF tag
_TIFF = (".tif", ".tiff")

_PLAIN_MODES = {"1": "L", "P": "RGB", "YCbCr": "RGB", "L": "L", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA"}


def _depth(picture: Image.Image, path: Path) -> int:
    """Return the bits per sample of a picture that Pillow opens as RGB, RGBA or LA."""
    if picture.format == "TIFF":
        return int(max(picture.tag_v2.get(_BITS_PER_SAMPLE, (8,))))  # type: ignore[attr-defined]
    if picture.format == "PNG":
        with path.open("rb") as stream:
            return stream.read(25)[24]  # the bit depth in IHDR
    return 8


def _read_tiff(path: Path) -> NDArray[Any]:
    import tifffile

    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        samples = np.asarray(series.asarray())
        axes = series.axes
    if axes in ("SYX", "CYX", "IYX", "QYX"):  # planar: one plane per component
        samples = np.moveaxis(samples, 0, -1)
    elif axes not in ("YX", "YXS", "YXC"):
        raise InputError(f"{path} holds several pictures, or its axes {axes} are not supported")
    return samples


def _read_deep(path: Path, kind: str | None) -> NDArray[Any]:
    if kind == "TIFF":
        return _read_tiff(path)
    import png

    width, height, rows, _ = png.Reader(bytes=path.read_bytes()).asDirect()
    return np.vstack([np.asarray(row, np.uint16) for row in rows]).reshape(height, width, -1)


def _read(path: Path) -> NDArray[Any]:
    try:
        opened = Image.open(path)
    except UnidentifiedImageError:
        if path.suffix.lower() in _TIFF:
            return _read_tiff(path)  # Pillow has no mode for, say, five components
        raise
    with opened as picture:
        mode = picture.mode
        if mode in ("RGB", "RGBA", "LA") and _depth(picture, path) > 8:
            return _read_deep(path, picture.format)
        if mode == "I" or mode.startswith("I;16"):
            samples = np.asarray(picture)
            for kind in (np.uint16, np.int16):
                limits = np.iinfo(kind)
                if not samples.size or (samples.min() >= limits.min and samples.max() <= limits.max):
                    return samples.astype(kind)
            raise InputError(f"{path} has samples of more than 16 bits")
        if mode not in _PLAIN_MODES and mode != "PA":
            raise InputError(
                f"{path} is a picture of mode {mode}: only grey and RGB, with or without alpha, can be encoded"
            )
        if mode == "PA" or "transparency" in picture.info:
            return np.asarray(picture.convert("LA" if mode == "L" else "RGBA"))
        return np.asarray(picture.convert(_PLAIN_MODES[mode]))


def read_picture(path: Path) -> NDArray[Any]:
    """Read a picture file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    ndarray, shape (H, W) or (H, W, C)
        Samples, uint8 or uint16; from TIFF files also int8 and int16.

    Raises
    ------
    InputError
        If the file cannot be read, or holds a kind of picture that cannot be encoded.
    """
    try:
        return _read(path)
    except UnidentifiedImageError:
        raise InputError(f"{path} is not a picture in a format that Pillow reads") from None
    except Image.DecompressionBombError:
        raise InputError(f"{path} is larger than Pillow allows") from None
    except InputError:
        raise
    except (OSError, ValueError, SyntaxError, LookupError, RuntimeError, zlib.error) as error:
        raise InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None


def pictures_in(folder: Path, refused: Callable[[OSError], object]) -> list[Path]:
    """Return the picture files below a folder, sorted; `refused` is called with the error of each unreadable folder."""
    found = []
    for parent, _, names in os.walk(folder, onerror=refused):
        paths = [Path(parent, name) for name in names]
        found += [path for path in paths if path.suffix.lower() in SUFFIXES and path.is_file()]
    return sorted(found)
