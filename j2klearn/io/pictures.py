"""Picture files of other formats than JPEG 2000.

`picture_reader` reads them. Pillow writes them, except those that it has no mode for: colour pictures of 16 bits per
sample use tifffile and imagecodecs; signed samples and more than four components use tifffile.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..core.limits import MAX_PIXELS, check_pixels
from ..errors import InputError, OptionError
from .atomic import write_by
from .picture_reader import open_picture

__all__ = ["SUFFIXES", "pictures_in", "read_picture", "read_with_depth", "write_picture"]

#: Suffixes of the files that are converted if a folder is given.
SUFFIXES = (".tif", ".tiff", ".jpg", ".jpeg", ".png")

_TIFF = (".tif", ".tiff")


def read_picture(path: Path, *, max_pixels: int | None = MAX_PIXELS) -> NDArray[Any]:
    """Read the samples of a picture file; `picture_reader.open_picture` also says what they mean.

    Parameters
    ----------
    path : Path
        The file.
    max_pixels : int or None
        Limit of its pixels; None for no limit.

    Returns
    -------
    ndarray, shape (H, W) or (H, W, C)
        Samples as they are in the file, of grey or RGB, uint8, uint16, int8 or int16.

    Raises
    ------
    InputError
        If the file cannot be read, or holds a kind of picture that cannot be encoded.
    LimitError
        If it has more than `max_pixels` pixels.
    """
    return read_with_depth(path, max_pixels=max_pixels)[0]


def read_with_depth(path: Path, *, max_pixels: int | None = MAX_PIXELS) -> tuple[NDArray[Any], int]:
    """Return the samples of a picture file and their significant bits; the errors are those of `read_picture`."""
    with open_picture(path, max_pixels=max_pixels) as picture:
        if picture.colour not in (None, "grey", "rgb"):
            raise InputError(
                f"{path} has {picture.colour} samples, which mean nothing without their colour space: use open_picture"
            )
        check_pixels(picture.shape[0], picture.shape[1], max_pixels)
        samples = picture.read()
        return samples, picture.bit_depth or 8 * samples.dtype.itemsize


def write_picture(path: Path, samples: NDArray[Any]) -> None:
    """Write a picture file atomically.

    Parameters
    ----------
    path : Path
        The file to write. Its suffix selects the format.
    samples : ndarray, shape (H, W) or (H, W, C)
        Samples, uint8, uint16, int8 or int16.

    Raises
    ------
    OptionError
        If the suffix is unknown, or the format cannot store such samples.
    WriteError
        If the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in Image.registered_extensions():
        raise OptionError(f"no picture format has the suffix {path.suffix!r}")
    components = 1 if samples.ndim == 2 else samples.shape[2]
    wide, signed = samples.dtype.itemsize > 1, samples.dtype.kind == "i"
    if (signed or components > 4) and suffix not in _TIFF:
        raise OptionError(
            f"signed samples and more than four components can be written to TIFF, not to {path.suffix}"
        )
    if wide and suffix not in (".png", *_TIFF):
        raise OptionError(f"samples of more than 8 bits can be written to PNG or TIFF, not to {path.suffix}")

    def write(temporary: Path) -> None:
        if suffix in _TIFF and (signed or components > 4 or (wide and components > 1)):
            import tifffile

            colour = components in (3, 4)
            tifffile.imwrite(
                temporary,
                samples,
                photometric="rgb" if colour else "minisblack",
                planarconfig="contig" if components > 1 else None,
                extrasamples=["unassalpha"] if components in (2, 4) else None,
            )
        elif wide and components > 1:
            import imagecodecs

            temporary.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(samples)))
        else:
            Image.fromarray(samples).save(temporary, format=Image.registered_extensions()[suffix])

    write_by(path, write)


def pictures_in(folder: Path, refused: Callable[[OSError], object]) -> list[Path]:
    """Return the picture files below a folder, sorted; `refused` is called with the error of each unreadable folder."""
    found = []
    for parent, _, names in os.walk(folder, onerror=refused):
        paths = [Path(parent, name) for name in names]
        found += [path for path in paths if path.suffix.lower() in SUFFIXES and path.is_file()]
    return sorted(found)
