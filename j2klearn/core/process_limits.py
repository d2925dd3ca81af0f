"""Limits of memory and time of this process, for a child process that reads a file nobody trusts."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import OptionError
from .scalars import as_real, whole_number

__all__ = ["Isolation", "apply_limits", "isolation_of"]

#: The least memory that a limit may be: less does not hold the threads and tables that any file needs.
_LEAST_MEMORY = 1 << 26


@dataclass(frozen=True)
class Isolation:
    """Limits of the child process in which `j2klearn.decode` reads a file.

    Attributes
    ----------
    memory : int
        Bytes that the process may allocate in addition to what it has after its start, at least 64 MiB. They hold the
        file, the samples and all that decoding needs; in the neural profile PyTorch too. The limit holds on Linux.
    seconds : float
        Time by the clock from the start of the process to the last sample, more than 0.

    Raises
    ------
    OptionError
        If a limit is out of range.
    """

    memory: int = 4 << 30
    seconds: float = 60.0

    def __post_init__(self) -> None:
        whole_number("memory", self.memory, _LEAST_MEMORY, (1 << 62) - 1)
        seconds = as_real(self.seconds)
        if seconds is None or not 0 < seconds < math.inf:
            raise OptionError(f"seconds must be a number greater than 0, not {self.seconds!r}")


def isolation_of(value: object) -> Isolation | None:
    """Return the limits that the option `isolate` means; None if it is False.

    Raises
    ------
    OptionError
        If it is no truth value and no `Isolation`.
    """
    if isinstance(value, Isolation):
        return value
    if value is True or value is False:
        return Isolation() if value else None
    raise OptionError(f"isolate must be True, False or an Isolation, not {value!r}")


def apply_limits(limits: Isolation, *, writes: bool) -> None:
    """Limit this process; what the system does not support is left out.

    Parameters
    ----------
    limits : Isolation
        The limits. The time is that of all processors together here, as a second safeguard beside the parent's clock.
    writes : bool
        Whether the process may write files.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    # RLIMIT_DATA counts private memory only. RLIMIT_AS would count libraries and reserved addresses too.
    bounds = {
        "RLIMIT_CPU": math.ceil(limits.seconds) * (os.cpu_count() or 1) + 1,
        "RLIMIT_CORE": 0,
    }
    used = _private_bytes()
    if used is not None:
        bounds["RLIMIT_DATA"] = used + limits.memory
    if not writes:
        bounds["RLIMIT_FSIZE"] = 0
    for name, bound in bounds.items():
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        _, hard = resource.getrlimit(kind)
        bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(kind, (bound, bound))


def _private_bytes() -> int | None:
    """Return the bytes of private memory of this process; None where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text("ascii", "replace").splitlines()
    except OSError:
        return None
    sizes = [line.split() for line in lines if line.startswith("VmData:")]
    return int(sizes[0][1]) << 10 if sizes else None
