"""Encoding by worker processes on this machine, with one thread each.

`concurrent.futures` is not used: when one of its processes dies, it reports neither the process nor its job, and fails
all other jobs. Here each process has a pipe and one job at a time.
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
    """Run a worker process: encode the jobs that arrive through the pipe until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the parent handles it
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
    """A worker process, its current job, and whether it has started to serve."""

    def __init__(self, options: EncodeOptions) -> None:
        # spawned, not forked: PyTorch's threads do not survive a fork
        context = multiprocessing.get_context("spawn")
        try:
            self.pipe, theirs = context.Pipe()
        except OSError as error:
            raise _cannot_start(error) from None
        self.process = context.Process(target=_serve, args=(theirs, options), daemon=True)
        # Ctrl-C must not reach the process before it ignores the signal: it inherits the mask
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
        self.started = False

    def give(self, job: Job) -> None:
        """Send a job to the process."""
        self.job = job
        with contextlib.suppress(OSError):  # it has died, which `answer` finds
            self.pipe.send(job)

    def answer(self) -> Outcome | None:
        """Return the outcome of the job; None if the process has only reported that it started.

        Raises
        ------
        EOFError
            If the process has died.
        """
        try:
            outcome: Outcome | None = self.pipe.recv()
        except OSError as error:
            raise EOFError from error
        self.started = True
        if outcome is not None:
            self.job = None
        return outcome

    def end(self) -> int:
        """Kill the process, remove its partial files, and return its exit code, which is negative for a signal."""
        self.process.kill()
        self.process.join()
        code = self.process.exitcode or 0
        self.process.close()
        self.pipe.close()
        if self.job is not None:
            remove_left_overs([Path(self.job.target)])
        return code


class _Queue:
    """Jobs in order. A job that killed a process is tried again last and alone, since memory may have run out."""

    def __init__(self, jobs: Iterator[Job]) -> None:
        self._jobs = jobs
        self._again: deque[Job] = deque()
        self._tried: set[Job] = set()

    def next(self, *, alone: bool) -> Job | None:
        """Return the next job; one that killed a process only if no other job is running (`alone`)."""
        job = next(self._jobs, None)
        return self._again.popleft() if job is None and alone and self._again else job

    def put_back(self, job: Job) -> bool:
        """Queue a job again, at most once; return whether it will be tried again."""
        if job in self._tried:
            return False
        self._tried.add(job)
        self._again.append(job)
        return True


def code_here(jobs: Iterator[Job], options: EncodeOptions, processes: int) -> Generator[Outcome, None, None]:
    """Encode pictures with processes; yield the outcomes in the order in which the jobs end.

    Parameters
    ----------
    jobs : iterator of Job
        Jobs, read no further ahead than there are processes.
    options : EncodeOptions
        How to encode the pictures.
    processes : int
        Number of processes, at least 1; no more are started than there are jobs.

    Raises
    ------
    J2KError
        If a process cannot be started.
    """
    queue = _Queue(jobs)
    idle: list[_Worker] = []
    busy: dict[Connection, _Worker] = {}
    try:
        while True:
            while len(busy) < processes and (job := queue.next(alone=not busy)) is not None:
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
                    outcome = _handle_death(worker, queue)
                else:
                    if outcome is not None:
                        idle.append(busy.pop(worker.pipe))
                if outcome is not None:
                    yield outcome
    finally:
        for worker in (*idle, *busy.values()):
            worker.end()


def _handle_death(worker: _Worker, queue: _Queue) -> Outcome | None:
    """Handle the job of a process that died; return its outcome, or None if it will be tried again.

    Raises
    ------
    J2KError
        If the process exited before it started to serve.
    """
    code = worker.end()
    how = f"signal {-code}" if code < 0 else f"exit status {code}"
    if not worker.started and code >= 0:  # a process that was killed may have been about to start
        raise J2KError(f"a worker process ended before it began ({how}): see its error message above")
    job = worker.job
    if job is None or queue.put_back(job):
        return None
    return Outcome(
        job, J2KError(f"a worker process died on it twice ({how}), perhaps because memory ran out")
    )
