"""Pictures that are not in files: bytes and file objects get a temporary file, for glymur reads and writes paths."""

from __future__ import annotations

import contextlib
import os
import tempfile
import weakref
from pathlib import Path
from typing import IO, Any

from ...errors import CodestreamError, InputError

__all__ = ["Scratch", "is_memory", "unlink"]

_RAW_SUFFIXES = (".j2k", ".j2c", ".jpc")


def is_memory(target: object) -> bool:
    """Tell whether `target` is bytes or a file object rather than a path."""
    return (
        isinstance(target, (bytes, bytearray, memoryview))
        or hasattr(target, "read")
        or hasattr(target, "write")
    )


class Scratch:
    """A temporary file with what a file object or a buffer holds; it goes when this object goes.

    Parameters
    ----------
    target : bytes, bytearray, memoryview or binary file object
        What to read, or to write to later. A file object that can seek is read from its beginning.
    load : bool
        Read it; else the file does not exist yet.
    """

    def __init__(self, target: Any, *, load: bool) -> None:
        self.stream: IO[bytes] | None = None
        self._delivered = False
        content = b""
        if isinstance(target, (bytes, bytearray, memoryview)):
            content = bytes(target)
        else:
            self.stream = target
            if load and _can(target, "readable", "read"):
                content = _read(target)
        name = getattr(target, "name", "")
        suffix = Path(name).suffix if isinstance(name, str) else ""
        if content:
            suffix = ".j2k" if content[:4] == b"\xff\x4f\xff\x51" else ".jp2"
        handle, path = tempfile.mkstemp(suffix=suffix if suffix.lower() in _RAW_SUFFIXES else ".jp2")
        self.path = Path(path)
        self._gone = weakref.finalize(self, unlink, path)
        with open(handle, "wb") as file:
            file.write(content)
        if not content and (load is False or self.stream is not None):
            self.path.unlink()  # there is nothing yet, and glymur takes a file that exists for one to read

    def deliver(self) -> None:
        """Write what the file holds now to the file object.

        Raises
        ------
        InputError
            If there is none, or it cannot be written.
        """
        if self.stream is None:
            raise InputError("bytes cannot be written to: use a file object, such as io.BytesIO()")
        seekable = _can(self.stream, "seekable", "seek")
        if self._delivered and not seekable:
            raise InputError("the file object cannot seek, so what was written to it cannot be changed")
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


def _read(stream: Any) -> bytes:
    try:
        if _can(stream, "seekable", "seek"):
            stream.seek(0)
        content = stream.read()
    except (OSError, ValueError) as error:
        raise CodestreamError(f"the file object cannot be read: {error}") from error
    if not isinstance(content, bytes):
        raise CodestreamError("the file object has to be open for reading bytes")
    return content


def unlink(path: str) -> None:
    """Remove a temporary file that may be gone already."""
    with contextlib.suppress(OSError):
        os.unlink(path)
