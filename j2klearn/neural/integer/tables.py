"""The shipped integer tables of mixtures, companding and gates. They are part of the file format."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import resources
from typing import Any

import safetensors.numpy
from numpy.typing import NDArray

__all__ = ["tables"]


@functools.cache
def tables() -> Mapping[str, NDArray[Any]]:
    """Return all tables by name. ``scripts/neural_tables.py`` makes them and documents each of them."""
    data = (resources.files(__package__) / "tables.safetensors").read_bytes()
    return safetensors.numpy.load(data)
