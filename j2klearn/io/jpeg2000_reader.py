"""Where the reader of picture files finds the function that opens JPEG 2000 files, which is above this package."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

__all__ = ["jpeg2000_reader"]


def jpeg2000_reader() -> Callable[..., Any]:
    """Return the function that opens JPEG 2000 files: the package at the top imports it on first use.

    It is called as ``function(source, name, max_pixels)`` and returns an `InputPicture`.
    """
    top = import_module(__name__.partition(".")[0])
    reader: Callable[..., Any] = top.open_jpeg2000
    return reader
