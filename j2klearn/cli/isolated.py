"""Run a command of the command line once more, in a child process with limits of memory and time."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from ..core.process_limits import Isolation, apply_limits
from ..errors import IsolationError

__all__ = ["inside", "run_isolated"]

#: The environment variable that tells the child its limits: bytes and seconds.
_LIMITS = "J2KLEARN_ISOLATED"

#: Seconds that a process has to remove its partial file after SIGTERM.
_GRACE = 2.0


def inside() -> bool:
    """Return whether this is the child process, after setting its limits."""
    text = os.environ.pop(_LIMITS, None)
    if text is None:
        return False
    memory, seconds = text.split(",")
    apply_limits(Isolation(int(memory), float(seconds)), writes=True)
    return True


def run_isolated(words: Sequence[str], limits: Isolation) -> int:
    """Run the command line in a child process, which has this one's standard streams.

    Parameters
    ----------
    words : sequence of str
        The words after the name of the program.
    limits : Isolation
        Limits of the child.

    Returns
    -------
    int
        The exit status of the child.

    Raises
    ------
    IsolationError
        If the child dies, or takes too long.
    """
    from ..api.isolation import child_command, child_environment, how_it_ended

    environment = child_environment() | {_LIMITS: f"{limits.memory},{limits.seconds}"}
    with subprocess.Popen([*child_command("j2klearn.cli"), *words], env=environment) as child:
        try:
            status = child.wait(limits.seconds)
        except subprocess.TimeoutExpired:
            raise IsolationError(
                f"reading the file takes longer than the {limits.seconds:g} s that it may take"
            ) from None
        finally:
            _end(child)
    if status < 0:
        raise IsolationError(f"the process that read the file {how_it_ended(status)}")
    return status


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a process that may still run: ask first."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(_GRACE)
        except subprocess.TimeoutExpired:
            child.kill()
