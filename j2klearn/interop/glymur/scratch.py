"""Temporary files in the place of file objects that a picture is written to, since glymur writes only paths."""

from __future__ import annotations

import contextlib
import os
import tempfile
import weakref
from pathlib import Path
from typing import IO, Any

from ...codestream.markers import CODESTREAM_START
from ...errors import InputError
from ...io.sources import is_buffer

__all__ = ["Scratch", "holds_picture", "is_memory", "unlink"]

_RAW_SUFFIXES = (".j2k", ".j2c", ".jpc")


def is_memory(target: object) -> bool:
    """Return whether `target` is bytes, in any object with a buffer, or a file object rather than a path."""
    return hasattr(target, "read") or hasattr(target, "write") or is_buffer(target)


def holds_picture(target: Any) -> bool:
    """Return whether there is something to read in bytes or a file object: it is readable, and not empty."""
    if is_buffer(target) and not hasattr(target, "read"):
        return True
    if not _can(target, "readable", "read"):
        return False
    try:
        return not _can(target, "seekable", "seek") or bool(target.seek(0, os.SEEK_END) or target.tell())
    except (OSError, ValueError):
        return True  # reading it says why it cannot be read


class Scratch:
    """A temporary file, which is removed together with this object. It does not exist before it is written.

    Parameters
    ----------
    stream : object
        Where `deliver` writes the contents; it refuses what is not a file object.
    content : bytes
        What to begin with.
    """

    def __init__(self, stream: Any, content: bytes = b"") -> None:
        self.stream: IO[bytes] | None = stream if hasattr(stream, "write") else None
        self._delivered = False
        name = getattr(stream, "name", "")
        suffix = Path(name).suffix if isinstance(name, str) else ""
        if content:
            suffix = ".j2k" if content[:4] == CODESTREAM_START else ".jp2"
        handle, path = tempfile.mkstemp(suffix=suffix if suffix.lower() in _RAW_SUFFIXES else ".jp2")
        self.path = Path(path)
        self._finalizer = weakref.finalize(self, unlink, path)
        with open(handle, "wb") as file:
            file.write(content)
        if not content:
            self.path.unlink()  # glymur would read a file that exists

    def deliver(self) -> None:
        """Write the contents of the temporary file to the file object.

        Raises
        ------
        InputError
            If there is no file object, or it cannot be written.
        """
        if self.stream is None:
            raise InputError("bytes and URLs cannot be written to: use a file object, such as io.BytesIO()")
        seekable = _can(self.stream, "seekable", "seek")
        if self._delivered and not seekable:
            raise InputError(
                "the file object is not seekable, so the data already written to it cannot be changed"
            )
        try:
            if seekable:
                self.stream.seek(0)
                self.stream.truncate()
            self._delivered = True
            self.stream.write(self.path.read_bytes())
        except (OSError, ValueError) as error:
            raise InputError(f"the file object cannot be written: {error}") from error


def _can(stream: Any, question: str, method: str) -> bool:
    answer = getattr(stream, question, None)
    return bool(answer()) if callable(answer) else hasattr(stream, method)


def unlink(path: str) -> None:
    """Remove a temporary file; it may not exist any more."""
    with contextlib.suppress(OSError):
        os.unlink(path)
