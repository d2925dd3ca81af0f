"""Which OpenJPEG is in use, and which faults its version is known for.

OpenJPEG says its version only. Distributions repair faults without a new version, so that a version says what may be
wrong, and only the change log of a package says what is.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NamedTuple

from .library import openjpeg_version

__all__ = ["FAULTS", "NEWEST_KNOWN", "Fault", "bundled_file", "known_faults", "loaded_files"]

#: The newest version that the list of faults knows. It was last compared with the public records in November 2026.
NEWEST_KNOWN = "2.5.4"


class Fault(NamedTuple):
    """A published fault of OpenJPEG's library.

    Attributes
    ----------
    name : str
        Its public identifier.
    first : str
        The first affected version of those that j2klearn runs with, which are 2.5.0 and newer.
    repaired : str or None
        The version that repairs it; None: none up to `NEWEST_KNOWN`.
    meaning : str
        When it happens, and what.
    """

    name: str
    first: str
    repaired: str | None
    meaning: str


#: Faults of the library, not of OpenJPEG's programs. SECURITY.md has the same table.
FAULTS = (
    Fault("CVE-2023-39327", "2.5.0", "2.5.3", "reading: a loop that prints warnings for very long"),
    Fault("CVE-2023-39328", "2.5.0", None, "reading: uses up the memory"),
    Fault("CVE-2023-39329", "2.5.0", None, "reading: uses up the memory"),
    Fault("CVE-2024-56827", "2.5.0", "2.5.3", "reading: writes past the end of a buffer"),
    Fault("CVE-2025-50952", "2.5.0", "2.5.1", "reading: adds to a null pointer"),
    Fault(
        "CVE-2025-54874", "2.5.1", "2.5.4", "reading a JP2 file that is cut off: writes to a wrong address"
    ),
    Fault("OSV-2025-219", "2.5.3", None, "reading: writes past the end of a buffer"),
    Fault("CVE-2026-6192", "2.5.0", None, "writing: allocates too little for very many layers"),
    Fault("CVE-2026-107080", "2.5.0", None, "writing: reads and writes past the end of a buffer"),
)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def known_faults(version: str | None = None) -> list[Fault]:
    """Return the faults that a version has as OpenJPEG's makers released it.

    Parameters
    ----------
    version : str, optional
        For example "2.5.0". Default: the version in use.

    Returns
    -------
    list of Fault
        Empty for versions after `NEWEST_KNOWN`, of which the list says nothing.
    """
    numbers = _numbers(openjpeg_version() if version is None else version)
    if numbers > _numbers(NEWEST_KNOWN):
        return []
    return [
        fault
        for fault in FAULTS
        if _numbers(fault.first) <= numbers and (fault.repaired is None or numbers < _numbers(fault.repaired))
    ]


def loaded_files() -> list[Path]:
    """Return the files of OpenJPEG that this process has loaded: one, or more where another package brings its own.

    Returns
    -------
    list of Path
        Empty on other systems than Linux, which do not say.
    """
    openjpeg_version()  # loads it
    if sys.platform != "linux":
        return []
    lines = Path("/proc/self/maps").read_text("utf-8", "replace").splitlines()
    paths = {Path(line.split(maxsplit=5)[-1]) for line in lines if "/libopenjp2" in line}
    return sorted(path for path in paths if path.name.startswith("libopenjp2"))


def bundled_file() -> Path | None:
    """Return the copy of OpenJPEG that a wheel of this package has brought; None if it was built from source."""
    package = Path(__file__).parents[1]
    for folder in (package.with_name("j2klearn.libs"), package / ".dylibs"):  # Linux and Windows; macOS
        for path in sorted(folder.glob("*openjp2*")):
            return path
    return None
