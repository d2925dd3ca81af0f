"""Encoding by the workers of a Dask cluster."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import queue
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .._version import __version__
from ..api.options import EncodeOptions
from ..errors import ClusterError, J2KError, OptionError
from ..io.atomic import cannot_write
from .jobs import Job
from .work import Outcome, code_picture, use_one_thread

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["code_there"]

T = TypeVar("T")

#: Seconds to wait for an answer of the scheduler.
_ANSWER_TIMEOUT = 10.0

#: Seconds to wait for a worker while the cluster has none.
_WORKERS_TIMEOUT = 30.0

#: Seconds between two requests for the list of workers.
_POLL_INTERVAL = 2.0

#: Jobs submitted to the scheduler per thread of a worker, so that no thread waits for its next job.
_JOBS_PER_THREAD = 2

#: Name of the file by which workers recognise the target folder.
_SEAL = ".encode-batch-*.seal"


def _shares_folder(seal: Path) -> bool:
    """Return whether the folder of the seal is that of the run, and not another one of the same name."""
    try:
        return seal.read_text() == seal.name
    except OSError:
        return False


def _probe_worker(seal: Path, source: str) -> dict[str, Any]:
    """Return, on a worker, its version of j2klearn and which files it can access."""
    return {
        "version": __version__,
        "target": _shares_folder(seal),
        "writes": os.access(seal.parent, os.W_OK),
        "source": os.access(source, os.R_OK),
    }


def _code_there(job: Job, options: EncodeOptions, seal: Path) -> Outcome:
    """Encode one picture on a worker, or return a `ClusterError` if its target folder is not that of the run."""
    if not _shares_folder(seal):  # a worker that joined later was not probed
        return Outcome(job, ClusterError(f"a worker does not see {seal.parent}: {_SHARED}"))
    use_one_thread()
    return code_picture(job, options)


_SHARED = "all workers need a file system that they share with this machine, at the same paths"


@contextlib.contextmanager
def _sealed(folder: Path) -> Iterator[Path]:
    """Keep a file with a unique name in the folder during the run, by which workers recognise the folder."""
    for left_over in folder.glob(_SEAL):
        left_over.unlink(missing_ok=True)
    seal = folder / _SEAL.replace("*", uuid.uuid4().hex)
    try:
        try:
            seal.write_text(seal.name)
        except OSError as error:
            raise cannot_write(seal, error) from None
        yield seal
    finally:
        seal.unlink(missing_ok=True)


def _with_timeout(seconds: float, call: Callable[[], T]) -> T:
    """Return what a call returns; raise `TimeoutError` if it takes longer, since calls of Dask may block for ever."""
    answer: queue.SimpleQueue[tuple[T, None] | tuple[None, BaseException]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put((call(), None))
        except BaseException as error:
            answer.put((None, error))

    threading.Thread(target=ask, daemon=True).start()
    try:
        value, error = answer.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]


async def _identity(address: str) -> str:
    """Return the type of the Dask server at an address, ``"Scheduler"`` for example."""
    from distributed import Security, rpc

    arguments = Security().get_connection_args("client")
    async with rpc(address, timeout=_ANSWER_TIMEOUT, connection_args=arguments) as server:
        return str((await asyncio.wait_for(server.identity(), _ANSWER_TIMEOUT))["type"])


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Client]:
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise OptionError(f"a cluster needs {error.name}: pip install 'j2klearn[cluster]'") from None
    log = logging.getLogger("distributed.client")
    level = log.level
    log.setLevel(logging.CRITICAL)  # this module raises errors instead
    try:
        # A client would wait for ever for a server that accepts the connection but does not answer.
        kind = _with_timeout(2 * _ANSWER_TIMEOUT, lambda: asyncio.run(_identity(address)))
        if kind != "Scheduler":
            raise OptionError(f"there is a {kind} at {address}, not a Dask scheduler")
        client = Client(address, timeout=_ANSWER_TIMEOUT, set_as_default=False)
    except (OSError, EOFError):
        raise ClusterError(f"no Dask scheduler answers at {address} within {_ANSWER_TIMEOUT:g} s") from None
    except OptionError:
        raise
    except ImportError as error:
        raise ClusterError(
            f"the scheduler at {address} runs an incompatible version of Dask: {error}"
        ) from None
    except (ValueError, TypeError) as error:
        raise OptionError(f"{address!r} is not an address like tcp://host:8786: {error}") from None
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):  # the caller gets the error that ended the run
            _with_timeout(_ANSWER_TIMEOUT, lambda: client.close(timeout=_POLL_INTERVAL))
        log.setLevel(level)


def _wait_for_workers(client: Client, address: str) -> None:
    try:
        _with_timeout(
            _WORKERS_TIMEOUT + _ANSWER_TIMEOUT, lambda: client.wait_for_workers(1, timeout=_WORKERS_TIMEOUT)
        )
    except TimeoutError:
        raise ClusterError(
            f"the Dask scheduler at {address} has no workers: start some with 'dask worker {address} --nthreads 1'"
        ) from None


def _check_workers(client: Client, seal: Path, source: str) -> None:
    """Check that every worker can encode.

    Raises
    ------
    ClusterError
        If a worker does not answer, has another version of j2klearn, or cannot access the files.
    """
    try:
        answers = _with_timeout(
            _WORKERS_TIMEOUT, lambda: client.run(_probe_worker, seal, source, on_error="return")
        )
    except TimeoutError:
        raise ClusterError(
            f"not all workers of the Dask cluster answer within {_WORKERS_TIMEOUT:g} s"
        ) from None
    for worker, seen in answers.items():
        if not isinstance(seen, dict):
            raise ClusterError(
                f"the worker at {worker} cannot run j2klearn {__version__}: install that version there ({seen})"
            )
        if seen["version"] != __version__:
            raise ClusterError(
                f"the worker at {worker} has j2klearn {seen['version']}, and this machine has {__version__}: install "
                "the same version on both"
            )
        if not seen["target"]:
            raise ClusterError(f"the worker at {worker} does not see {seal.parent}: {_SHARED}")
        if not seen["writes"]:
            raise ClusterError(f"the worker at {worker} may not write into {seal.parent}")
        if not seen["source"]:
            raise ClusterError(f"the worker at {worker} cannot read {source}: {_SHARED}")


class _Window:
    """The jobs that are submitted to the scheduler: enough to keep its workers busy, but never all jobs.

    Parameters
    ----------
    client : Client
        Connection to the scheduler.
    address : str
        Address of the scheduler, for messages.
    options : EncodeOptions
        How to encode the pictures.
    seal : Path
        The file made by `_sealed`.
    """

    def __init__(self, client: Client, address: str, options: EncodeOptions, seal: Path) -> None:
        self._client, self._address = client, address
        self._options, self._seal = options, seal
        self._finished: queue.SimpleQueue[Future[Outcome]] = queue.SimpleQueue()
        self._count = itertools.count()
        self._polled = self._had_workers = time.monotonic()
        self._capacity = 1
        self.jobs: dict[str, tuple[Job, Future[Outcome]]] = {}
        self._poll()

    def fill(self, jobs: Iterator[Job]) -> None:
        """Submit jobs up to the capacity of the cluster."""
        if time.monotonic() - self._polled > _POLL_INTERVAL:
            self._poll()
        for job in itertools.islice(jobs, max(0, self._capacity - len(self.jobs))):
            # Unique among all runs, and kept by a task that moves to another worker.
            key = f"j2klearn{self._seal.stem}-{next(self._count)}"
            future = self._client.submit(_code_there, job, self._options, self._seal, key=key, pure=False)
            self.jobs[key] = job, future
            future.add_done_callback(self._finished.put)

    def next(self) -> Outcome | None:
        """Return the next outcome; None if none arrives within `_POLL_INTERVAL`."""
        try:
            future = self._finished.get(timeout=_POLL_INTERVAL)
        except queue.Empty:
            return None
        key = str(future.key)
        job, _ = self.jobs[key]
        outcome = self._outcome(job, future)
        if outcome is not None:
            # the scheduler frees the result with the last reference to its future
            del self.jobs[key]
        return outcome

    def _outcome(self, job: Job, future: Future[Outcome]) -> Outcome | None:
        from distributed import CancelledError, KilledWorker

        try:
            return future.result(timeout=_POLL_INTERVAL)
        except TimeoutError:
            # the worker was lost with the result, and another one repeats the job
            future.add_done_callback(self._finished.put)
            return None
        except CancelledError:
            raise ClusterError(
                f"the connection to the Dask scheduler at {self._address} was lost, or its tasks were cancelled"
            ) from None
        except KilledWorker:
            return Outcome(
                job, J2KError("several workers died while they encoded it, perhaps because memory ran out")
            )
        except Exception as error:  # raised by Dask: code_picture raises no error
            return Outcome(job, J2KError(f"Dask could not run the job: {error}"))

    def _poll(self) -> None:
        """Update the capacity from the number of workers.

        Raises
        ------
        ClusterError
            If the scheduler does not answer, or has had no workers for `_WORKERS_TIMEOUT`.
        """
        self._polled = time.monotonic()
        try:
            threads = sum(_with_timeout(_ANSWER_TIMEOUT, self._client.nthreads).values())
        except (OSError, RuntimeError):  # RuntimeError: the client has closed itself
            raise ClusterError(f"the Dask scheduler at {self._address} no longer answers") from None
        if threads:
            self._had_workers = self._polled
        elif self._polled - self._had_workers > _WORKERS_TIMEOUT:
            raise ClusterError(f"the Dask scheduler at {self._address} has lost all its workers")
        self._capacity = max(1, _JOBS_PER_THREAD * threads)

    def drop(self) -> None:
        """Cancel all submitted jobs."""
        if self.jobs:
            futures = [future for _, future in self.jobs.values()]
            with contextlib.suppress(Exception):  # the caller gets the error that ended the run
                _with_timeout(_ANSWER_TIMEOUT, lambda: self._client.cancel(futures, force=True))


def code_there(
    jobs: Iterator[Job], options: EncodeOptions, address: str, folder: Path
) -> Generator[Outcome, None, None]:
    """Encode pictures on a cluster; yield the outcomes in the order in which the jobs end.

    If a worker is lost, Dask gives its jobs to the others. Two workers may then encode the same picture and write the
    same file; each write is atomic, and the outcome is yielded once.

    Parameters
    ----------
    jobs : iterator of Job
        Jobs, read no further ahead than the cluster has capacity for.
    options : EncodeOptions
        How to encode the pictures.
    address : str
        Address of the scheduler, ``tcp://host:8786`` for example.
    folder : Path
        Folder of all targets.

    Raises
    ------
    OptionError
        If the address is invalid or not that of a scheduler, or if Dask is not installed.
    ClusterError
        If the scheduler does not answer or is lost, if it has no workers, or if a worker has another version of
        j2klearn or cannot access the files.
    """
    first = next(jobs, None)
    if first is None:
        return
    jobs = itertools.chain([first], jobs)
    with _sealed(folder) as seal, _connected(address) as client:
        _wait_for_workers(client, address)
        _check_workers(client, seal, first.source)
        window = _Window(client, address, options, seal)
        try:
            while True:
                window.fill(jobs)
                if not window.jobs:
                    return
                outcome = window.next()
                if outcome is not None:
                    yield outcome
        finally:
            window.drop()
