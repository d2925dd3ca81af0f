"""Paths: the repository, the golden files, and optional data that some tests use.

The environment variable ``J2KLEARN_CONFORMANCE`` names the folder of the conformance streams of T.803, if it is not
``shared/data/conformance`` next to the repository.
"""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
CONFORMANCE = Path(os.environ.get("J2KLEARN_CONFORMANCE") or ROOT.parent / "shared" / "data" / "conformance")
