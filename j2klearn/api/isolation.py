"""`decode` in a child process with limits of memory and time, for files that nobody trusts.

The child is a new Python process, not a fork: threads of the caller do not matter. Samples come back through a pipe, as
they are in memory, and are checked like everything that the child says: a file that takes over the child gets no
further than wrong samples and wrong texts.
"""

from __future__ import annotations

import contextlib
import json
import math
import operator
import os
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .. import errors
from ..core.process_limits import Isolation
from ..core.progress import Progress, silent
from ..core.warning import warn_caller
from ..errors import IsolationError, J2KError, J2KWarning, OptionError
from ..io.sources import Source, open_source

__all__ = ["LENGTH", "child_command", "child_environment", "decode_isolated", "how_it_ended"]

#: The length before a message.
LENGTH = struct.Struct(">I")

#: Limit of a message of the child, samples not counted.
_MOST_MESSAGE_BYTES = 1 << 20

#: The types of samples that `decode` returns.
_DTYPES = {"uint8", "int8", "uint16", "int16", "int32"}


def decode_isolated(
    data: Source,
    limits: Isolation,
    *,
    storage_options: dict[str, Any] | None,
    progress: Progress | None,
    **options: Any,
) -> NDArray[Any] | list[NDArray[Any]]:
    """Decode a file in a child process.

    Parameters
    ----------
    data : bytes, path, binary file object or URL
        The file. The child opens a file on disk itself. All else is read here, as a whole, and sent to it.
    limits : Isolation
        Limits of the child.
    storage_options, progress, **options
        As in `j2klearn.decode`.

    Returns
    -------
    ndarray or list of ndarray
        As `j2klearn.decode` returns.

    Raises
    ------
    IsolationError
        If the child dies or exceeds a limit.
    J2KError
        As in `j2klearn.decode`.
    """
    model = options.get("model")
    if model is not None and not isinstance(model, (str, Path)):
        raise OptionError("with isolate, a model is the name or the path of a model")
    options["model"] = None if model is None else str(model)
    path = _path_of(data)
    contents = b"" if path is not None else open_source(data, storage_options).whole()
    request = {
        "path": path,
        "limits": {"memory": limits.memory, "seconds": limits.seconds},
        "progress": progress is not None,
        "options": options,
    }
    try:
        text = json.dumps(request, default=operator.index).encode()
    except (TypeError, ValueError) as error:
        raise OptionError(f"an option cannot be sent to another process: {error}") from None
    with _Child(limits) as child:
        child.feed(LENGTH.pack(len(text)) + text, contents)
        return child.result(progress or silent)


def _path_of(data: Source) -> str | None:
    """Return the path of a regular file; None for anything else."""
    if isinstance(data, (str, os.PathLike)) and not (isinstance(data, str) and "://" in data):
        name = os.fsdecode(data)
        with contextlib.suppress(ValueError):
            if os.path.isfile(name):
                return os.path.abspath(name)
    return None


def child_command(module: str) -> list[str]:
    """Return the command that runs a module of this package in a new process."""
    if not sys.executable:
        raise IsolationError("there is no Python interpreter to start another process with")
    return [sys.executable, "-P", "-m", module]


def child_environment() -> dict[str, str]:
    """Return the environment of such a process: it finds the same modules, and writes none of them."""
    places = os.pathsep.join(path or os.getcwd() for path in sys.path)
    return {**os.environ, "PYTHONPATH": places, "PYTHONDONTWRITEBYTECODE": "1"}


