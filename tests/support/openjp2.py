"""Programs that the tests run through the library in the place of OpenJPEG's."""

from __future__ import annotations

import os
import subprocess

import pytest

from j2klearn.errors import NativeLibraryError
from j2klearn.interop.openjp2 import environment, library
from tests.support.paths import ROOT

__all__ = ["needs_library", "run"]


def _has_library() -> bool:
    try:
        return library().is_file()
    except NativeLibraryError:
        return False


needs_library = pytest.mark.skipif(
    not _has_library(), reason="the library for other programs is built on Linux only"
)


def run(command: list[str], variables: dict[str, str] | None = None, *, plain: bool = False) -> str:
    """Run a program through the library, or `plain` as it is; return what it prints."""
    base = {**os.environ, **(variables or {}), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, env=base if plain else environment(base), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
