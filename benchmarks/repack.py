"""Repack files, check that they decode to the same samples, and count the bytes and requests of parts.

    python benchmarks/repack.py STREAMS

STREAMS is a folder of JPEG 2000 files, such as the conformance streams of T.803. Each is repacked as for a server of
regions: in the order RPCL, with a tile-part for each resolution, PLT and TLM. The samples of the whole picture, of
every lower resolution and of the first layer have to be those of the file before. Two parts are decoded from a file
object, before and after: a region in the middle with a quarter of each side, and half the resolution.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from access import HERE, Recorder
from numpy.typing import NDArray

import j2klearn
from j2klearn.benchmark.environment import made_by
from j2klearn.core.text_table import text_table
from j2klearn.errors import DecodingError, J2KError

#: How each file is repacked.
SERVED: dict[str, Any] = {"progression": "RPCL", "tile_parts": "R", "plt": True, "tlm": True}

_SUFFIXES = (".j2c", ".j2k", ".jp2", ".jpc")


def _samples(source: Any, **options: Any) -> list[NDArray[Any]] | None:
    """Return the components of a picture; None if a tile has no sample at this resolution."""
    try:
        components: list[NDArray[Any]] = j2klearn.decode(source, upsample=False, max_pixels=None, **options)
    except DecodingError:
        return None
    return components


def _equal(left: list[NDArray[Any]] | None, right: list[NDArray[Any]] | None) -> bool:
    if left is None or right is None:
        return left is right
    return len(left) == len(right) and all(map(np.array_equal, left, right))


def is_exact(before: bytes, after: bytes, levels: int) -> bool:
    """Return whether two files decode to the same samples: at every resolution, and with one layer."""
    parts: list[dict[str, Any]] = [{"layers": 1}, *({"reduce": reduce} for reduce in range(levels + 1))]
    return all(_equal(_samples(before, **part), _samples(after, **part)) for part in parts)


def cost(data: bytes, **part: Any) -> tuple[int, int]:
    """Return the bytes and the requests that a part takes."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        with Recorder(file.name) as recorder:
            _samples(recorder, **part)
            return recorder.bytes, recorder.requests


def measured(path: Path) -> dict[str, Any]:
    """Return what one file gains; the reason if it cannot be repacked."""
    before = path.read_bytes()
    facts = j2klearn.info(before)
    try:
        after = j2klearn.repack(before, **SERVED)
    except J2KError as error:
        return {"name": path.name, "refused": str(error)}
    height, width = facts.height, facts.width
    top, left = 3 * height // 8, 3 * width // 8
    middle = (top, left, top + max(1, height // 4), left + max(1, width // 4))
    parts: dict[str, dict[str, Any]] = {
        "region": {"region": middle},
        "half": {"reduce": min(1, facts.levels)},
    }
    found: dict[str, Any] = {
        "name": path.name,
        "exact": is_exact(before, after, facts.levels),
        "size": [len(before), len(after)],
    }
    for name, part in parts.items():
        costs = [cost(data, **part) for data in (before, after)]
        found[f"{name}_bytes"], found[f"{name}_requests"] = map(list, zip(*costs, strict=True))
    return found


def _print(cases: list[dict[str, Any]]) -> None:
    rows = [["file", "exact", "size", "region: bytes", "requests", "half: bytes", "requests"]]
    for case in cases:
        if "refused" in case:
            rows.append([case["name"], f"refused: {case['refused']}", *[""] * 5])
            continue
        keys = ("size", "region_bytes", "region_requests", "half_bytes", "half_requests")
        pairs = [f"{case[key][0]:,} > {case[key][1]:,}" for key in keys]
        rows.append([case["name"], "yes" if case["exact"] else "NO", *pairs])
    print(text_table(rows))


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Repack the files of a folder; count bytes and requests of parts."
    )
    parser.add_argument("streams", type=Path, metavar="STREAMS", help="a folder of JPEG 2000 files")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # remarks of OpenJPEG on unusual streams
    paths = [path for path in sorted(options.streams.iterdir()) if path.suffix in _SUFFIXES]
    cases = [measured(path) for path in paths]
    _print(cases)
    made = made_by("python benchmarks/repack.py STREAMS")
    path = HERE / "results" / "access-streams.json"
    path.write_text(json.dumps({**made, "streams": cases}, indent=1) + "\n")
    return 0 if cases and all(case.get("exact", True) for case in cases) else 1


if __name__ == "__main__":
    sys.exit(main())
