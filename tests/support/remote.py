"""A file object that counts what is read of it, and ones that misbehave."""

from __future__ import annotations

import io


class Recorder(io.BytesIO):
    """Counts bytes and requests."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.bytes = self.requests = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.bytes += len(data)
        self.requests += 1
        return data


class ShortReads(io.BytesIO):
    """Returns at most seven hundred bytes at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(700 if size is None or size < 0 else min(size, 700))


class Failing(io.BytesIO):
    """Fails from a number of requests on; not all libraries raise an `OSError`."""

    def __init__(self, data: bytes, after: int, error: type[Exception] = OSError) -> None:
        super().__init__(data)
        self.left, self.error = after, error

    def read(self, size: int | None = -1, /) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise self.error("the connection was lost")
        return super().read(size)


class FailingStream(Failing):
    """One that cannot seek."""

    def seekable(self) -> bool:
        return False


class Lying(io.BytesIO):
    """Says that it is longer than it is, or shorter."""

    def __init__(self, data: bytes, more: int = 50_000) -> None:
        super().__init__(data)
        self.more = more

    def seek(self, offset: int, whence: int = 0, /) -> int:
        at = super().seek(offset, whence)
        return at + self.more if whence == 2 else at
