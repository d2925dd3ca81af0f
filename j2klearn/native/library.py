"""The native library (``native/include/j2kl.h``), loaded through cffi.

This package is independent of learned transforms. It passes numpy arrays to the library and returns numpy arrays; cffi
releases the interpreter lock during every call.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ..core.processor import processor_limit
from ..errors import (
    CodestreamError,
    InputError,
    LimitError,
    ModelError,
    ModelNotFoundError,
    NativeLibraryError,
    OptionError,
    SegmentError,
    UnsupportedError,
)
from . import declarations

__all__ = ["Report", "as_array", "check", "load", "openjpeg_version", "raise_code"]

_ABI_VERSION = 13

#: Structures whose sizes the library states.
_STRUCTURES = ("parameters", "request", "picture_parameters")

_HOW_TO_BUILD = (
    "install OpenJPEG's development files (libopenjp2-7-dev on Debian and Ubuntu) and CMake, then reinstall j2klearn "
    "with 'pip install .' or 'pip install -e .'"
)

#: The exception for each error code of j2kl.h.
_EXCEPTIONS: dict[int, type[Exception]] = {
    1: OptionError,
    2: MemoryError,
    3: CodestreamError,
    4: LimitError,
    5: InputError,
    6: RuntimeError,
    7: SegmentError,
    8: UnsupportedError,
    9: ModelError,
    10: ModelNotFoundError,
}


def _library_path() -> Path:
    name = {"win32": "j2kl.dll", "darwin": "libj2kl.dylib"}.get(sys.platform, "libj2kl.so")
    return Path(__file__).with_name(name)


@functools.cache
def load() -> tuple[Any, Any]:
    """Return cffi's ``ffi`` and the library; the first call loads them.

    Raises
    ------
    NativeLibraryError
        If the library is missing, cannot be loaded, or has another version than this package.
    OptionError
        If ``J2KLEARN_CPU`` has a wrong value.
    """
    path = _library_path()
    header = path.with_name(declarations.HEADER)
    if not path.exists() or not header.exists():
        raise NativeLibraryError(
            f"the native library {path.name} is missing from the package: {_HOW_TO_BUILD}"
        )
    processor_limit()  # the library reads the variable, and ignores wrong values
    ffi = declarations.read(header)
    try:
        library = ffi.dlopen(str(path))
        version = library.j2kl_abi_version()
        sizes = [getattr(library, f"j2kl_sizeof_{name}")() for name in _STRUCTURES]
    except (OSError, AttributeError) as error:
        raise NativeLibraryError(
            f"the native library {path} cannot be loaded ({error}): {_HOW_TO_BUILD}"
        ) from error
    if version != _ABI_VERSION or sizes != [ffi.sizeof(f"j2kl_{name}") for name in _STRUCTURES]:
        raise NativeLibraryError(
            f"the native library {path} has another version than j2klearn: {_HOW_TO_BUILD}"
        )
    return ffi, library


def openjpeg_version() -> str:
    """Return the version of the OpenJPEG library in use, for example "2.5.0"."""
    ffi, library = load()
    return str(ffi.string(library.j2kl_openjpeg_version()).decode())


def raise_code(code: int, text: str) -> NoReturn:
    """Raise the exception for an error code of ``j2kl.h``, with `text` as its message."""
    raise _EXCEPTIONS.get(code, RuntimeError)(text or f"the native library failed with code {code}")


class Report:
    """The messages of the library and of OpenJPEG about one encoder or decoder (``j2kl_report``)."""

    def __init__(self, ffi: Any) -> None:
        self._ffi = ffi
        self.pointer = ffi.new("j2kl_report *")

    def _text(self, field: Any) -> str:
        return str(self._ffi.string(field).decode("utf-8", "replace"))

    @property
    def warnings(self) -> list[str]:
        """The warnings so far."""
        text = self._text(self.pointer.warning)
        return [" ".join(each.split()) for each in text.split("; ")] if text else []

    @property
    def missing(self) -> str | None:
        """What a codestream that ends early lacks; None if it is complete."""
        return self._text(self.pointer.missing) or None

    @property
    def messages(self) -> list[str]:
        """The informational messages so far."""
        text = self._text(self.pointer.info)
        return text.split("; ") if text else []

    def check(self, code: int) -> None:
        """Raise the exception for `code`, with the error text of the report, unless the call succeeded."""
        if code != 0:
            raise_code(code, self._text(self.pointer.error))


def check(code: int) -> None:
    """Raise the exception for the code of a function that has no report, unless the call succeeded."""
    if code != 0:
        raise_code(code, "out of memory" if code == 2 else "")


def as_array(array: NDArray[Any], dtype: type[np.generic], shape: tuple[int, ...], what: str) -> NDArray[Any]:
    """Check an array that the native library will read.

    Parameters
    ----------
    array : ndarray
        The array.
    dtype : type
        Required dtype.
    shape : tuple of int
        Required shape.
    what : str
        What the array holds, as a plural noun for the error message.

    Returns
    -------
    ndarray
        The array, copied if it was not contiguous.

    Raises
    ------
    InputError
        If the dtype or the shape differs.
    """
    if array.dtype != dtype or array.shape != shape:
        raise InputError(
            f"{what} must be {np.dtype(dtype)} of shape {shape}, not {array.dtype} of shape {array.shape}"
        )
    return np.ascontiguousarray(array)
