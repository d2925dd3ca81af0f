"""A part of a file that is read as a file of its own."""

from __future__ import annotations

from collections.abc import Sequence

from .sources import ByteSource

__all__ = ["SourcePart"]


class SourcePart(ByteSource):
    """The bytes of a file between two offsets.

    Parameters
    ----------
    source : ByteSource
        The file.
    start, end : int
        Offsets of the first byte and after the last one.
    """

    def __init__(self, source: ByteSource, start: int, end: int) -> None:
        self._source, self._start, self.size = source, start, end - start

    def read(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        return self._source.read([(self._start + start, self._start + end) for start, end in ranges])
