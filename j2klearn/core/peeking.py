"""Looking at a few bytes at an offset, whether they are in memory or behind a file object."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import IO

__all__ = ["Peek", "peek_bytes", "peek_stream"]

#: Returns so many bytes from an offset on: fewer where the data ends.
Peek = Callable[[int, int], bytes]


def peek_bytes(data: bytes | bytearray | memoryview) -> Peek:
    """Return a function that looks at bytes in memory."""
    return lambda at, size: bytes(data[at : at + size])


def peek_stream(stream: IO[bytes]) -> tuple[Peek, int]:
    """Return a function that looks at the bytes of a seekable file object, and the size of the file in bytes."""
    size = stream.seek(0, io.SEEK_END)

    def peek(at: int, count: int) -> bytes:
        if at >= size:  # an offset read from the file may be larger than any that can be sought
            return b""
        stream.seek(at)
        return stream.read(count)

    return peek, size
