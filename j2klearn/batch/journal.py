"""The journal of a run: a file in the target folder, with one line of JSON for each file written."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

from .._version import __version__
from ..errors import OptionError
from ..io.atomic import cannot_write
from .jobs import Job
from .work import Written

__all__ = ["JOURNAL", "Journal"]

#: Name of the journal in the target folder.
JOURNAL = "encode-batch.jsonl"


class _Entry(NamedTuple):
    """A file written: its picture with size and modification time, a digest of the options, the size of the file."""

    source: str
    size: int
    mtime_ns: int
    options: str
    bytes: int


class Journal:
    """The journal of a target folder, locked against other runs while it is open.

    A line is added after its file got its final name; if a run is killed in between, the next run encodes that picture
    again. If a file has several lines, the last one is valid. A truncated line is ignored.

    Parameters
    ----------
    folder : Path
        The target folder, which is created if it does not exist.

    Raises
    ------
    WriteError
        If the journal cannot be written.
    OptionError
        If another run is writing into the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / JOURNAL
        self._entries: dict[str, _Entry] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._stream: IO[bytes] = self.path.open("a+b")
        except OSError as error:
            raise cannot_write(self.path, error) from None
        try:
            self._lock()
            self._read()
        except BaseException:
            self._stream.close()
            raise

    def _lock(self) -> None:
        with contextlib.suppress(OSError):  # some file systems have no locks
            try:
                fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OptionError(f"another run is writing into {self.folder}: wait for it to end") from None

    def _read(self) -> None:
        self._stream.seek(0)
        line = b"\n"
        for line in self._stream:
            try:
                values: dict[str, Any] = json.loads(line)
                self._entries[values["output"]] = _Entry(*(values[name] for name in _Entry._fields))
            except (ValueError, KeyError, TypeError, RecursionError):
                continue
        if not line.endswith(b"\n"):
            self._write(b"\n")

    def _write(self, data: bytes) -> None:
        try:
            self._stream.write(data)
            self._stream.flush()
        except OSError as error:
            raise cannot_write(self.path, error) from None

    def _name(self, job: Job) -> str:
        return Path(job.target).relative_to(self.folder).as_posix()

    def has(self, job: Job, source: os.stat_result, options: str) -> bool:
        """Return whether the file of a job exists and was made from the same picture with the same options.

        Parameters
        ----------
        job : Job
            The picture and its file.
        source : os.stat_result
            Size and modification time of the picture now.
        options : str
            Digest of the options.
        """
        entry = self._entries.get(self._name(job))
        if entry is None or entry[:4] != (job.source, source.st_size, source.st_mtime_ns, options):
            return False
        try:
            return os.stat(job.target).st_size == entry.bytes
        except OSError:
            return False

    def add(self, job: Job, written: Written, options: str) -> None:
        """Record that the file of a job was written with options of a digest.

        Raises
        ------
        WriteError
            If the journal cannot be written.
        """
        entry = _Entry(job.source, written.source_size, written.source_mtime_ns, options, written.bytes)
        values = {"output": self._name(job), **entry._asdict(), "j2klearn": __version__}
        self._write(json.dumps(values).encode() + b"\n")
        self._entries[values["output"]] = entry

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # a full disk makes the last flush fail
            self._stream.close()
