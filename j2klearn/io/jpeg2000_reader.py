"""Which function reads JPEG 2000 files: it is above this package, which therefore only knows its name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

__all__ = ["jpeg2000_reader", "set_jpeg2000_reader"]

_home: list[tuple[str, str]] = []


def set_jpeg2000_reader(module: str, function: str) -> None:
    """Set the function that opens JPEG 2000 files; it is imported on first use.

    It is called as ``function(source, name, max_pixels)`` and returns an `InputPicture`.
    """
    _home[:] = [(module, function)]


def jpeg2000_reader() -> Callable[..., Any]:
    """Return the function that opens JPEG 2000 files."""
    module, function = _home[0]
    reader: Callable[..., Any] = getattr(import_module(module), function)
    return reader
