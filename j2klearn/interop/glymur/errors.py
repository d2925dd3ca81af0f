"""The errors of `Jp2k`: j2klearn's own and, where glymur has one for the case, glymur's as well.

They are apart from `errors` because glymur takes long to import, and `import j2klearn` shall not.
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
    "RewriteError",
    "SampleDepthError",
    "SubsamplingError",
    "UnsupportedFileError",
    "WriteFailedError",
    "as_glymur",
]


class InvalidInputError(InputError, InvalidJp2kError):
    """The picture cannot be coded: dtype, rank, shape or bit depth."""


class InvalidOptionError(OptionError, InvalidJp2kError):
    """A keyword is out of range, or keywords contradict each other."""


class InvalidFileError(CodestreamError, InvalidJp2kError):
    """The file is not JPEG 2000, or its boxes or main header are damaged."""


class LibraryError(CodestreamError, OpenJPEGLibraryError):
    """OpenJPEG could not read or write the codestream."""


class InvalidSegmentError(SegmentError, OpenJPEGLibraryError):
    """The learned-transform segment is damaged, or contradicts the rest of the codestream."""


class UnsupportedFileError(UnsupportedError, OpenJPEGLibraryError):
    """The file is sound, but uses something that j2klearn does not read."""


class SampleDepthError(UnsupportedFileError, ValueError):
    """The samples have more than 16 bits."""


class SubsamplingError(UnsupportedFileError, RuntimeError):
    """The components differ in size, and one array is asked for."""


class InvalidModelError(ModelError, InvalidJp2kError):
    """The model file is damaged."""


class InvalidModelNotFoundError(ModelNotFoundError, InvalidJp2kError):
    """The model is not installed."""


class InvalidSliceError(SliceError, OpenJPEGLibraryError):
    """An index cannot be met: out of range, inverted, or with strides that no resolution has."""


class RewriteError(OptionError, RuntimeError):
    """A picture is written a second time."""


class WriteFailedError(WriteError, OpenJPEGLibraryError):
    """The file cannot be written."""


#: The most special first.
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
    """Return `kind` as a kind of glymur's error as it is now, which is another class when its module is reloaded."""
    return type(kind.__name__, (kind, library_error), {})


@contextmanager
def as_glymur() -> Iterator[None]:
    """Raise j2klearn's errors as their twins, which are glymur's errors too."""
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
