"""Paths: the repository, the golden files, and optional data next to the repository that some tests use."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
CONFORMANCE = ROOT.parent / "shared" / "data" / "conformance"
