"""Exceptions and warnings raised by j2klearn.

Everything that can go wrong with input, options or files derives from `J2KError`, so one ``except`` clause is
enough; the subclasses also derive from the built-in type that a Python programmer would expect.
"""

from __future__ import annotations

__all__ = [
    "ClusterError",
    "CodestreamError",
    "DecodingError",
    "DiskFullError",
    "InputError",
    "J2KError",
    "LimitError",
    "ModelError",
    "ModelNotFoundError",
    "NativeLibraryError",
    "OptionError",
    "SegmentError",
    "SliceError",
    "TruncatedWarning",
    "UnsupportedError",
    "WriteError",
]


class J2KError(Exception):
    """Base class of every error raised by j2klearn."""


class InputError(J2KError, ValueError):
    """The picture handed in cannot be coded: dtype, rank, shape, NaN or emptiness."""


class WriteError(InputError, OSError):
    """A file cannot be written."""


class DiskFullError(WriteError):
    """A file cannot be written, for there is no room for it."""


class ClusterError(J2KError, ConnectionError):
    """A cluster cannot be reached, or its workers cannot do the work."""


class OptionError(J2KError, ValueError):
    """An option is out of range, or options contradict each other."""


class SliceError(OptionError, IndexError):
    """An index cannot be met: out of range, inverted, or with strides that no resolution has."""


class LimitError(J2KError, ValueError):
    """A picture is larger than the pixel limit in force."""


class CodestreamError(J2KError, OSError):
    """The bytes are not a JPEG 2000 file, or OpenJPEG could not read or write the codestream."""


class DecodingError(CodestreamError):
    """OpenJPEG could not decode the codestream, all of which was read."""


class SegmentError(CodestreamError):
    """The learned-transform segment is damaged, or contradicts the rest of the codestream."""


class UnsupportedError(CodestreamError):
    """The file is sound, but uses something that j2klearn does not read."""


class ModelError(J2KError, ValueError):
    """A model file is damaged, or its configuration is not one that j2klearn knows."""


class ModelNotFoundError(ModelError, LookupError):
    """A model is asked for by a name or an id that is not installed."""


class NativeLibraryError(J2KError, ImportError):
    """The native library is missing, or is of another version than this package."""


class TruncatedWarning(UserWarning):
    """The codestream ends early; what was there has been decoded."""
