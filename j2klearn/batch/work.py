"""One picture of a collection: coded, written, and told of."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from ..api.options import EncodeOptions
from ..errors import InputError, J2KError
from .jobs import Job

__all__ = ["Outcome", "Written", "code_picture", "use_one_thread"]


class Written(NamedTuple):
    """What came of a picture: bytes written, pixels coded, and its file's size and time when it was read."""

    bytes: int
    pixels: int
    source_size: int
    source_mtime_ns: int


class Outcome(NamedTuple):
    """What came of a job: what was written, or why nothing was."""

    job: Job
    result: Written | J2KError


def use_one_thread() -> None:
    """Let PyTorch use one thread where this one calls it: threads of several workers would wait for each other."""
    import torch

    torch.set_num_threads(1)


def code_picture(job: Job, options: EncodeOptions) -> Outcome:
    """Code one picture into its file, which is there whole afterwards or as it was before; never raise an error.

    Parameters
    ----------
    job : Job
        What becomes of what.
    options : EncodeOptions
        How it is coded.
    """
    try:
        return Outcome(job, _code(job, options))
    except J2KError as error:
        return Outcome(job, error)
    except MemoryError:
        return Outcome(job, InputError("there is not enough memory for this picture"))
    except Exception as error:  # whatever a picture does to a reader, the others are to be coded
        return Outcome(job, InputError(f"unexpected {type(error).__name__}: {error}"))


def _code(job: Job, options: EncodeOptions) -> Written:
    from ..api.convert import convert
    from ..io.atomic import cannot_write

    source, target = Path(job.source), Path(job.target)
    try:
        before = os.stat(source)  # not after: what changes meanwhile is to be seen as changed
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror}") from None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(target, error) from None
    written = convert(source, target, options)
    return Written(written.bytes, written.pixels, before.st_size, before.st_mtime_ns)
