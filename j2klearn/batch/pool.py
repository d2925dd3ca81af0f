"""Worker processes of this machine, one thread each.

Not `concurrent.futures`: when one of its processes dies, it says neither which, nor on what, and gives up the others.
Here every process has a pipe and one job at a time.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path

from ..api.options import EncodeOptions
from ..errors import J2KError
from ..io.atomic import remove_left_overs
from .jobs import Job
from .work import Outcome, code_picture, use_one_thread

__all__ = ["code_here"]


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _serve(pipe: Connection, options: EncodeOptions) -> None:
    """Code what comes through the pipe until it closes: all that a worker process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes, but the parent sees to it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = "1"
    use_one_thread()
    try:
        pipe.send(None)
        while True:
            pipe.send(code_picture(pipe.recv(), options))
    except (EOFError, OSError):
        return


def _cannot_start(error: OSError) -> J2KError:
    return J2KError(f"a worker process cannot be started: {error.strerror or error}")


class _Worker:
    """A process, the job that it has, and whether it has come up."""

    def __init__(self, options: EncodeOptions) -> None:
        # spawned, not forked: PyTorch's threads do not survive a fork
        context = multiprocessing.get_context("spawn")
        try:
            self.pipe, theirs = context.Pipe()
        except OSError as error:
            raise _cannot_start(error) from None
        self.process = context.Process(target=_serve, args=(theirs, options), daemon=True)
        # the process has to be spared Ctrl-C from its first moment on, and inherits the mask
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            self.process.start()
        except OSError as error:
            self.pipe.close()
            raise _cannot_start(error) from None
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            theirs.close()
        self.job: Job | None = None
        self.up = False

    def give(self, job: Job) -> None:
        self.job = job
        with contextlib.suppress(OSError):  # it has died, which is found when its answer is waited for
            self.pipe.send(job)

    def answer(self) -> Outcome | None:
        """Return what came of the job, None if nothing has yet.

        Raises
        ------
        EOFError
            If the process has died.
        """
        try:
            outcome: Outcome | None = self.pipe.recv()
        except OSError as error:
            raise EOFError from error
        self.up = True
        if outcome is not None:
            self.job = None
        return outcome

    def end(self) -> int:
        """End the process, remove what it leaves, and return its exit code, which is negative for a signal."""
        self.process.kill()
        self.process.join()
        code = self.process.exitcode or 0
        self.process.close()
        self.pipe.close()
        if self.job is not None:
            remove_left_overs([Path(self.job.target)])
        return code


class _Line:
    """Jobs in their order; what killed a process comes last, and alone, for want of memory may have been why."""

    def __init__(self, jobs: Iterator[Job]) -> None:
        self._jobs = jobs
        self._again: deque[Job] = deque()
        self._tried: set[Job] = set()

    def next(self, *, alone: bool) -> Job | None:
        job = next(self._jobs, None)
        return self._again.popleft() if job is None and alone and self._again else job

    def back(self, job: Job) -> bool:
        """Put a job back, once; tell whether it will be tried again."""
        if job in self._tried:
            return False
        self._tried.add(job)
        self._again.append(job)
        return True


def code_here(jobs: Iterator[Job], options: EncodeOptions, processes: int) -> Generator[Outcome, None, None]:
    """Yield what comes of jobs, in the order in which they end.

    Parameters
    ----------
    jobs : iterator of Job
        Read as far ahead as there are processes.
    options : EncodeOptions
        How pictures are coded.
    processes : int
        How many; no more are started than there are jobs.

    Raises
    ------
    J2KError
        If processes cannot be started.
    """
    line = _Line(jobs)
    idle: list[_Worker] = []
    busy: dict[Connection, _Worker] = {}
    try:
        while True:
            while len(busy) < processes and (job := line.next(alone=not busy)) is not None:
                worker = idle.pop() if idle else _Worker(options)
                busy[worker.pipe] = worker
                worker.give(job)
            if not busy:
                return
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                try:
                    outcome = worker.answer()
                except EOFError:
                    del busy[worker.pipe]
                    outcome = _buried(worker, line)
                else:
                    if outcome is not None:
                        idle.append(busy.pop(worker.pipe))
                if outcome is not None:
                    yield outcome
    finally:
        for worker in (*idle, *busy.values()):
            worker.end()


def _buried(worker: _Worker, line: _Line) -> Outcome | None:
    """See to what a process that died was doing; return its outcome, unless it will be tried again."""
    code = worker.end()
    how = f"signal {-code}" if code < 0 else f"exit status {code}"
    if not worker.up and code >= 0:  # who is killed may as well have been about to begin
        raise J2KError(f"a worker process ended before it began ({how}): what it said is above")
    job = worker.job
    if job is None or line.back(job):
        return None
    return Outcome(
        job, J2KError(f"a worker process was killed by it twice ({how}), for want of memory perhaps")
    )
