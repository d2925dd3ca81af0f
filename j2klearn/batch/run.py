"""Encoding of a collection: `encode_batch`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from stat import S_ISREG
from typing import Any

from ..core.scalars import whole_number
from ..core.threads import default_threads
from ..errors import ClusterError, DiskFullError, OptionError
from ..io.atomic import remove_left_overs
from .jobs import Collection, Job, Place, Sources, find_jobs
from .journal import Journal
from .options import Coding, read_options
from .pool import code_here
from .summary import Failure, Remark, Summary
from .work import Outcome, Written

__all__ = ["encode_batch"]

#: Errors that would occur for every further picture, and stop the run.
_STOPPING = (DiskFullError, ClusterError)


def encode_batch(
    sources: Sources,
    target: Place,
    *,
    processes: int | None = None,
    scheduler: str | None = None,
    root: Place | None = None,
    keep_suffix: bool = False,
    force: bool = False,
    progress: Callable[[Summary], object] | None = None,
    **options: Any,
) -> Summary:
    """Encode a collection of picture files as JP2 files that keep their metadata.

    A picture is skipped if an earlier run wrote its file with the same options from a picture of the same path, size
    and modification time, and the file still exists. No partial file remains, however a run ends.

    Processes are spawned, so a script has to call this function below ``if __name__ == "__main__":``.

    Parameters
    ----------
    sources : path, or iterable of paths
        A folder, which is searched with its subfolders; a text file with one path per line; or the paths themselves.
    target : path
        Folder for the JP2 files, created if it does not exist. The file ``encode-batch.jsonl`` in it records the files
        written.
    processes : int, optional
        Number of worker processes on this machine, with one thread each. Default: one per processor.
    scheduler : str, optional
        Address of a Dask scheduler (``tcp://host:8786``) whose workers encode the pictures, instead of processes on
        this machine. They need the same version of j2klearn, and `sources` and `target` at the same paths.
    root : path, optional
        Folder below which pictures of a list keep their subfolders; other pictures keep only their name. Default: the
        current folder.
    keep_suffix : bool
        Name files ``photo.tif.jp2`` rather than ``photo.jp2``.
    force : bool
        Encode all pictures again.
    progress : callable, optional
        Called with the `Summary` so far after each picture.
    **options
        Keyword arguments of `j2klearn.encode`, except `jp2` and `threads`.

    Returns
    -------
    Summary
        The numbers of pictures written and skipped, the failures, and the warnings. A picture that cannot be read or
        encoded does not stop the others.

    Raises
    ------
    InputError
        If there is no such folder or list, or an argument is no path.
    OptionError
        If options contradict each other, two pictures would be written to the same file, or there are no pictures.
    DiskFullError
        If the disk is full.
    ClusterError
        If the cluster cannot be reached, or its workers cannot encode.
    J2KError
        If worker processes cannot be started.

    Notes
    -----
    The files written before an error stay, and the next run continues from there.
    """
    if processes is not None:
        processes = whole_number("processes", processes, 1)
        if scheduler is not None:
            raise OptionError("a scheduler has its own workers: leave out processes")
    coding = read_options(options)
    found = find_jobs(sources, target, root=root, keep_suffix=keep_suffix)
    with Journal(Path(os.path.abspath(os.fsdecode(target)))) as journal:
        run = _Run(found, coding, journal, force=force, progress=progress)
        if scheduler is None:
            outcomes = code_here(run.jobs(), coding.options, processes or default_threads())
        else:
            from .cluster import code_there

            outcomes = code_there(run.jobs(), coding.options, scheduler, journal.folder)
        with closing(outcomes):  # closing ends the workers
            for outcome in outcomes:
                run.take(outcome)
        if scheduler is not None:
            run.remove_left_overs()  # of workers that were lost; the others have written their pictures
        return run.summary


class _Run:
    """A run: yields the jobs that remain, records their outcomes, and keeps the summary."""

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
        """Yield the jobs that remain; each picture is inspected only when its job is requested."""
        self.remove_left_overs()
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
                self._report()
            else:
                yield job

    def remove_left_overs(self) -> None:
        """Remove the temporary files that killed processes left."""
        remove_left_overs(Path(job.target) for job in self._jobs)

    def take(self, outcome: Outcome) -> None:
        """Record the outcome of a job.

        Raises
        ------
        DiskFullError, ClusterError
            If the outcome is an error that stops the run.
        """
        result = outcome.result
        self.summary.remarks += [Remark(Path(outcome.job.source), text) for text in outcome.remarks]
        if isinstance(result, Written):
            self._journal.add(outcome.job, result, self._coding.digest)
            self.summary.written += 1
            self.summary.pixels += result.pixels
            self.summary.bytes += result.bytes
            self._report()
        elif isinstance(result, _STOPPING):
            raise result
        else:
            self._failed(outcome.job, str(result))

    def _failed(self, job: Job, reason: str) -> None:
        self.summary.failures.append(Failure(Path(job.source), reason))
        self._report()

    def _report(self) -> None:
        self.summary.seconds = time.perf_counter() - self._start
        if self._progress is not None:
            self._progress(self.summary)
