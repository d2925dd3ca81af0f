"""Published curves, read from JSON in the schema of CompressAI's result files."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError

__all__ = ["Published", "read_published"]


@dataclass(frozen=True)
class Published:
    """A published curve: averages over the same pictures.

    Attributes
    ----------
    name : str
        ``published-NAME``, because a codec NAME may be measured too.
    title : str
        For tables and legends.
    source : str
        Name of the file that it was read from.
    bpp : tuple of float
        Bits per pixel.
    psnr : tuple of float
        PSNR over RGB in dB.
    """

    name: str
    title: str
    source: str
    bpp: tuple[float, ...]
    psnr: tuple[float, ...]


def _parse(name: str, entry: Any, path: Path) -> Published:
    try:
        results = entry.get("results", entry)
        bpp = [float(v) for v in results["bpp"]]
        key = "psnr-rgb" if "psnr-rgb" in results else "psnr"
        psnr = [float(v) for v in results[key]]
        title = str(entry.get("name", name))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise InputError(f"{path} has no curve in CompressAI's schema for {name!r}") from None
    if not bpp or len(bpp) != len(psnr) or not all(math.isfinite(v) for v in bpp + psnr) or min(bpp) <= 0:
        raise InputError(f"the curve {name!r} in {path} has no points, or invalid ones")
    return Published(f"published-{name}", f"{title} (published)", path.name, tuple(bpp), tuple(psnr))


def read_published(path: Path, names: Sequence[str] = ()) -> list[Published]:
    """Read curves from a file with one result, or with an object of several results by name.

    Parameters
    ----------
    path : Path
        A JSON file. Each result has ``name``, and ``bpp`` and ``psnr-rgb`` (or ``psnr``), directly or in an object
        ``results``.
    names : sequence of str
        Names of the results to read; all if empty.

    Raises
    ------
    InputError
        If the file cannot be read, or a curve is missing or invalid.
    """
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the published curves in {path}: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} has no results in CompressAI's schema")
    entries = {path.stem: content} if "results" in content or "bpp" in content else content
    unknown = [name for name in names if name not in entries]
    if unknown:
        raise InputError(f"{path} has no curve {unknown[0]!r}: it has {', '.join(entries)}")
    return [_parse(name, entries[name], path) for name in names or entries]
