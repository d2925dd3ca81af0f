"""What ``j2klearn info --versions`` prints: versions, the OpenJPEG in use, and the faults that its version had."""

from __future__ import annotations

import json
import textwrap
from importlib import metadata

from ..benchmark.environment import versions
from ..native.openjpeg import NEWEST_KNOWN, known_faults, loaded_files

__all__ = ["as_json", "as_text"]

_WIDTH = 100

_FAULTS = (
    "OpenJPEG {version}, as its makers released it, has published faults that a hostile file or odd options can use: "
    "{names}. Distributions repair such faults without another version number; the change log of their package says "
    "which. SECURITY.md of j2klearn says what each fault is, and what to do with files that you do not trust."
)
_UNKNOWN = (
    "OpenJPEG {version} is newer than the list of faults of this j2klearn, which ends with {newest}: ask its makers or "
    "your distribution."
)


def _bundled() -> str | None:
    """Return the name and version of the package that a wheel's OpenJPEG was copied from; None without one."""
    try:
        files = metadata.files("j2klearn") or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name == "auditwheel.cdx.json":
            for component in json.loads(file.read_text("utf-8")).get("components", []):
                if "openjp2" in component.get("name", ""):
                    return f"{component['name']} {component.get('version', '')}".strip()
    return None


def _facts() -> dict[str, object]:
    found = versions()
    return {
        "versions": found,
        "openjpeg_files": [str(path) for path in loaded_files()],
        "openjpeg_package": _bundled(),
        "openjpeg_faults": [fault.name for fault in known_faults(found["openjpeg"])],
    }


def as_json() -> str:
    """Return the same as `as_text`, as a JSON object."""
    return json.dumps(_facts(), indent=2)


def as_text() -> str:
    """Return a line for each version and file, and a paragraph about the faults of that version of OpenJPEG."""
    found, package = versions(), _bundled()
    rows = list(found.items())
    rows[2:2] = [("from", str(path)) for path in loaded_files()]
    if package is not None:
        rows.insert(2, ("package", package))
    lines = [f"{name + ':':<17}{value}" for name, value in rows]
    version, faults = found["openjpeg"], known_faults(found["openjpeg"])
    said = _FAULTS if faults else _UNKNOWN
    names = ", ".join(fault.name for fault in faults)
    text = said.format(version=version, names=names, newest=NEWEST_KNOWN)
    return "\n".join([*lines, "", *textwrap.wrap(text, _WIDTH, break_on_hyphens=False)])
