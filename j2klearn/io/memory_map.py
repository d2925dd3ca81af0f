"""Picture files to write as memory-mapped arrays, for pictures that do not fit into memory."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import OptionError

__all__ = ["LARGE", "make_array"]

#: Pictures of at least this many pixels are processed in parts.
LARGE = 1 << 26

#: Suffix of the files of numpy, each with one array.
NPY = ".npy"

_TIFF = (".tif", ".tiff")


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
