"""Picture files as arrays that stay in the file: for pictures too large for memory."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, OptionError

__all__ = ["LARGE", "make_array", "open_array"]

#: Pixels from which on a picture is worked on in parts.
LARGE = 1 << 26

_TIFF = (".tif", ".tiff")


def open_array(path: Path) -> Any:
    """Return a TIFF or ``.npy`` file as an array whose parts are read when they are indexed; None for other files.

    Raises
    ------
    InputError
        If it cannot be read, or only as a whole.
    """
    suffix = path.suffix.lower()
    try:
        if suffix == ".npy":
            return np.load(path, mmap_mode="r", allow_pickle=False)
        if suffix in _TIFF:
            return _open_tiff(path)
    except (OSError, ValueError, SyntaxError, LookupError, RuntimeError) as error:
        raise InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    return None


def _open_tiff(path: Path) -> Any:
    import tifffile

    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        if series.axes not in ("YX", "YXS", "YXC"):
            return None
        if series.dataoffset is not None:
            return tifffile.memmap(path, mode="r")
        if series.size < LARGE:
            return None
    try:
        import zarr
    except ImportError:
        raise InputError(
            f"{path} is compressed: reading parts of it needs zarr (pip install 'j2klearn[zarr]')"
        ) from None
    return zarr.open_array(tifffile.imread(path, aszarr=True, series=0, level=0), mode="r")


def make_array(path: Path, suffix: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Make a TIFF or ``.npy`` file, by the suffix, that can be written in parts.

    Raises
    ------
    OptionError
        If the suffix is another one.
    OSError
        If there is no room for all of it.
    """
    suffix = suffix.lower()
    if suffix == ".npy":
        out: Any = np.lib.format.open_memmap(path, "w+", dtype, shape)
    elif suffix in _TIFF:
        import tifffile

        colour = len(shape) == 3 and shape[2] in (3, 4)
        out = tifffile.memmap(
            path, shape=shape, dtype=dtype, photometric="rgb" if colour else "minisblack", bigtiff=True
        )
    else:
        raise OptionError(
            f"pictures of this size are written to TIFF or .npy, not to {suffix or 'no suffix'}"
        )
    _reserve(path)
    return out


def _reserve(path: Path) -> None:
    """Take the room of a file that has its size and no blocks yet.

    Where the disk is full when a page of a memory map is written, the process is killed (SIGBUS).
    """
    if not hasattr(os, "posix_fallocate"):  # macOS
        return
    with path.open("r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # of file systems that cannot do it
                raise
