"""File objects: one that counts the bytes that are read, and faulty ones."""

from __future__ import annotations

import io


class Recorder(io.BytesIO):
    """Counts the bytes and the calls of `read`."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.bytes = self.requests = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.bytes += len(data)
        self.requests += 1
        return data


class ShortReads(io.BytesIO):
    """Returns at most 700 bytes per call."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(700 if size is None or size < 0 else min(size, 700))


class Failing(io.BytesIO):
    """Fails after a number of reads, with any exception: not all libraries raise an `OSError`."""

    def __init__(self, data: bytes, after: int, error: type[Exception] = OSError) -> None:
        super().__init__(data)
        self.left, self.error = after, error

    def read(self, size: int | None = -1, /) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise self.error("the connection was lost")
        return super().read(size)


class FailingStream(Failing):
    """A failing file object that cannot seek."""

    def seekable(self) -> bool:
        return False


class Lying(io.BytesIO):
    """Reports a size that is larger, or smaller, than its real size."""

    def __init__(self, data: bytes, more: int = 50_000) -> None:
        super().__init__(data)
        self.more = more

    def seek(self, offset: int, whence: int = 0, /) -> int:
        at = super().seek(offset, whence)
        return at + self.more if whence == 2 else at
