"""Workers of a Dask cluster."""

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

#: Seconds after which a scheduler that does not answer is given up.
_ANSWER = 10.0

#: Seconds after which a cluster without any worker is given up.
_WORKERS = 30.0

#: Seconds between two looks at which workers there are.
_LOOK = 2.0

#: Jobs in the scheduler's hands for each thread of a worker, so that none waits for the next.
_AHEAD = 2

_SEAL = ".encode-batch-*.seal"


def _sees(seal: Path) -> bool:
    """Tell whether this process sees the folder that the run writes into, and not another one of the same name."""
    try:
        return seal.read_text() == seal.name
    except OSError:
        return False


def _look_around(seal: Path, source: str) -> dict[str, Any]:
    """Tell what a worker has and sees."""
    return {
        "version": __version__,
        "target": _sees(seal),
        "writes": os.access(seal.parent, os.W_OK),
        "source": os.access(source, os.R_OK),
    }


def _code_there(job: Job, options: EncodeOptions, seal: Path) -> Outcome:
    """Code one picture on a worker, unless what it writes would be lost there."""
    if not _sees(seal):  # a worker that has come later has not been looked at
        return Outcome(job, ClusterError(f"a worker does not see {seal.parent}: {_SHARED}"))
    use_one_thread()
    return code_picture(job, options)


_SHARED = "all workers need a file system that they share with this machine, at the same paths"


@contextlib.contextmanager
def _sealed(folder: Path) -> Iterator[Path]:
    """Put a file of a unique name into the folder as long as the run lasts, by which workers recognise it."""
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


def _within(seconds: float, call: Callable[[], T]) -> T:
    """Return what a call returns, or raise `TimeoutError` if it takes too long; Dask's own calls may wait for ever."""
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
    """Return what kind of server there is."""
    from distributed import Security, rpc

    arguments = Security().get_connection_args("client")
    async with rpc(address, timeout=_ANSWER, connection_args=arguments) as server:
        return str((await asyncio.wait_for(server.identity(), _ANSWER))["type"])


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Client]:
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise OptionError(f"a cluster needs {error.name}: pip install 'j2klearn[cluster]'") from None
    log = logging.getLogger("distributed.client")
    level = log.level
    log.setLevel(logging.CRITICAL)  # what it has to say is said by errors
    try:
        # A client would wait for ever for a server that takes the connection and says nothing.
        kind = _within(2 * _ANSWER, lambda: asyncio.run(_identity(address)))
        if kind != "Scheduler":
            raise OptionError(f"there is a {kind} at {address}, and not a Dask scheduler")
        client = Client(address, timeout=_ANSWER, set_as_default=False)
    except (OSError, EOFError):
        raise ClusterError(f"no Dask scheduler answers at {address} within {_ANSWER:g} s") from None
    except OptionError:
        raise
    except ImportError as error:
        raise ClusterError(f"Dask is of another version at {address}: {error}") from None
    except (ValueError, TypeError) as error:
        raise OptionError(f"{address!r} is not an address like tcp://host:8786: {error}") from None
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):  # what has gone wrong is on its way to the caller
            _within(_ANSWER, lambda: client.close(timeout=_LOOK))
        log.setLevel(level)


def _wait_for_workers(client: Client, address: str) -> None:
    try:
        _within(_WORKERS + _ANSWER, lambda: client.wait_for_workers(1, timeout=_WORKERS))
    except TimeoutError:
        raise ClusterError(
            f"the Dask scheduler at {address} has no workers: start some with 'dask worker {address} --nthreads 1'"
        ) from None


def _check_workers(client: Client, seal: Path, source: str) -> None:
    """Raise an error if a worker cannot do the work."""
    try:
        answers = _within(_WORKERS, lambda: client.run(_look_around, seal, source, on_error="return"))
    except TimeoutError:
        raise ClusterError(f"not all workers of the Dask cluster answer within {_WORKERS:g} s") from None
    for worker, seen in answers.items():
        if not isinstance(seen, dict):
            raise ClusterError(
                f"the worker at {worker} cannot run j2klearn {__version__}: install that version there ({seen})"
            )
        if seen["version"] != __version__:
            raise ClusterError(
                f"the worker at {worker} has j2klearn {seen['version']}, and this is {__version__}: install one version"
            )
        if not seen["target"]:
            raise ClusterError(f"the worker at {worker} does not see {seal.parent}: {_SHARED}")
        if not seen["writes"]:
            raise ClusterError(f"the worker at {worker} may not write into {seal.parent}")
        if not seen["source"]:
            raise ClusterError(f"the worker at {worker} cannot read {source}: {_SHARED}")


