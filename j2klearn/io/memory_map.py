"""Picture files as memory-mapped arrays, for pictures that do not fit into memory."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, OptionError

__all__ = ["LARGE", "NPY", "make_array", "open_array", "read_npy"]

#: Pictures of at least this many pixels are processed in parts.
LARGE = 1 << 26

#: Suffix of the files of numpy, each with one array.
NPY = ".npy"

_TIFF = (".tif", ".tiff")


def open_array(path: Path) -> Any:
    """Open a TIFF or ``.npy`` file as an array whose parts are read on indexing.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    array_like or None
        A memory map or, for a compressed TIFF file, a Zarr array, shape (H, W) or (H, W, C). None for other file
        types, for TIFF files with another axis order, and for compressed TIFF files of fewer than `LARGE` samples.

    Raises
    ------
    InputError
        If the file cannot be read, or is a compressed TIFF file and zarr is not installed.
    """
    suffix = path.suffix.lower()
    try:
        if suffix == NPY:
            return read_npy(path)
        if suffix in _TIFF:
            return _open_tiff(path)
    except (OSError, ValueError, SyntaxError, LookupError, RuntimeError) as error:
        raise InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    return None


def read_npy(path: Path) -> np.memmap[Any, Any]:
    """Return the array in a ``.npy`` file as a memory map, in its own byte order and order of elements.

    Raises
    ------
    InputError
        If the file cannot be read, or holds Python objects rather than numbers.
    """
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    except Exception as error:  # damaged headers raise exceptions of any type
        raise InputError(f"{path} is not a .npy file with an array of numbers: {error}") from None
    return array


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
            f"{path} is compressed: reading it in parts needs zarr (pip install 'j2klearn[zarr]')"
        ) from None
    return zarr.open_array(tifffile.imread(path, aszarr=True, series=0, level=0), mode="r")


def make_array(path: Path, suffix: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Create a picture file as a writable memory map.

    Parameters
    ----------
    path : Path
        The file to create.
    suffix : str
        Selects the format: ``.tif``, ``.tiff`` or ``.npy``.
    shape : (int, int) or (int, int, int)
        Shape of the picture.
    dtype : dtype
        Dtype of the samples.

    Returns
    -------
    memmap

    Raises
    ------
    OptionError
        If the suffix is another one.
    OSError
        If the disk has no space for the whole file.
    """
    suffix = suffix.lower()
    if suffix == NPY:
        out: Any = np.lib.format.open_memmap(path, "w+", dtype, shape)
    elif suffix in _TIFF:
        import tifffile

        colour = len(shape) == 3 and shape[2] in (3, 4)
        out = tifffile.memmap(
            path, shape=shape, dtype=dtype, photometric="rgb" if colour else "minisblack", bigtiff=True
        )
    else:
        raise OptionError(
            f"pictures of this size can be written to TIFF or .npy files, not to {suffix or 'a file without a suffix'}"
        )
    _allocate(path)
    return out


def _allocate(path: Path) -> None:
    """Allocate the disk blocks of a sparse file.

    Without this, a process that writes to a memory map while the disk is full is killed (SIGBUS).
    """
    if not hasattr(os, "posix_fallocate"):  # macOS
        return
    with path.open("r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # the file system cannot allocate
                raise
