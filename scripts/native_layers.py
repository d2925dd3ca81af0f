"""Check the includes of the native sources against the order of their folders; ``make lint`` runs this.

    python scripts/native_layers.py [FOLDER]

FOLDER is ``native/`` by default. A file may include files of its own folder and of lower layers, and writes the path
from ``native/`` on. Folders of one layer know nothing of each other. OpenJPEG's header stays in ``transport/``. The
tests may include everything; no other file includes a test.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

NATIVE = Path(__file__).parents[1] / "native"

#: From the lowest layer to the highest. An entry of more than one folder is one layer.
LAYERS = (
    ("include",),
    ("base",),
    ("codestream", "wavelet", "integer"),
    ("transport",),
    ("c_api.cpp",),
    ("tests",),
)
RANK = {part: rank for rank, layer in enumerate(LAYERS) for part in layer}

SUFFIXES = {".cpp", ".hpp", ".h", ".inc"}
OPENJPEG = {"transport", "tests"}  # the only parts that include OpenJPEG's header

_INCLUDE = re.compile(r"""^\s*\#\s*include\s*(["<])([^">]+)[">]""", re.MULTILINE)


def violations(native: Path) -> Iterator[str]:
    """Yield one line for every include, or file, that is against the order."""
    for path in sorted(path for path in native.rglob("*") if path.suffix in SUFFIXES):
        name = path.relative_to(native)
        part = name.parts[0]
        if part not in RANK:
            yield f"{name}: belongs to no layer"
            continue
        text = path.read_text("utf-8")
        for match in _INCLUDE.finditer(text):
            fault = _fault(native, part, match[1] == "<", match[2])
            if fault:
                yield f"{name}:{text.count(chr(10), 0, match.start(2)) + 1}: {match[2]} {fault}"


def _fault(native: Path, part: str, system: bool, include: str) -> str | None:
    if system:
        return "is for transport/ only" if include == "openjpeg.h" and part not in OPENJPEG else None
    target = Path("include", include) if include == "j2kl.h" else Path(include)
    other = target.parts[0]
    if other not in RANK or ".." in target.parts or not (native / target).is_file():
        return "is no path from native/ on"
    if other == part or RANK[other] < RANK[part]:
        return None
    return f"is of a {'higher' if RANK[other] > RANK[part] else 'neighbouring'} layer"


def main() -> int:
    native = Path(sys.argv[1]) if len(sys.argv) > 1 else NATIVE
    if not (native / "c_api.cpp").is_file():
        sys.exit(f"{native} does not hold the native sources")
    found = list(violations(native))
    print("\n".join(found) or "The includes of native/ follow the order of its layers.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