class _Window:
    """The jobs that are in the scheduler's hands: enough for its workers, and never all.

    Parameters
    ----------
    client : Client
        Connection to the scheduler.
    address : str
        What to call it.
    options : EncodeOptions
        How pictures are coded.
    seal : Path
        As for `_sees`.
    """

    def __init__(self, client: Client, address: str, options: EncodeOptions, seal: Path) -> None:
        self._client, self._address = client, address
        self._options, self._seal = options, seal
        self._finished: queue.SimpleQueue[Future[Outcome]] = queue.SimpleQueue()
        self._count = itertools.count()
        self._looked = self._manned = time.monotonic()
        self._room = 1
        self.jobs: dict[str, tuple[Job, Future[Outcome]]] = {}
        self._look()

    def fill(self, jobs: Iterator[Job]) -> None:
        """Hand over as many jobs as there is room for."""
        if time.monotonic() - self._looked > _LOOK:
            self._look()
        for job in itertools.islice(jobs, max(0, self._room - len(self.jobs))):
            # A key of its own: a task that is moved to another worker keeps it, and no result of another run has it.
            key = f"j2klearn{self._seal.stem}-{next(self._count)}"
            future = self._client.submit(_code_there, job, self._options, self._seal, key=key, pure=False)
            self.jobs[key] = job, future
            future.add_done_callback(self._finished.put)

    def next(self) -> Outcome | None:
        """Wait a little while for an outcome."""
        try:
            future = self._finished.get(timeout=_LOOK)
        except queue.Empty:
            return None
        key = str(future.key)
        job, _ = self.jobs[key]
        outcome = self._outcome(job, future)
        if outcome is not None:
            # with the last reference to the future, the scheduler forgets the result
            del self.jobs[key]
        return outcome

    def _outcome(self, job: Job, future: Future[Outcome]) -> Outcome | None:
        from distributed import CancelledError, KilledWorker

        try:
            return future.result(timeout=_LOOK)
        except TimeoutError:
            # its worker was lost with the result, and another one is doing it again
            future.add_done_callback(self._finished.put)
            return None
        except CancelledError:
            raise ClusterError(
                f"the connection to the Dask scheduler at {self._address} is lost, or its tasks were cancelled"
            ) from None
        except KilledWorker:
            return Outcome(job, J2KError("worker after worker was lost on it, for want of memory perhaps"))
        except Exception as error:  # of Dask: code_picture raises none
            return Outcome(job, J2KError(f"Dask could not do it: {error}"))

    def _look(self) -> None:
        """See which workers there are."""
        self._looked = time.monotonic()
        try:
            threads = sum(_within(_ANSWER, self._client.nthreads).values())
        except (OSError, RuntimeError):  # RuntimeError: the client has closed itself
            raise ClusterError(f"the Dask scheduler at {self._address} does not answer any more") from None
        if threads:
            self._manned = self._looked
        elif self._looked - self._manned > _WORKERS:
            raise ClusterError(f"the Dask scheduler at {self._address} has lost all its workers")
        self._room = max(1, _AHEAD * threads)

    def drop(self) -> None:
        """Take back what has not been begun."""
        if self.jobs:
            futures = [future for _, future in self.jobs.values()]
            with contextlib.suppress(Exception):  # what has gone wrong is on its way to the caller
                _within(_ANSWER, lambda: self._client.cancel(futures, force=True))


def code_there(
    jobs: Iterator[Job], options: EncodeOptions, address: str, folder: Path
) -> Generator[Outcome, None, None]:
    """Yield what comes of jobs, in the order in which they end.

    A worker that is lost does not matter as long as others are left: Dask gives its tasks to them. A picture may then
    be coded by two workers, and its file be put into its place twice, whole each time and the same; its outcome comes
    once.

    Parameters
    ----------
    jobs : iterator of Job
        Read as far ahead as the cluster has room for.
    options : EncodeOptions
        How pictures are coded.
    address : str
        Address of the scheduler.
    folder : Path
        Where all targets are.

    Raises
    ------
    OptionError
        If the address is not one, or Dask is not installed.
    ClusterError
        If the scheduler does not answer or goes away, if there are no workers, or if they do not have this version of
        j2klearn or do not see the files.
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
