"""Random access to the bytes of a file: in memory, on disk, in a file object, or at a URL."""

from __future__ import annotations

import bisect
import contextlib
import io
import itertools
import os
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from numpy.typing import NDArray

from ..errors import CodestreamError, OptionError

__all__ = ["ByteSource", "Range", "Source", "is_buffer", "open_source"]

#: What a file can be: its bytes in any object with a buffer, a path, a file object, or a URL.
Source = (
    bytes | bytearray | memoryview | NDArray[Any] | str | os.PathLike[str] | os.PathLike[bytes] | IO[bytes]
)

Range = tuple[int, int]

#: Two ranges with a gap of at most this many bytes are always read as one stretch.
_MAX_SMALL_GAP = 64

#: Larger gaps are read too, to save requests, if all of them hold at most this fraction of the requested bytes.
_MAX_WASTE_FRACTION = 1 / 64

#: A request to a server takes as long as reading some ten thousand bytes. There, the larger gaps may always hold this
#: many bytes.
_REMOTE_WASTE_BYTES = 1 << 16

#: Bytes per read call of a file object. A file object that reports a false size must not cost memory for bytes that it
#: does not have.
_MAX_READ_BYTES = 1 << 26


def merge(ranges: Sequence[Range], waste: int = 0) -> list[Range]:
    """Merge byte ranges into few stretches, which hold few bytes that were not requested.

    Parameters
    ----------
    ranges : sequence of (int, int)
        Half-open ranges of offsets, in any order.
    waste : int
        Bytes that the larger gaps within the stretches may hold in any case.

    Returns
    -------
    list of (int, int)
        Disjoint stretches that cover all ranges, in rising order.
    """
    joined: list[list[int]] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1] + _MAX_SMALL_GAP:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    spare = max(waste, _MAX_WASTE_FRACTION * sum(end - start for start, end in joined))
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
    """The bytes of a file, which several threads may read at once.

    Attributes
    ----------
    size : int
        Size of the file in bytes.
    near : bool
        Whether reading a few megabytes takes no longer than finding out which of them are needed.
    """

    size: int
    near = False
    _waste_bytes = 0

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """Return the bytes of each half-open range; all ranges must lie within the size.

        Raises
        ------
        CodestreamError
            If the bytes cannot be read, or the file is shorter than `size`.
        """
        wanted = [bounds for bounds in ranges if bounds[0] < bounds[1]]
        stretches = merge(wanted, self._waste_bytes)
        data = self._fetch(stretches) if stretches else []
        for (start, end), part in zip(stretches, data, strict=True):
            if len(part) != end - start:
                raise CodestreamError(
                    f"the file ends at byte {start + len(part)}, although its reported size is {self.size} bytes"
                )
        out, starts = [], [start for start, _ in stretches]
        for start, end in ranges:
            at = bisect.bisect_right(starts, start) - 1
            out.append(data[at][start - starts[at] : end - starts[at]] if start < end else b"")
        return out

    def whole(self) -> bytes:
        """Return all bytes; the errors are those of `read`."""
        return self.read([(0, self.size)])[0]

    def peek(self, at: int, count: int) -> bytes:
        """Return `count` bytes from an offset on, or fewer at the end of the file; the errors are those of `read`."""
        end = min(at + count, self.size)
        return self.read([(at, end)])[0] if at < end else b""

    def _fetch(self, stretches: list[Range]) -> list[bytes]:
        raise NotImplementedError


class _Memory(ByteSource):
    near = True

    def __init__(self, data: bytes) -> None:
        self.data, self.size = data, len(data)

    def _fetch(self, stretches: list[Range]) -> list[bytes]:
        return [self.data[start:end] for start, end in stretches]

    def whole(self) -> bytes:
        return self.data


