"""Where the bytes of a file are: in memory, in a file, behind a file object, or at a URL."""

from __future__ import annotations

import bisect
import contextlib
import io
import itertools
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from ..errors import CodestreamError, OptionError

__all__ = ["ByteSource", "Source", "open_source"]

Source = bytes | bytearray | memoryview | str | os.PathLike[str] | IO[bytes]

Range = tuple[int, int]

#: A gap of so many bytes between two stretches is read with them.
_GAP = 64

#: The larger gaps that are read to save requests hold at most this share of what is wanted.
_WASTE = 1 / 64

#: Of a server, where a request takes as long as reading some ten thousand bytes, they may hold so many in any case.
_REMOTE_WASTE = 1 << 16

#: Bytes that are asked of a file object at once: one that lies about its size is not to cost memory for what is not
#: there.
_MOST = 1 << 26


def merge(ranges: Sequence[Range], waste: int = 0) -> list[Range]:
    """Return the stretches that cover all ranges, in rising order: few of them, and little that is not wanted.

    `waste` bytes that are not wanted do not matter.
    """
    joined: list[list[int]] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1] + _GAP:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    spare = max(waste, _WASTE * sum(end - start for start, end in joined))
    gaps = sorted((after[0] - before[1], index) for index, (before, after) in enumerate(_pairs(joined)))
    bridged = set()
    for gap, index in gaps:
        spare -= gap
        if spare < 0:
            break
        bridged.add(index)
    out: list[Range] = []
    for index, (start, end) in enumerate(joined):
        if index - 1 in bridged:
            start = out.pop()[0]
        out.append((start, end))
    return out


def _pairs(joined: list[list[int]]) -> list[tuple[list[int], list[int]]]:
    return list(itertools.pairwise(joined))


class ByteSource:
    """Bytes that are read in stretches, by several threads at once.

    Attributes
    ----------
    size : int
        How many bytes there are.
    """

    size: int
    _waste = 0

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """Return the bytes of each half-open range, all of which lies within the size.

        Raises
        ------
        CodestreamError
            If they cannot be read, or there are fewer than there should be.
        """
        wanted = [bounds for bounds in ranges if bounds[0] < bounds[1]]
        stretches = merge(wanted, self._waste)
        data = self._fetch(stretches) if stretches else []
        for (start, end), part in zip(stretches, data, strict=True):
            if len(part) != end - start:
                raise CodestreamError(
                    f"the file ends at byte {start + len(part)}, and says that it has {self.size}"
                )
        out, starts = [], [start for start, _ in stretches]
        for start, end in ranges:
            at = bisect.bisect_right(starts, start) - 1
            out.append(data[at][start - starts[at] : end - starts[at]] if start < end else b"")
        return out

    def whole(self) -> bytes:
        """Return all bytes."""
        return self.read([(0, self.size)])[0]

    def _fetch(self, stretches: list[Range]) -> list[bytes]:
        raise NotImplementedError


class _Memory(ByteSource):
    def __init__(self, data: bytes) -> None:
        self.data, self.size = data, len(data)

    def _fetch(self, stretches: list[Range]) -> list[bytes]:
        return [self.data[start:end] for start, end in stretches]

    def whole(self) -> bytes:
        return self.data


@contextlib.contextmanager
def _reading() -> Iterator[None]:
    """Make a `CodestreamError` of whatever a file object raises: there are those of servers and of compressed files."""
    try:
        yield
    except CodestreamError:
        raise
    except Exception as error:
        raise CodestreamError(f"the file object cannot be read: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):  # whose text is often a path alone
        return "no file is found there"
    return str(error) or type(error).__name__


def _bytes(data: object) -> bytes:
    if not isinstance(data, bytes):
        raise CodestreamError("the file object has to be open for reading bytes")
    return data


class _Stream(ByteSource):
    """A file object that can seek; short reads are gone on with."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.lock = stream, threading.Lock()
        with _reading():
            self.size = stream.seek(0, io.SEEK_END)
            if not isinstance(self.size, int):  # some return nothing
                self.size = stream.tell()

    def _fetch(self, stretches: list[Range]) -> list[bytes]:
        return [self._one(start, end) for start, end in stretches]

    def _one(self, start: int, end: int) -> bytes:
        parts = []
        with _reading(), self.lock:
            self.stream.seek(start)
            while start < end:
                part = _bytes(self.stream.read(min(end - start, _MOST)))
                if not part:
                    break
                parts.append(part[: end - start])
                start += len(part)
        return b"".join(parts)


class _File(ByteSource):
    """A file that is open only while it is read."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            if self.path.is_dir():
                raise CodestreamError(f"cannot read {self.path}: it is a folder")
            self.size = self.path.stat().st_size
        except OSError as error:
            raise CodestreamError(f"cannot read {self.path}: {error.strerror or error}") from None

    def _fetch(self, stretches: list[Range]) -> list[bytes]:
        try:
            with self.path.open("rb") as stream:
                parts = []
                for start, end in stretches:
                    stream.seek(start)
                    parts.append(stream.read(end - start))
                return parts
        except OSError as error:
            raise CodestreamError(f"cannot read {self.path}: {error.strerror}") from None


class _Remote(ByteSource):
    """A file that fsspec reads, by several requests at once where its file system does that."""

    _waste = _REMOTE_WASTE

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        try:
            import fsspec
        except ImportError:
            raise OptionError(f"reading {url} needs fsspec: pip install fsspec") from None
        self.url = url
        try:
            self.system, self.path = fsspec.core.url_to_fs(url, **options)
            size = self.system.info(self.path)["size"]
        except Exception as error:  # file systems raise what they like
            raise CodestreamError(f"cannot read {url}: {_reason(error)}") from error
        if size is None:
            raise CodestreamError(f"cannot read parts of {url}: the server does not say how large it is")
        self.size = int(size)

    def _fetch(self, stretches: list[Range]) -> list[bytes]:
        starts, ends = [start for start, _ in stretches], [end for _, end in stretches]
        try:
            data = list(self.system.cat_ranges([self.path] * len(stretches), starts, ends, on_error="raise"))
        except Exception as error:
            raise CodestreamError(f"cannot read {self.url}: {_reason(error)}") from error
        if any(len(part) > end - start for part, (start, end) in zip(data, stretches, strict=True)):
            raise CodestreamError(
                f"cannot read parts of {self.url}: the server sends more than it is asked for"
            )
        return data


def open_source(source: Source | ByteSource, options: dict[str, Any] | None = None) -> ByteSource:
    """Return what a caller names, ready for reading.

    Parameters
    ----------
    source : bytes, path, binary file object or URL
        A file object that cannot seek is read to its end; a string with ``://`` is a URL for fsspec.
    options : dict, optional
        Options of the file system, for a URL.

    Raises
    ------
    CodestreamError
        If it cannot be read.
    OptionError
        If it is a URL, and fsspec is not installed.
    """
    if isinstance(source, ByteSource):
        return source
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _Memory(bytes(source))
    if isinstance(source, str) and "://" in source:
        return _Remote(source, options or {})
    if isinstance(source, (str, os.PathLike)):
        return _File(source)
    seekable = getattr(source, "seekable", None)
    with _reading():
        if not hasattr(source, "seek") or (seekable is not None and not seekable()):
            return _Memory(_bytes(source.read()))
    return _Stream(source)
