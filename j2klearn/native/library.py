"""The native library (``native/include/j2kl.h``), loaded through cffi.

Nothing in this package knows of learned transforms. Arrays go in and come out; the interpreter lock is released
during every call.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ..errors import CodestreamError, InputError, LimitError, NativeLibraryError, OptionError

__all__ = ["Report", "as_array", "check", "load", "openjpeg_version", "raise_code"]

_ABI_VERSION = 3
_HOW_TO_BUILD = (
    "install OpenJPEG's development files (libopenjp2-7-dev on Debian and Ubuntu) and CMake, then reinstall j2klearn "
    "with 'pip install .' or 'pip install -e .'"
)


#: What each code of j2kl.h is raised as.
_EXCEPTIONS: dict[int, type[Exception]] = {
    1: OptionError,
    2: MemoryError,
    3: CodestreamError,
    4: LimitError,
    5: InputError,
    6: RuntimeError,
}


def _library_path() -> Path:
    name = {"win32": "j2kl.dll", "darwin": "libj2kl.dylib"}.get(sys.platform, "libj2kl.so")
    return Path(__file__).with_name(name)


@functools.cache
def load() -> tuple[Any, Any]:
    """Return cffi's ``ffi`` and the library; both are loaded on the first call."""
    import cffi  # late, so that importing j2klearn stays quick

    path = _library_path()
    header = path.with_name("j2kl.h")
    if not path.exists() or not header.exists():
        raise NativeLibraryError(f"the native library {path.name} is not beside the package: {_HOW_TO_BUILD}")
    declarations = header.read_text("utf-8").partition("[cffi begin] */")[2].partition("/* [cffi end]")[0]
    ffi = cffi.FFI()
    ffi.cdef(declarations)
    try:
        library = ffi.dlopen(str(path))
        version = library.j2kl_abi_version()
        sizes = library.j2kl_sizeof_parameters(), library.j2kl_sizeof_request()
    except (OSError, AttributeError) as error:
        raise NativeLibraryError(
            f"the native library {path} cannot be loaded ({error}): {_HOW_TO_BUILD}"
        ) from error
    if version != _ABI_VERSION or sizes != (ffi.sizeof("j2kl_parameters"), ffi.sizeof("j2kl_request")):
        raise NativeLibraryError(
            f"the native library {path} is of another version than j2klearn: {_HOW_TO_BUILD}"
        )
    return ffi, library


def openjpeg_version() -> str:
    """Return the version of the OpenJPEG library in use."""
    ffi, library = load()
    return str(ffi.string(library.j2kl_openjpeg_version()).decode())


def raise_code(code: int, text: str) -> NoReturn:
    """Raise the exception of an error code of ``j2kl.h``."""
    raise _EXCEPTIONS.get(code, RuntimeError)(text or f"the native library failed with code {code}")


class Report:
    """The texts that OpenJPEG and the library leave behind."""

    def __init__(self, ffi: Any) -> None:
        self._ffi = ffi
        self.pointer = ffi.new("j2kl_report *")

    def _text(self, field: Any) -> str:
        return str(self._ffi.string(field).decode("utf-8", "replace"))

    @property
    def warnings(self) -> list[str]:
        text = self._text(self.pointer.warning)
        return text.split("; ") if text else []

    @property
    def messages(self) -> list[str]:
        text = self._text(self.pointer.info)
        return text.split("; ") if text else []

    def check(self, code: int) -> None:
        if code != 0:
            raise_code(code, self._text(self.pointer.error))


def check(code: int) -> None:
    """Raise what a function without a report returned, unless it is success."""
    if code != 0:
        raise_code(code, "memory ran out" if code == 2 else "")


def as_array(array: NDArray[Any], dtype: type[np.generic], shape: tuple[int, ...], what: str) -> NDArray[Any]:
    """Return `array` contiguous, having checked that it is what the native library will take it for."""
    if array.dtype != dtype or array.shape != shape:
        raise InputError(
            f"{what} have to be {np.dtype(dtype)} of shape {shape}, not {array.dtype} of shape {array.shape}"
        )
    return np.ascontiguousarray(array)
