"""Check the includes of the native sources against the layers of their folders. ``make lint`` runs this script.

    python scripts/native_layers.py [FOLDER]

FOLDER is ``native/`` by default. A file may include files of its own folder and of lower layers. It writes paths
relative to ``native/``. Folders of one layer do not include each other. Only ``transport/``, ``openjp2/``
and ``openjp2_engine/`` include OpenJPEG's header. The tests may include everything; no other file may include a test.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

NATIVE = Path(__file__).parents[1] / "native"

#: From the lowest layer to the highest. An entry with several folders is one layer.
LAYERS = (
    ("include",),
    ("base",),
    ("codestream", "wavelet", "integer", "training"),
    ("transport", "lifting", "dequantisation", "openjp2"),
    ("decoder",),
    ("encoder",),
    ("c_api.cpp", "c_picture.cpp", "c_training.cpp", "openjp2_engine"),
    ("fuzz",),
    ("tests",),
)
RANK = {part: rank for rank, layer in enumerate(LAYERS) for part in layer}

SUFFIXES = {".cpp", ".hpp", ".h", ".inc"}
#: The only parts that include OpenJPEG's header.
OPENJPEG = {"transport", "openjp2", "openjp2_engine", "tests"}

_INCLUDE = re.compile(r"""^\s*\#\s*include\s*(["<])([^">]+)[">]""", re.MULTILINE)


def violations(native: Path) -> Iterator[str]:
    """Yield a line for every include that violates the order, and for every file outside the layers."""
    for path in sorted(path for path in native.rglob("*") if path.suffix in SUFFIXES):
        name = path.relative_to(native)
        part = name.parts[0]
        if part not in RANK:
            yield f"{name}: is in no layer"
            continue
        text = path.read_text("utf-8")
        for match in _INCLUDE.finditer(text):
            fault = _fault(native, part, match[1] == "<", match[2])
            if fault:
                yield f"{name}:{text.count(chr(10), 0, match.start(2)) + 1}: {match[2]} {fault}"


def _fault(native: Path, part: str, system: bool, include: str) -> str | None:
    if system:
        allowed = include != "openjpeg.h" or part in OPENJPEG
        return None if allowed else "is allowed only in transport/, openjp2/ and openjp2_engine/"
    target = Path("include", include) if include == "j2kl.h" else Path(include)
    other = target.parts[0]
    if other not in RANK or ".." in target.parts or not (native / target).is_file():
        return "is not a path relative to native/"
    if other == part or RANK[other] < RANK[part]:
        return None
    return "is in a higher layer" if RANK[other] > RANK[part] else "is in another folder of the same layer"


def main() -> int:
    native = Path(sys.argv[1]) if len(sys.argv) > 1 else NATIVE
    if not (native / "c_api.cpp").is_file():
        sys.exit(f"{native} is not the folder of the native sources")
    found = list(violations(native))
    print("\n".join(found) or "The includes of native/ follow the order of its layers.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
