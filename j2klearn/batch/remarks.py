"""What the library remarks on a picture that a worker encodes: its warnings, as text."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from ..errors import J2KWarning

__all__ = ["collected"]

_own = threading.local()

#: What shows the warnings of threads that do not collect any.
_before: Any = warnings.showwarning


def _show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
    found: list[str] | None = getattr(_own, "remarks", None)
    if found is None or not issubclass(category, J2KWarning):
        _before(message, category, *place, **more)
    elif str(message) not in found:
        found.append(str(message))


@contextmanager
def collected() -> Generator[list[str], None, None]:
    """Collect the warnings of the library that this thread issues, each once; those of other threads are shown.

    `warnings.catch_warnings` would catch those of all threads, and a worker of a cluster may have several.

    Yields
    ------
    list of str
        The warnings so far.
    """
    global _before
    if warnings.showwarning is not _show:
        _before, warnings.showwarning = warnings.showwarning, _show
    warnings.simplefilter("always", J2KWarning)
    found: list[str] = []
    _own.remarks = found
    try:
        yield found
    finally:
        del _own.remarks
