"""Where things are: the repository, golden files, and data beside the repository that some tests use if it is there."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
CONFORMANCE = ROOT.parent / "shared" / "data" / "conformance"
