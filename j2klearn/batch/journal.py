"""What has been done: one line of JSON for each file that was written, in a file beside them."""

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

#: Its name in the folder of the files.
JOURNAL = "encode-batch.jsonl"


class _Entry(NamedTuple):
    """What a file was made of and how, and its own size."""

    source: str
    size: int
    mtime_ns: int
    options: str
    bytes: int


class Journal:
    """The journal of a folder, locked against other runs as long as it is open.

    A line is added after its file has got its name, so a run that was killed in between codes that picture again. Of
    several lines for one file the last one counts, and a line that is cut off counts for nothing.

    Parameters
    ----------
    folder : Path
        Made if it is not there.

    Raises
    ------
    WriteError
        If nothing can be written there.
    OptionError
        If another run is writing there.
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
        with contextlib.suppress(OSError):  # there are file systems without locks
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
            except (ValueError, KeyError, TypeError):
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
        """Tell whether a file has been made of this picture, as it is now, with these options, and is there."""
        entry = self._entries.get(self._name(job))
        if entry is None or entry[:4] != (job.source, source.st_size, source.st_mtime_ns, options):
            return False
        try:
            return os.stat(job.target).st_size == entry.bytes
        except OSError:
            return False

    def add(self, job: Job, written: Written, options: str) -> None:
        """Take down that a file has been written.

        Raises
        ------
        WriteError
            If that cannot be done.
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
        with contextlib.suppress(OSError):  # of what a full disk has not taken
            self._stream.close()
