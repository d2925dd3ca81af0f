"""The versions and the machine that a result depends on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .._version import __version__
from ..core.threads import default_threads
from ..native.library import openjpeg_version

__all__ = ["machine", "made_by", "versions"]

_PACKAGES = ("torch", "numpy", "pillow", "glymur", "pytorch-msssim", "bjontegaard", "imagecodecs")


def versions() -> dict[str, str]:
    """Return the versions of j2klearn, OpenJPEG, Python and the packages that affect results, by name."""
    found = {"j2klearn": __version__, "openjpeg": openjpeg_version(), "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def machine() -> dict[str, str | int | float]:
    """Return processor, number of usable cores, memory in GiB and system of this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": _processor(),
        "cores": default_threads(),
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }


def made_by(command: str) -> dict[str, Any]:
    """Return the head of a file of results: the command that makes it, the versions and the machine."""
    return {"command": command, "versions": versions(), "machine": machine()}
