"""The one reader of picture files: samples exactly, and what they mean."""

from __future__ import annotations

import io
import os
import stat
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.limits import MAX_PIXELS
from ..errors import CodestreamError, InputError, J2KError
from .input_picture import InputPicture
from .jpeg2000_reader import jpeg2000_reader

__all__ = ["open_picture"]

#: First bytes of JPEG 2000 files: of a codestream, and of a JP2 or JPX file.
_JPEG2000 = (b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  \r\n\x87\n")

_NUMPY = b"\x93NUMPY"
_HEAD = 32


def open_picture(
    source: str | os.PathLike[str], *, page: int | None = None, max_pixels: int | None = MAX_PIXELS
) -> InputPicture:
    """Open a picture file for encoding.

    The contents of the file tell its format. JPEG 2000 files (JP2, JPX, codestreams) are decoded by j2klearn, learned
    ones as such. TIFF, PNG, PNM, PAM and ``.npy`` files keep all samples, whatever their number, depth and sign.
    JPEG, WebP, GIF, BMP and some more formats of 8 bits are read by Pillow.

    Parameters
    ----------
    source : path
        The file. ``-`` is the standard input; pipes are read to their end.
    page : int, optional
        Which picture of a file with several, from 0 on. Default: the only one.
    max_pixels : int or None
        Limit of the pixels of a picture that is read into memory; None for no limit.

    Returns
    -------
    InputPicture
        The picture. TIFF, PNM, ``.npy`` and JPEG 2000 files are read when rows are.

    Raises
    ------
    InputError
        If the file cannot be read, or holds something that JPEG 2000 cannot keep.
    LimitError
        If the picture has more than `max_pixels` pixels.
    CodestreamError
        If a JPEG 2000 file is damaged.

    Warns
    -----
    InputWarning
        If something is not kept besides the samples.
    """
    name = "the standard input" if str(source) == "-" else str(source)
    try:
        file, data = _bytes_of(source)
        if not len(data):
            raise InputError(f"{name} is empty")
        picture = _open(file, data, name, page, max_pixels)
    except (J2KError, MemoryError):
        raise
    except Exception as error:  # libraries raise exceptions of any type for damaged files
        raise _refused(name, error) from None
    picture.samples = _Guarded(picture.samples, name)
    return picture


def _bytes_of(source: str | os.PathLike[str]) -> tuple[Path | io.BytesIO, NDArray[np.uint8]]:
    """Return the file, in memory if it is a pipe, and its bytes, as a memory map if it is on disk."""
    if str(source) == "-":
        return _in_memory(sys.stdin.buffer.read())
    path = Path(source)
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path} is a folder")
    if not stat.S_ISREG(status.st_mode):
        return _in_memory(path.read_bytes())
    return path, np.memmap(path, np.uint8, "r") if status.st_size else np.empty(0, np.uint8)


def _in_memory(content: bytes) -> tuple[io.BytesIO, NDArray[np.uint8]]:
    return io.BytesIO(content), np.frombuffer(content, np.uint8)


def _open(
    file: Path | io.BytesIO, data: NDArray[np.uint8], name: str, page: int | None, max_pixels: int | None
) -> InputPicture:
    from .png_input import is_png, open_png
    from .pnm_input import is_pnm, open_pnm
    from .tiff_input import is_tiff, open_tiff

    head = bytes(data[:_HEAD])
    if is_tiff(head):
        return open_tiff(file, data, name, page)
    if head.startswith(_NUMPY):
        return _open_array(file, name)
    if head.startswith(_JPEG2000):
        return _one_page(jpeg2000_reader()(file, name, max_pixels), name, page)
    if is_png(head):
        return _one_page(open_png(data, name, max_pixels), name, page)
    if is_pnm(head):
        return _one_page(open_pnm(data, name, max_pixels), name, page)
    from .pillow_input import open_with_pillow

    return open_with_pillow(data, name, page, max_pixels)


def _one_page(picture: InputPicture, name: str, page: int | None) -> InputPicture:
    if page:
        raise InputError(f"{name} has one picture, number 0, and no picture {page}")
    return picture


def _open_array(file: Path | io.BytesIO, name: str) -> InputPicture:
    if isinstance(file, Path):
        samples = np.load(file, mmap_mode="r", allow_pickle=False)
    else:
        samples = np.load(file, allow_pickle=False)
    if samples.ndim not in (2, 3) or 0 in samples.shape:
        raise InputError(f"{name} holds an array of the shape {samples.shape}, not of a picture")
    if samples.dtype.kind not in "bui" or samples.dtype.itemsize > 2:
        raise InputError(
            f"{name} holds samples of type {samples.dtype}, and JPEG 2000 pictures have up to 16 bits here"
        )
    if samples.dtype == bool:
        return InputPicture(samples.view(np.uint8), 1, in_parts=True)
    return InputPicture(_Native(samples), in_parts=True)


class _Native:
    """Rows of an array in native byte order."""

    def __init__(self, samples: NDArray[Any]) -> None:
        self._samples, self.shape = samples, samples.shape
        self.dtype = samples.dtype.newbyteorder("=")

    def __getitem__(self, index: slice) -> NDArray[Any]:
        return np.asarray(self._samples[index]).astype(self.dtype, copy=False)


class _Guarded:
    """Rows whose errors, of any type, become `InputError`."""

    def __init__(self, rows: Any, name: str) -> None:
        self._rows, self._name = rows, name
        self.shape, self.dtype = tuple(int(side) for side in rows.shape), rows.dtype

    def __getitem__(self, index: slice) -> NDArray[Any]:
        try:
            return np.asarray(self._rows[index])
        except (J2KError, MemoryError):
            raise
        except Exception as error:
            raise _refused(self._name, error) from None


def _refused(name: str, error: Exception) -> InputError:
    if isinstance(error, OSError) and not isinstance(error, CodestreamError) and error.strerror:
        return InputError(f"cannot read {name}: {error.strerror}")
    if isinstance(error, (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError)):
        return InputError(f"cannot read {name}: it is damaged, or uses its format in an unusual way")
    return InputError(f"cannot read {name}: {str(error) or type(error).__name__}")