def how_it_ended(status: int) -> str:
    """Return what the exit status of a process says, for a message."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by signal {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


class _Child:
    """The child process; it does not outlive the `with` statement."""

    def __init__(self, limits: Isolation) -> None:
        self._limits, self._late = limits, False
        self._process = subprocess.Popen(
            child_command("j2klearn.api.isolated_reader"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment(),
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to: IO[bytes] = self._process.stdin
        self._from: IO[bytes] = self._process.stdout
        self._writer: threading.Thread | None = None
        self._clock = threading.Timer(limits.seconds, self._time_out)
        self._clock.daemon = True
        self._clock.start()

    def __enter__(self) -> _Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._clock.cancel()
        self._process.kill()
        self._process.wait()
        if self._writer is not None:
            self._writer.join()
        self._from.close()
        with contextlib.suppress(OSError):
            self._to.close()

    def _time_out(self) -> None:
        self._late = True
        self._process.kill()

    def feed(self, *parts: bytes) -> None:
        """Send bytes to the child while it runs."""

        def write() -> None:
            with contextlib.suppress(OSError):  # it has ended, or refuses the file before it has all of it
                for part in parts:
                    self._to.write(part)
                self._to.close()

        self._writer = threading.Thread(target=write, daemon=True)
        self._writer.start()

    def result(self, progress: Progress) -> NDArray[Any] | list[NDArray[Any]]:
        """Return the samples that the child sends, or raise its error."""
        while True:
            match self._message():
                case {"kind": "progress", "share": float(share), "stage": str(stage)}:
                    progress(min(1.0, max(0.0, share)), stage)
                case {"kind": "warning", "category": str(name), "text": str(text)}:
                    warn_caller(text, _class_of(name, J2KWarning))
                case {"kind": "error", "type": str(name), "text": str(text)}:
                    kind = _class_of(name, J2KError)
                    raise (kind if kind is not J2KError else IsolationError)(text)
                case {"kind": "memory"}:
                    raise IsolationError(
                        f"reading the file needs more than the {self._limits.memory} bytes of memory that it may have"
                    )
                case {"kind": "samples", "arrays": list(declared), "several": bool(several)}:
                    arrays = self._samples(declared)
                    if several:
                        return arrays
                    if len(arrays) == 1:
                        return arrays[0]
                    raise self._failure()
                case _:
                    raise self._failure()

    def _message(self) -> object:
        (length,) = LENGTH.unpack(self._exactly(LENGTH.size))
        if length > _MOST_MESSAGE_BYTES:
            raise self._failure()
        try:
            return json.loads(self._exactly(length))
        except (ValueError, RecursionError):
            raise self._failure() from None

    def _samples(self, declared: list[Any]) -> list[NDArray[Any]]:
        """Read the samples of arrays, of which the child has sent the dtypes and the shapes."""
        left, arrays = self._limits.memory, []
        for one in declared:
            match one:
                case [str(name), [int(), int(), *more] as shape] if name in _DTYPES and len(more) < 2:
                    size = math.prod(shape) * np.dtype(name).itemsize
                case _:
                    raise self._failure()
            if min(shape) < 1 or size > left:
                raise self._failure()
            left -= size
            array = np.empty(shape, name)
            self._fill(array.data.cast("B"))
            arrays.append(array)
        return arrays

    def _exactly(self, count: int) -> bytes:
        data = bytearray(count)
        self._fill(memoryview(data))
        return bytes(data)

    def _fill(self, target: memoryview) -> None:
        while len(target):
            got = self._from.readinto(target)  # type: ignore[attr-defined]
            if not got:
                raise self._failure()
            target = target[got:]

    def _failure(self) -> IsolationError:
        """Return the error for a child that has ended early, or does not keep to the protocol."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        if self._late:
            return IsolationError(
                f"reading the file takes longer than the {self._limits.seconds:g} s that it may take"
            )
        status = self._process.returncode
        if status is None:
            return IsolationError("the process that read the file sent something that is no answer")
        return IsolationError(f"the process that read the file {how_it_ended(status)}")


def _class_of(name: str, base: type[Any]) -> type[Any]:
    """Return the class of `j2klearn.errors` with a name, if it is a subclass of `base`, else `base`."""
    found = getattr(errors, name, None) if name in errors.__all__ else None
    return found if isinstance(found, type) and issubclass(found, base) else base
