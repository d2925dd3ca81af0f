"""The first steps and the recipes of the cookbook run as they stand: Python and commands, in their order."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from j2klearn.cli import main
from tests.support.paths import ROOT

PAGES = [
    "start.md",
    *(f"cookbook/{path.name}" for path in sorted((ROOT / "docs/cookbook").glob("[a-z]*.md"))),
]


def steps(page: str) -> Iterator[tuple[str, str]]:
    """Yield the Python blocks and the commands of a page."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    for code, command in re.findall(r"^```python\n(.*?)^```|^    (j2klearn [^\n]*)$", text, re.M | re.S):
        yield ("python", code) if code else ("command", command)


@pytest.mark.parametrize("page", PAGES)
def test_recipes_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "recipes"}
    ran = 0
    for kind, step in steps(page):
        words = shlex.split(step, comments=True) if kind == "command" else []
        if words[1:2] == ["run"]:  # another program, which may be missing; tests/interop has its tests
            continue
        if kind == "command":
            assert main(words[1:]) == 0, step
        else:
            exec(compile(step, page, "exec", dont_inherit=True), names)
        ran += 1
    assert ran >= 3


def test_a_wrong_recipe_would_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that the pages have both kinds of steps, and that a command without its input fails."""
    kinds = {kind for page in PAGES for kind, _ in steps(page)}
    assert kinds == {"python", "command"}
    monkeypatch.chdir(tmp_path)
    assert main(["repack", "missing.jp2", "out.jp2"]) != 0
