"""Pipes, terminals and other files that are read or written only once, from start to end."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import IO

__all__ = ["copy_out", "is_pipe"]


def is_pipe(path: str | os.PathLike[str]) -> bool:
    """Return whether a path names a pipe, a socket or a device, such as ``/dev/stdin`` or ``<(command)`` of a shell."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # a path with a null character is a ValueError
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def copy_out(source: Path, stream: IO[bytes]) -> None:
    """Write the contents of a file to a file object, and flush it."""
    with source.open("rb") as contents:
        shutil.copyfileobj(contents, stream)
    stream.flush()
