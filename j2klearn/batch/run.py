"""A collection from beginning to end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from stat import S_ISREG
from typing import Any

from ..core.threads import default_threads
from ..errors import ClusterError, DiskFullError, OptionError
from ..io.atomic import remove_left_overs
from .jobs import Collection, Job, Sources, find_jobs
from .journal import Journal
from .options import Coding, read_options
from .pool import code_here
from .summary import Failure, Summary
from .work import Outcome, Written

__all__ = ["encode_batch"]

#: What goes wrong with all pictures once it goes wrong with one.
_STOPPING = (DiskFullError, ClusterError)


def encode_batch(
    sources: Sources,
    target: str | os.PathLike[str],
    *,
    processes: int | None = None,
    scheduler: str | None = None,
    root: str | os.PathLike[str] | None = None,
    keep_suffix: bool = False,
    force: bool = False,
    progress: Callable[[Summary], object] | None = None,
    **options: Any,
) -> Summary:
    """Code a collection of picture files into JP2 files that keep their metadata.

    What an earlier run has done is skipped: pictures whose file is there, made by `encode_batch` with the same options
    of the same path, size and time of modification. Files are there whole or not at all, however a run ends.

    Processes are spawned: a script that calls this at its top level does so below ``if __name__ == "__main__":``.

    Parameters
    ----------
    sources : path, or iterable of paths
        A folder, with all that is below it; a text file of paths, one a line; or the paths themselves.
    target : path
        Folder for the files, made if it is not there. ``encode-batch.jsonl`` in it says what has been done.
    processes : int, optional
        Worker processes of this machine, one thread each; as many as processors if not given.
    scheduler : str, optional
        Address of a Dask scheduler (``tcp://host:8786``) whose workers do the work in the place of processes of this
        machine. They need this version of j2klearn, and `sources` and `target` at the same paths.
    root : path, optional
        Pictures of a list keep the folders that they have below this one (if not given, the current folder); those from
        elsewhere keep their name alone.
    keep_suffix : bool
        Call files ``photo.tif.jp2``, not ``photo.jp2``.
    force : bool
        Code again what has been done.
    progress : callable, optional
        Called with the summary so far whenever a picture is done.
    **options
        Keyword arguments of `j2klearn.encode`.

    Returns
    -------
    Summary
        What was written, skipped and could not be coded: pictures that cannot be read or coded do not stop the others.

    Raises
    ------
    InputError
        If there is no such folder or list.
    OptionError
        If options contradict each other, two pictures would become one file, or there are none.
    DiskFullError
        If there is no room for more files.
    ClusterError
        If the cluster cannot be reached, or its workers cannot do the work.
    J2KError
        If worker processes cannot be started. What was written before an error stays, and the next run goes on from
        there.
    """
    if processes is not None and (not isinstance(processes, int) or processes < 1):
        raise OptionError(f"the number of processes is at least 1, not {processes!r}")
    if processes is not None and scheduler is not None:
        raise OptionError("a scheduler has its own workers: leave out the number of processes")
    coding = read_options(options)
    found = find_jobs(sources, target, root=root, keep_suffix=keep_suffix)
    with Journal(Path(os.path.abspath(target))) as journal:
        run = _Run(found, coding, journal, force=force, progress=progress)
        if scheduler is None:
            outcomes = code_here(run.jobs(), coding.options, processes or default_threads())
        else:
            from .cluster import code_there

            outcomes = code_there(run.jobs(), coding.options, scheduler, journal.folder)
        with closing(outcomes):  # which ends the workers, however this ends
            for outcome in outcomes:
                run.take(outcome)
        return run.summary


class _Run:
    """The jobs that are left, and the summary of what becomes of them."""

    def __init__(
        self,
        found: Collection,
        coding: Coding,
        journal: Journal,
        *,
        force: bool,
        progress: Callable[[Summary], object] | None,
    ) -> None:
        self._jobs, self._coding, self._journal, self._force = found.jobs, coding, journal, force
        self._progress = progress
        self._start = time.perf_counter()
        self.summary = Summary(len(found.jobs) + len(found.failures), failures=found.failures)

    def jobs(self) -> Iterator[Job]:
        """Yield what has not been done; nothing is looked at before it is needed."""
        remove_left_overs(Path(job.target) for job in self._jobs)
        for job in self._jobs:
            try:
                source = os.stat(job.source)
            except OSError as error:
                self._failed(job, f"cannot read it: {error.strerror}")
                continue
            if not S_ISREG(source.st_mode):
                self._failed(job, "it is not a file")
            elif not self._force and self._journal.has(job, source, self._coding.digest):
                self.summary.skipped += 1
                self._tell()
            else:
                yield job

    def take(self, outcome: Outcome) -> None:
        """Take down what came of a job.

        Raises
        ------
        DiskFullError, ClusterError
            If that stops the run.
        """
        result = outcome.result
        if isinstance(result, Written):
            self._journal.add(outcome.job, result, self._coding.digest)
            self.summary.written += 1
            self.summary.pixels += result.pixels
            self.summary.bytes += result.bytes
            self._tell()
        elif isinstance(result, _STOPPING):
            raise result
        else:
            self._failed(outcome.job, str(result))

    def _failed(self, job: Job, reason: str) -> None:
        self.summary.failures.append(Failure(Path(job.source), reason))
        self._tell()

    def _tell(self) -> None:
        self.summary.seconds = time.perf_counter() - self._start
        if self._progress is not None:
            self._progress(self.summary)
