"""Encoding of one picture of a collection, with its outcome."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

from ..api.options import EncodeOptions
from ..errors import InputError, J2KError
from .jobs import Job
from .remarks import collected

__all__ = ["Outcome", "Written", "code_picture", "use_one_thread"]


class Written(NamedTuple):
    """The result for a picture that was encoded.

    Attributes
    ----------
    bytes, pixels : int
        Size of the JP2 file in bytes, and number of pixels.
    source_size, source_mtime_ns : int
        Size in bytes and modification time in nanoseconds of the picture file before it was read.
    """

    bytes: int
    pixels: int
    source_size: int
    source_mtime_ns: int


class Outcome(NamedTuple):
    """The outcome of a job.

    Attributes
    ----------
    job : Job
        The picture, and the file to write.
    result : Written or J2KError
        The result, or the error for which nothing was written.
    remarks : tuple of str
        The warnings of the library about this picture.
    """

    job: Job
    result: Written | J2KError
    remarks: tuple[str, ...] = ()


def use_one_thread() -> None:
    """Let PyTorch start with one thread in this process if it is loaded, so that workers do not compete."""
    os.environ["OMP_NUM_THREADS"] = "1"  # PyTorch reads it if it is loaded later
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def code_picture(job: Job, options: EncodeOptions) -> Outcome:
    """Encode one picture; errors and warnings are returned in the outcome. An error leaves an existing file unchanged.

    Parameters
    ----------
    job : Job
        The picture, and the file to write.
    options : EncodeOptions
        How to encode it.

    Returns
    -------
    Outcome
        The result, or the error.
    """
    with collected() as remarks:
        result = _result(job, options)
    return Outcome(job, result, tuple(remarks))


def _result(job: Job, options: EncodeOptions) -> Written | J2KError:
    try:
        return _code(job, options)
    except J2KError as error:
        return error
    except MemoryError:
        return InputError("there is not enough memory for this picture")
    except Exception as error:  # a reader may raise anything for a damaged picture
        return InputError(f"unexpected {type(error).__name__}: {error}")


def _code(job: Job, options: EncodeOptions) -> Written:
    from ..api.convert import convert
    from ..io.atomic import cannot_write

    source, target = Path(job.source), Path(job.target)
    try:
        before = os.stat(source)  # before reading, so that a change meanwhile counts as a change
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror}") from None
    if os.path.realpath(source) == os.path.realpath(target):  # a link that names of files do not show
        raise InputError(f"{target} is a link to the picture, which would be written over")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(target, error) from None
    written = convert(source, target, options)
    return Written(written.bytes, written.pixels, before.st_size, before.st_mtime_ns)
