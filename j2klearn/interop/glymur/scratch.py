"""Temporary files for bytes and file objects, since glymur reads and writes only paths."""

from __future__ import annotations

import contextlib
import os
import tempfile
import weakref
from pathlib import Path
from typing import IO, Any

from ...codestream.markers import CODESTREAM_START
from ...errors import CodestreamError, InputError

__all__ = ["Scratch", "is_memory", "unlink"]

_RAW_SUFFIXES = (".j2k", ".j2c", ".jpc")


def is_memory(target: object) -> bool:
    """Return whether `target` is bytes or a file object rather than a path."""
    return (
        isinstance(target, (bytes, bytearray, memoryview))
        or hasattr(target, "read")
        or hasattr(target, "write")
    )


class Scratch:
    """A temporary file with the contents of a file object or a buffer; it is removed together with this object.

    Parameters
    ----------
    target : bytes, bytearray, memoryview or binary file object
        Where to read from, or where to write later. A seekable file object is read from its beginning.
    load : bool
        Whether to read it; if not, the temporary file does not exist yet.

    Raises
    ------
    CodestreamError
        If the file object cannot be read, or is not binary.
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
            suffix = ".j2k" if content[:4] == CODESTREAM_START else ".jp2"
        handle, path = tempfile.mkstemp(suffix=suffix if suffix.lower() in _RAW_SUFFIXES else ".jp2")
        self.path = Path(path)
        self._finalizer = weakref.finalize(self, unlink, path)
        with open(handle, "wb") as file:
            file.write(content)
        if not content and (load is False or self.stream is not None):
            self.path.unlink()  # glymur would read a file that exists

    def deliver(self) -> None:
        """Write the contents of the temporary file to the file object.

        Raises
        ------
        InputError
            If there is no file object, or it cannot be written.
        """
        if self.stream is None:
            raise InputError("bytes cannot be written to: use a file object, such as io.BytesIO()")
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
    """Remove a temporary file; it may not exist any more."""
    with contextlib.suppress(OSError):
        os.unlink(path)
