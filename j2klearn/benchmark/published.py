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
    """A curve that others measured: averages over the same pictures, PSNR over RGB in dB against bits per pixel.

    Its name says so too, for there may be a codec of that name that is measured here.
    """

    name: str
    title: str
    source: str
    bpp: tuple[float, ...]
    psnr: tuple[float, ...]


def _one(name: str, entry: Any, path: Path) -> Published:
    try:
        results = entry.get("results", entry)
        bpp = [float(v) for v in results["bpp"]]
        key = "psnr-rgb" if "psnr-rgb" in results else "psnr"
        psnr = [float(v) for v in results[key]]
        title = str(entry.get("name", name))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise InputError(f"{path} has no curve in CompressAI's schema under {name!r}") from None
    if not bpp or len(bpp) != len(psnr) or not all(math.isfinite(v) for v in bpp + psnr) or min(bpp) <= 0:
        raise InputError(f"the curve {name!r} in {path} is damaged")
    return Published(f"published-{name}", f"{title} (published)", path.name, tuple(bpp), tuple(psnr))


def read_published(path: Path, names: Sequence[str] = ()) -> list[Published]:
    """Read curves from a file: one result, or an object of several by name.

    Parameters
    ----------
    path : Path
        A JSON file. Each result has ``name`` and, itself or under ``results``, ``bpp`` and ``psnr-rgb``.
    names : sequence of str
        Which of several to take; all if empty.

    Raises
    ------
    InputError
        If the file cannot be read, or has no such curves.
    """
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the published curves in {path}: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no results in CompressAI's schema")
    entries = {path.stem: content} if "results" in content or "bpp" in content else content
    unknown = [name for name in names if name not in entries]
    if unknown:
        raise InputError(f"{path} has no curve {unknown[0]!r}: it has {', '.join(entries)}")
    return [_one(name, entries[name], path) for name in names or entries]
