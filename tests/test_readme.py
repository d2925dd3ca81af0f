"""The README and the pages in docs say what was measured."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

from j2klearn.benchmark.results import FORMAT

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.json"))


@pytest.fixture(scope="module")
def figures():
    spec = importlib.util.spec_from_file_location("readme", ROOT / "benchmarks" / "readme.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_figures_are_those_of_the_results(figures):
    assert "<!-- figures: coding -->" in README
    for page in figures.PAGES:
        text = page.read_text()
        assert "<!-- figures: " in text
        assert figures.rendered(text) == text


def test_another_result_would_show(figures, monkeypatch):
    """The test above can fail: a figure that is off by its last digit is seen."""
    real = figures.result

    def other(suite):
        found = real(suite)
        for delta in found.get("deltas", []):
            delta["bd_rate"] = None if delta["bd_rate"] is None else delta["bd_rate"] + 0.01
        return found

    monkeypatch.setattr(figures, "result", other)
    assert figures.rendered(README) != README


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_results_say_how_they_were_made(path):
    found = json.loads(path.read_text())
    assert re.match(r"python benchmarks/\w+\.py|j2klearn ", found["command"])
    assert (ROOT / found["command"].split()[1]).exists()
    assert {"j2klearn", "openjpeg", "python"} <= set(found["versions"])
    assert {"processor", "cores"} <= set(found["machine"])


def test_the_commands_named_in_the_readme_exist():
    for script in re.findall(r"python (benchmarks/\w+\.py)", README):
        assert (ROOT / script).exists()
    assert FORMAT.startswith("j2klearn-benchmark-")
