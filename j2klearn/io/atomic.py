"""Writing files whole or not at all: a temporary file beside the target takes its place at the end."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from ..errors import DiskFullError, WriteError

__all__ = ["cannot_write", "remove_left_overs", "take_place", "temporary_beside", "write_by", "write_whole"]

_FULL = (errno.ENOSPC, errno.EDQUOT)

_MASK = threading.Lock()

#: What `temporary_beside` makes.
_TEMPORARY = re.compile(r"\.(.+)\.[a-z0-9_]{8}\.tmp", re.DOTALL)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file by way of a temporary one beside it, so that it is there whole or not at all."""
    write_by(path, lambda temporary: temporary.write_bytes(data))


def write_by(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file by way of a temporary one beside it, which `write` fills: it is there whole or not at all.

    Raises
    ------
    WriteError
        If the file cannot be written; `DiskFullError` where there is no room for it. What `write` raises of its own
        passes through.
    """
    temporary = temporary_beside(path)
    try:
        write(temporary)
        take_place(temporary, path)
    except OSError as error:
        if error.errno is None:
            raise  # not of the operating system
        raise cannot_write(path, error) from None
    finally:
        temporary.unlink(missing_ok=True)


def temporary_beside(path: Path) -> Path:
    """Make an empty file that `take_place` can put in the place of `path`."""
    path = path.resolve()  # a link stays a link
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        os.close(handle)
    except OSError as error:
        raise cannot_write(path, error) from None
    return Path(name)


def cannot_write(path: Path, error: OSError) -> WriteError:
    """Return the error to raise where the operating system refuses to write a file."""
    kind = DiskFullError if error.errno in _FULL else WriteError
    return kind(f"cannot write {path}: {error.strerror or error}")


def remove_left_overs(paths: Iterable[Path]) -> None:
    """Remove the temporary files that killed processes have left beside the files that they were to write."""
    names = defaultdict(set)
    for path in paths:
        names[path.parent].add(path.name)
    for folder, known in names.items():
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                match = _TEMPORARY.fullmatch(entry.name)
                if match is not None and match[1] in known:
                    Path(entry.path).unlink(missing_ok=True)


def take_place(temporary: Path, path: Path) -> None:
    """Put a file in the place of another at one stroke, once the disk has all of it."""
    with temporary.open("rb") as stream:
        os.fsync(stream.fileno())
    temporary.chmod(0o666 & ~_umask())
    os.replace(temporary, path.resolve())


def _umask() -> int:
    with _MASK:  # it is the whole process's, and can only be read by setting it
        mask = os.umask(0)
        os.umask(mask)
    return mask
