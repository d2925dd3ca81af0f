"""Random access to a few bytes at an offset, in memory or in a file object."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import IO

__all__ = ["Peek", "peek_bytes", "peek_stream"]

#: Called as ``peek(offset, count)``. Returns `count` bytes from the offset on, or fewer at the end of the data.
Peek = Callable[[int, int], bytes]


def peek_bytes(data: bytes | bytearray | memoryview) -> Peek:
    """Return a `Peek` into bytes in memory."""
    return lambda at, size: bytes(data[at : at + size])


def peek_stream(stream: IO[bytes]) -> tuple[Peek, int]:
    """Return a `Peek` into a seekable file object, and the size of the file in bytes."""
    size = stream.seek(0, io.SEEK_END)

    def peek(at: int, count: int) -> bytes:
        if at >= size:  # offsets come from the file: they may be too large for `seek`
            return b""
        stream.seek(at)
        return stream.read(count)

    return peek, size