@contextlib.contextmanager
def _reading() -> Iterator[None]:
    """Convert any exception of a file object to a `CodestreamError`: those of servers and archives raise many types."""
    try:
        yield
    except CodestreamError:
        raise
    except Exception as error:
        raise CodestreamError(f"the file object cannot be read: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):  # its text is often just a path
        cause = error.__cause__  # fsspec hides that there is no connection
        return str(cause) if isinstance(cause, OSError) else "no such file"
    return str(error) or type(error).__name__


def _bytes(data: object) -> bytes:
    if not isinstance(data, bytes):
        raise CodestreamError("the file object must be open for reading bytes")
    return data


class _Stream(ByteSource):
    """A seekable file object. Short reads are repeated until the range is complete."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.lock = stream, threading.Lock()
        with _reading():
            self.size = stream.seek(0, io.SEEK_END)
            if not isinstance(self.size, int):  # some file objects return None
                self.size = stream.tell()

    def __reduce__(self) -> tuple[Callable[..., ByteSource], tuple[Any, ...]]:
        """Pickle the place of the file if it is known, else its contents, since few file objects can be pickled."""
        path = _path_of(self.stream)
        if path is not None:
            return _on_disk, (path,)
        system, remote = getattr(self.stream, "fs", None), getattr(self.stream, "path", None)
        plain = getattr(self.stream, "compression", None) is None
        if isinstance(remote, str) and hasattr(system, "cat_ranges") and plain:  # a file object of fsspec
            return _Remote.of, (system, remote, self.size)
        try:
            return _Memory, (self.whole(),)
        except CodestreamError as error:
            raise CodestreamError(f"the file object cannot be pickled with its contents: {error}") from error

    def _fetch(self, stretches: list[Range]) -> list[bytes]:
        return [self._one(start, end) for start, end in stretches]

    def _one(self, start: int, end: int) -> bytes:
        parts = []
        with _reading(), self.lock:
            self.stream.seek(start)
            while start < end:
                part = _bytes(self.stream.read(min(end - start, _MAX_READ_BYTES)))
                if not part:
                    break
                parts.append(part[: end - start])
                start += len(part)
        return b"".join(parts)


def _path_of(stream: Any) -> str | None:
    """Return the path of a file object that reads a file on disk; None if it does not, or the path is another file."""
    try:
        if not isinstance(stream, (io.BufferedReader, io.BufferedRandom, io.FileIO)):
            return None
        path = os.path.abspath(stream.name)
        return path if os.path.samestat(os.fstat(stream.fileno()), os.stat(path)) else None
    except (OSError, TypeError, ValueError, AttributeError):  # it has no name or no descriptor
        return None


class _File(ByteSource):
    """A regular file on disk, opened for each read."""

    near = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.size = self.path.stat().st_size

    def __reduce__(self) -> tuple[Callable[[str], ByteSource], tuple[str]]:
        return _on_disk, (os.path.abspath(self.path),)  # the reader may be in another folder

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


def _on_disk(path: str | os.PathLike[str] | os.PathLike[bytes]) -> ByteSource:
    """Return a file on disk. A pipe or a device, which cannot seek, is read to its end."""
    name = os.fsdecode(path)
    try:
        mode = os.stat(name).st_mode
        if stat.S_ISDIR(mode):
            raise CodestreamError(f"cannot read {name}: it is a folder")
        if stat.S_ISREG(mode):
            return _File(name)
        with open(name, "rb") as stream:
            return _Memory(stream.read())
    except CodestreamError:
        raise
    except OSError as error:
        raise CodestreamError(f"cannot read {name or repr(name)}: {error.strerror or error}") from None
    except ValueError:
        raise CodestreamError(f"there is no file {name!r}: its name has a null character") from None


class _Remote(ByteSource):
    """A file at a URL, read through fsspec, which may send several requests at once."""

    _waste_bytes = _REMOTE_WASTE_BYTES

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        try:
            import fsspec
        except ImportError:
            raise OptionError(f"reading {url} needs fsspec: pip install fsspec") from None
        self.url = url
        try:
            self.system, self.path = fsspec.core.url_to_fs(url, **options)
            size = self.system.info(self.path)["size"]
        except Exception as error:  # file systems raise exceptions of any type
            raise CodestreamError(f"cannot read {url}: {_reason(error)}") from error
        if size is None:
            raise CodestreamError(f"cannot read parts of {url}: the server does not report its size")
        self.size = int(size)

    @classmethod
    def of(cls, system: Any, path: str, size: int) -> _Remote:
        """Return a file of a file system of fsspec."""
        remote = cls.__new__(cls)
        remote.url, remote.system, remote.path, remote.size = path, system, path, size
        return remote

    def _fetch(self, stretches: list[Range]) -> list[bytes]:
        starts, ends = [start for start, _ in stretches], [end for _, end in stretches]
        try:
            data = list(self.system.cat_ranges([self.path] * len(stretches), starts, ends, on_error="raise"))
        except Exception as error:
            raise CodestreamError(f"cannot read {self.url}: {_reason(error)}") from error
        if any(len(part) > end - start for part, (start, end) in zip(data, stretches, strict=True)):
            raise CodestreamError(
                f"cannot read parts of {self.url}: the server sends more bytes than requested"
            )
        return data


def is_buffer(source: object) -> bool:
    """Return whether an object holds bytes that can be read without a copy: bytes, an array, a memory map."""
    try:
        memoryview(source)  # type: ignore[arg-type]
    except (TypeError, ValueError, BufferError):
        return False
    return True


def _contents(source: object) -> bytes:
    """Return the bytes of an object with a buffer, in the order of its elements."""
    try:
        return memoryview(source).tobytes()  # type: ignore[arg-type]
    except (TypeError, ValueError, BufferError):
        raise CodestreamError(
            f"a file is bytes, a path, a binary file object or a URL, not {type(source).__name__}"
        ) from None


def open_source(source: Source | ByteSource, options: dict[str, Any] | None = None) -> ByteSource:
    """Return a `ByteSource` for a file.

    Parameters
    ----------
    source : bytes, path, binary file object or URL
        Any object with a buffer serves as bytes: an array, a memoryview. A file object or a file that cannot seek, such
        as a pipe, is read to its end. A string that contains ``://`` is a URL, read by fsspec.
    options : dict, optional
        Options of the fsspec file system of a URL.

    Returns
    -------
    ByteSource

    Raises
    ------
    CodestreamError
        If the file cannot be read.
    OptionError
        If `source` is a URL and fsspec is not installed.
    """
    if isinstance(source, ByteSource):
        return source
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _Memory(bytes(source))
    if isinstance(source, str) and "://" in source:
        return _Remote(source, options or {})
    if isinstance(source, (str, os.PathLike)):
        return _on_disk(source)
    if not hasattr(source, "read"):
        return _Memory(_contents(source))
    stream: Any = source
    seekable = getattr(stream, "seekable", None)
    with _reading():
        if not hasattr(stream, "seek") or (seekable is not None and not seekable()):
            return _Memory(_bytes(stream.read()))
    return _Stream(stream)
