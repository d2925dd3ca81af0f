"""Whether this process was made by fork from one that had loaded PyTorch.

The package imports this module first, so that a fork before the first use of PyTorch by j2klearn is noticed too.
"""

from __future__ import annotations

import os
import sys

__all__ = ["lost_threads"]

_lost = False


def lost_threads() -> bool:
    """Return whether PyTorch may have had threads in the parent process, which this process does not have."""
    return _lost


def _after_fork() -> None:
    global _lost
    _lost = _lost or "torch" in sys.modules


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
