"""Picture files of other formats than JPEG 2000.

`picture_reader` reads them, and `picture_writer` writes them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from stat import S_ISREG
from typing import Any

from numpy.typing import NDArray

from ..core.limits import MAX_PIXELS, check_pixels
from ..errors import InputError
from .picture_reader import open_picture
from .picture_writer import write_picture

__all__ = ["SUFFIXES", "pictures_in", "read_picture", "read_with_depth", "write_picture"]

#: Suffixes of the files that are converted if a folder is given.
SUFFIXES = (".tif", ".tiff", ".jpg", ".jpeg", ".png")


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


def pictures_in(folder: Path, refused: Callable[[OSError], object]) -> list[Path]:
    """Return the picture files below a folder, sorted; `refused` is called with the error of each unreadable folder.

    Links to files are followed, links to folders are not. A file that cannot be examined, such as a broken link, is one
    of the pictures: who reads it gets the error.
    """
    found = []
    for parent, _, names in os.walk(folder, onerror=refused):
        paths = [Path(parent, name) for name in names]
        found += [path for path in paths if path.suffix.lower() in SUFFIXES and _may_be_file(path)]
    return sorted(found)


def _may_be_file(path: Path) -> bool:
    """Return whether a path is a file, or cannot be examined: a broken link is not passed over in silence."""
    try:
        return S_ISREG(path.stat().st_mode)
    except OSError:
        return True
