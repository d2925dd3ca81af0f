"""Atomic writes: a file is written to a temporary file in the same folder, which then replaces the target."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from ..errors import DiskFullError, WriteError
from .pipes import copy_out, is_pipe

__all__ = ["cannot_write", "remove_left_overs", "take_place", "temporary_beside", "write_by", "write_whole"]

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)

_UMASK_LOCK = threading.Lock()

#: Names of the files that `temporary_beside` makes.
_TEMPORARY = re.compile(r"\.(.+)\.[a-z0-9_]{8}\.tmp", re.DOTALL)

#: Bytes of a file name that a temporary name still has room for: most file systems allow names of 255 bytes.
_LONGEST = 255 - len("..xxxxxxxx.tmp")


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to a file atomically; the errors are those of `write_by`."""
    write_by(path, lambda temporary: temporary.write_bytes(data))


def write_by(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file atomically: after an error the old file, or no file, is there.

    Parameters
    ----------
    path : Path
        The file to write. A pipe or a device is not replaced: what was written is copied to it at the end.
    write : callable
        Called with the path of an empty temporary file, in the same folder if there is a file to replace, which it must
        fill.

    Raises
    ------
    WriteError
        If the file cannot be written; `DiskFullError` if the disk is full. Other exceptions of `write` pass through.
    """
    piped = is_pipe(path)
    temporary = temporary_beside(Path(tempfile.gettempdir(), "pipe") if piped else path)
    try:
        write(temporary)
        if piped:
            with path.open("wb") as stream:
                copy_out(temporary, stream)
        else:
            take_place(temporary, path)
    except OSError as error:
        if error.errno is None:
            raise  # not an error of the operating system
        raise cannot_write(path, error) from None
    finally:
        temporary.unlink(missing_ok=True)


def temporary_beside(path: Path) -> Path:
    """Make an empty temporary file in the folder of `path`, for `take_place`.

    Raises
    ------
    WriteError
        If the file cannot be made.
    """
    path = path.resolve()  # replace the target of a symbolic link, not the link
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{_shortened(path.name)}.", suffix=".tmp")
        os.close(handle)
    except OSError as error:
        raise cannot_write(path, error) from None
    return Path(name)


def _shortened(name: str) -> str:
    """Return a file name as it is part of temporary names: one that would be too long gives way to its digest."""
    data = os.fsencode(name)
    return name if len(data) <= _LONGEST else hashlib.sha256(data).hexdigest()


def cannot_write(path: Path, error: OSError) -> WriteError:
    """Return the `WriteError` for an error of the operating system: a `DiskFullError` if the disk is full."""
    kind = DiskFullError if error.errno in _DISK_FULL else WriteError
    return kind(f"cannot write {path}: {error.strerror or error}")


def remove_left_overs(paths: Iterable[Path]) -> None:
    """Remove the temporary files that killed processes left in the folders of `paths`, the files they were writing."""
    names = defaultdict(set)
    for path in paths:
        names[path.parent].add(_shortened(path.name))
    for folder, targets in names.items():
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                match = _TEMPORARY.fullmatch(entry.name)
                if match is not None and match[1] in targets:
                    Path(entry.path).unlink(missing_ok=True)


def take_place(temporary: Path, path: Path) -> None:
    """Flush `temporary` to the disk, give it the permissions of a new file, and replace `path` with it atomically."""
    with temporary.open("rb") as stream:
        os.fsync(stream.fileno())
    temporary.chmod(0o666 & ~_umask())
    os.replace(temporary, path.resolve())


def _umask() -> int:
    with _UMASK_LOCK:  # the umask belongs to the process, and can be read only by setting it
        mask = os.umask(0)
        os.umask(mask)
    return mask
