"""Pipes, terminals and other files that are read or written only once, from start to end."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..errors import InputError

__all__ = ["copy_out", "is_pipe", "spooled"]

#: The first bytes of files, and the suffix that readers of pictures know such files by.
_SUFFIXES = {
    b"II*\x00": ".tif",
    b"MM\x00*": ".tif",
    b"II+\x00": ".tif",
    b"MM\x00+": ".tif",
    b"\x93NUMPY": ".npy",
    b"\x89PNG": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"\x00\x00\x00\x0cjP  ": ".jp2",
    b"\xff\x4f\xff\x51": ".j2k",
}


def is_pipe(path: str | os.PathLike[str]) -> bool:
    """Return whether a path names a pipe, a socket or a device, such as ``/dev/stdin`` or ``<(command)`` of a shell."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # a path with a null character is a ValueError
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@contextmanager
def spooled(stream: IO[bytes], name: str) -> Iterator[Path]:
    """Copy a file object to a temporary file for as long as the context lasts.

    Parameters
    ----------
    stream : binary file object
        It is read to its end. It need not be seekable.
    name : str
        What to call it in messages.

    Yields
    ------
    Path
        The temporary file. Its suffix is that of its contents, as far as they are known.

    Raises
    ------
    InputError
        If the file object cannot be read, or the disk has no space for the copy.
    """
    try:
        start = stream.read(16)
        suffix = next((found for magic, found in _SUFFIXES.items() if start.startswith(magic)), "")
        handle, path = tempfile.mkstemp(suffix=suffix)
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror or error}") from None
    try:
        try:
            with open(handle, "wb") as copy:
                copy.write(start)
                shutil.copyfileobj(stream, copy)
        except OSError as error:
            raise InputError(f"cannot read {name}: {error.strerror or error}") from None
        yield Path(path)
    finally:
        Path(path).unlink(missing_ok=True)


def copy_out(source: Path, stream: IO[bytes]) -> None:
    """Write the contents of a file to a file object, and flush it."""
    with source.open("rb") as contents:
        shutil.copyfileobj(contents, stream)
    stream.flush()
