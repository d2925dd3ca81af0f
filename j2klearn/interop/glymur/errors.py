"""The errors of `Jp2k`: subclasses of j2klearn's errors and of those that glymur raises in the same case.

They are not in `j2klearn.errors`, because they need glymur, whose import takes a second.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

from glymur.jp2box import InvalidJp2kError
from glymur.lib import openjp2
from glymur.lib.openjp2 import OpenJPEGLibraryError

from ...errors import (
    CodestreamError,
    InputError,
    J2KError,
    ModelError,
    ModelNotFoundError,
    OptionError,
    SegmentError,
    SliceError,
    UnsupportedError,
    WriteError,
)

__all__ = [
    "InvalidFileError",
    "InvalidInputError",
    "InvalidModelError",
    "InvalidModelNotFoundError",
    "InvalidOptionError",
    "InvalidSegmentError",
    "InvalidSliceError",
    "LibraryError",
    "MissingFileError",
    "RewriteError",
    "SampleDepthError",
    "SampleTypeError",
    "SubsamplingError",
    "UnsupportedFileError",
    "WriteFailedError",
    "as_glymur",
    "errors_of_glymur",
]


class InvalidInputError(InputError, InvalidJp2kError):
    """The picture cannot be encoded because of its dtype, number of axes, shape or bit depth."""


class InvalidOptionError(OptionError, InvalidJp2kError):
    """A keyword is out of range, or keywords contradict each other."""


class InvalidFileError(CodestreamError, InvalidJp2kError):
    """The file is not JPEG 2000, or its boxes or main header are damaged."""


class MissingFileError(CodestreamError, FileNotFoundError):
    """There is no such file."""


class LibraryError(CodestreamError, OpenJPEGLibraryError):
    """OpenJPEG could not read or write the codestream."""


class InvalidSegmentError(SegmentError, OpenJPEGLibraryError):
    """The learned-transform segment is damaged, or contradicts the rest of the codestream."""


class UnsupportedFileError(UnsupportedError, OpenJPEGLibraryError):
    """The file is valid, but uses a feature that j2klearn does not support."""


class SampleDepthError(UnsupportedFileError, ValueError):
    """The samples have more than 16 bits."""


class SampleTypeError(UnsupportedFileError, TypeError):
    """The components differ in bit depth or sign, so there is no dtype that all of them have."""


class SubsamplingError(UnsupportedFileError, RuntimeError):
    """The components differ in size, so they cannot be returned as one array."""


class InvalidModelError(ModelError, InvalidJp2kError):
    """The model file is damaged."""


class InvalidModelNotFoundError(ModelNotFoundError, InvalidJp2kError):
    """The model is not installed."""


class InvalidSliceError(SliceError, OpenJPEGLibraryError):
    """An index is invalid: out of range, inverted, or with a stride that is no resolution."""


class RewriteError(OptionError, RuntimeError):
    """The file has a picture already, and a second one was written."""


class WriteFailedError(WriteError, OpenJPEGLibraryError):
    """The file cannot be written."""


#: The errors to raise in the place of j2klearn's; subclasses come before their bases.
_TWINS: dict[type[J2KError], type[J2KError]] = {
    SegmentError: InvalidSegmentError,
    UnsupportedError: UnsupportedFileError,
    CodestreamError: LibraryError,
    ModelNotFoundError: InvalidModelNotFoundError,
    ModelError: InvalidModelError,
    WriteError: WriteFailedError,
    InputError: InvalidInputError,
    SliceError: InvalidSliceError,
    OptionError: InvalidOptionError,
}


@functools.cache
def _joined(kind: type[J2KError], library_error: type[Exception]) -> type[J2KError]:
    """Return a subclass of `kind` and of the error class of glymur, which is a new one after a reload of its module."""
    return type(kind.__name__, (kind, library_error), {})


@contextmanager
def as_glymur() -> Iterator[None]:
    """Replace errors of j2klearn by their subclasses that are errors of glymur too."""
    try:
        yield
    except J2KError as error:
        kind = type(error)
        if not isinstance(error, (InvalidJp2kError, OpenJPEGLibraryError)):
            kind = next((twin for base, twin in _TWINS.items() if isinstance(error, base)), kind)
        if issubclass(kind, OpenJPEGLibraryError) and not issubclass(kind, openjp2.OpenJPEGLibraryError):
            kind = _joined(kind, openjp2.OpenJPEGLibraryError)  # type: ignore[arg-type]
        if kind is type(error):
            raise
        raise kind(str(error)) from error


@contextmanager
def errors_of_glymur() -> Iterator[None]:
    """Replace errors that glymur raises for arguments, or for a failure of OpenJPEG, by their subclasses of ours."""
    with as_glymur():
        try:
            yield
        except J2KError:
            raise
        except InvalidJp2kError as error:
            raise InvalidOptionError(str(error)) from error
        except openjp2.OpenJPEGLibraryError as error:
            raise CodestreamError(str(error)) from error
