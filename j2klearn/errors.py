"""Exceptions and warnings raised by j2klearn.

Every error of input, options or files derives from `J2KError`, so one ``except`` clause is enough. Each subclass also
derives from the matching built-in exception.
"""

from __future__ import annotations

__all__ = [
    "ClusterError",
    "CodestreamError",
    "CodestreamWarning",
    "DecodingError",
    "DiskFullError",
    "InputError",
    "InputWarning",
    "IsolationError",
    "J2KError",
    "J2KWarning",
    "LimitError",
    "MetadataWarning",
    "ModelError",
    "ModelNotFoundError",
    "NativeLibraryError",
    "OptionError",
    "PyTorchError",
    "SegmentError",
    "SliceError",
    "TargetMissedWarning",
    "TruncatedWarning",
    "UnsupportedError",
    "WriteError",
]


class J2KError(Exception):
    """Base class of all errors that j2klearn raises."""


class InputError(J2KError, ValueError):
    """The picture cannot be encoded, because of its dtype, shape or samples."""


class WriteError(InputError, OSError):
    """A file cannot be written."""


class DiskFullError(WriteError):
    """A file cannot be written because the disk is full."""


class ClusterError(J2KError, ConnectionError):
    """A cluster cannot be reached, or its workers cannot run the jobs."""


class OptionError(J2KError, ValueError):
    """An option is invalid, or options contradict each other."""


class SliceError(OptionError, IndexError):
    """An index into a picture is out of range, ends before it begins, or has strides that no resolution provides."""


class LimitError(J2KError, ValueError):
    """A picture or file exceeds a limit, for example the pixel limit."""


class CodestreamError(J2KError, OSError):
    """The data is not a JPEG 2000 file, or its codestream cannot be read or written."""


class DecodingError(CodestreamError):
    """OpenJPEG could not decode the codestream, although all of it was read."""


class SegmentError(CodestreamError):
    """The learned-transform segment is damaged or contradicts the rest of the codestream."""


class UnsupportedError(CodestreamError):
    """The file is valid, but uses a feature that j2klearn does not support."""


class IsolationError(CodestreamError):
    """The child process in which a file was read has died, or has exceeded a limit of memory or time."""


class ModelError(J2KError, ValueError):
    """A model file is damaged, or its configuration is invalid or unknown."""


class ModelNotFoundError(ModelError, LookupError):
    """No installed model has the requested name or id."""


class NativeLibraryError(J2KError, ImportError):
    """The native library is missing or has another version than this package."""


class PyTorchError(J2KError, ImportError):
    """PyTorch is needed and cannot be imported. Reading and writing with the default model does not need it."""


class J2KWarning(UserWarning):
    """Base class of the warnings that j2klearn issues about files."""


class TruncatedWarning(J2KWarning):
    """The codestream ends early. The part that is there was decoded."""


class InputWarning(J2KWarning):
    """The samples of a picture file are kept, but something else that it says is not. The message names it."""


class CodestreamWarning(J2KWarning):
    """OpenJPEG remarks on a file that it decodes: on unusual boxes or markers, wrong tile-part numbers, or damage."""


class MetadataWarning(J2KWarning):
    """The picture is complete, but the file cannot hold some of its metadata as other readers expect it."""


class TargetMissedWarning(J2KWarning):
    """The file misses the size or the PSNR that was asked for. The message has the figure that was reached."""
