"""The child process of `decode` with ``isolate``: ``python -m j2klearn.api.isolated_reader``.

It reads a request and the bytes of a file from standard input, and writes messages to standard output: a length in four
bytes, big-endian, and as many bytes of JSON. The message ``samples`` is followed by the samples. See `isolation`.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import warnings
from typing import Any, BinaryIO

from ..core.process_limits import Isolation, apply_limits
from ..errors import J2KError, J2KWarning
from .decode import decode
from .isolation import LENGTH

__all__ = ["main"]

#: Characters of a text in a message.
_MOST_TEXT = 4000


class _Answer:
    """Where messages go. OpenJPEG's and PyTorch's threads may report progress at once."""

    def __init__(self, out: BinaryIO) -> None:
        self.out, self._lock = out, threading.Lock()

    def send(self, kind: str, **fields: Any) -> None:
        message = json.dumps({"kind": kind, **fields}).encode()
        with self._lock:
            self.out.write(LENGTH.pack(len(message)) + message)
            self.out.flush()

    def progress(self, share: float, stage: str) -> None:
        self.send("progress", share=float(share), stage=stage)


def _read(source: BinaryIO, answer: _Answer) -> None:
    """Read the request and the file, decode it, and write the samples."""
    (length,) = LENGTH.unpack(source.read(LENGTH.size))
    request = json.loads(source.read(length))
    options: dict[str, Any] = request["options"]
    for name in ("region", "components"):
        if isinstance(options.get(name), list):
            options[name] = tuple(options[name])
    apply_limits(Isolation(**request["limits"]), writes=False)
    data = request["path"] if request["path"] is not None else source.read()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", J2KWarning)
        result = decode(data, progress=answer.progress if request["progress"] else None, **options)
    for warning in caught:
        if issubclass(warning.category, J2KWarning):
            answer.send("warning", category=warning.category.__name__, text=str(warning.message)[:_MOST_TEXT])
    arrays = result if isinstance(result, list) else [result]
    shapes = [[array.dtype.name, list(array.shape)] for array in arrays]
    answer.send("samples", arrays=shapes, several=isinstance(result, list))
    for array in arrays:
        answer.out.write(memoryview(array if array.flags.c_contiguous else array.copy(order="C")).cast("B"))
    answer.out.flush()


def main() -> int:
    """Serve one request; return the exit status."""
    # Anything that a library prints must not get between the messages.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    answer = _Answer(out)
    try:
        _read(sys.stdin.buffer, answer)
    except J2KError as error:
        answer.send("error", type=type(error).__name__, text=str(error)[:_MOST_TEXT])
    except MemoryError:
        answer.send("memory")
    except BrokenPipeError:  # nobody waits any more
        return 1
    except Exception as error:
        answer.send("error", type="", text=repr(error)[:_MOST_TEXT])
    return 0


if __name__ == "__main__":
    sys.exit(main())
