"""A file in memory, in a file object or at a URL in the place of a path, since glymur reads only paths."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from types import SimpleNamespace
from typing import IO, Any

from ...io.sources import ByteSource, Range

__all__ = ["SourcePath"]

#: Bytes at the start of a file that are read at once and kept: most main headers are shorter.
_HEAD = 1 << 14


class _WithHead(ByteSource):
    """A file whose first bytes are read only once, although glymur opens it several times."""

    def __init__(self, source: ByteSource) -> None:
        self.source, self.size = source, source.size
        self.head = source.peek(0, _HEAD)

    def __reduce__(self) -> tuple[Callable[[ByteSource], ByteSource], tuple[ByteSource]]:
        return _WithHead, (self.source,)

    def read(self, ranges: Any) -> list[bytes]:
        if all(end <= len(self.head) for _, end in ranges):
            return [self.head[start:end] for start, end in ranges]
        return self.source.read(ranges)

    def whole(self) -> bytes:
        return self.source.whole()

    def _fetch(self, stretches: list[Range]) -> list[bytes]:
        return self.source.read(stretches)


class _Raw(io.RawIOBase):
    """A seekable file object over a source. Its name is a descriptor, as that of a temporary file of Python is."""

    def __init__(self, source: ByteSource) -> None:
        self._source, self._at = source, 0
        self._twin: IO[bytes] | None = None

    @property
    def name(self) -> int:
        """A descriptor of an empty file that has the same size, since glymur asks for the size of this name."""
        if self._twin is None:
            self._twin = tempfile.TemporaryFile()  # noqa: SIM115 (`close` closes it)
            os.truncate(self._twin.fileno(), self._source.size)
        return self._twin.fileno()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size}[whence]
        if start + offset < 0:
            raise OSError(f"the file has no byte {start + offset}")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        data = self._source.peek(self._at, len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        if self._twin is not None:
            self._twin.close()
        super().close()


class SourcePath:
    """The methods of a `pathlib.Path` that glymur uses to read a file, for a `ByteSource`.

    Parameters
    ----------
    source : ByteSource
        The file.
    name : str
        What to call it in messages.

    Attributes
    ----------
    source : ByteSource
        The file, with its first bytes in memory.
    name : str
        As the parameter.
    """

    def __init__(self, source: ByteSource, name: str) -> None:
        self.source, self.name = _WithHead(source), name

    def __str__(self) -> str:
        return self.name

    def exists(self) -> bool:
        return True

    def stat(self) -> Any:
        """Return the size, and constants in the place of what changes with a file on disk."""
        return SimpleNamespace(st_size=self.source.size, st_mtime_ns=0, st_ino=0)

    def open(self, mode: str = "rb") -> IO[bytes]:
        """Return a file object for reading."""
        return io.BufferedReader(_Raw(self.source), _HEAD)

    def read_bytes(self) -> bytes:
        return self.source.whole()
