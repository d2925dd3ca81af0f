"""The figures of the README and of the pages in docs equal the stored results, and their commands are valid."""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import runpy
import shlex
import sys
from collections import Counter

import pytest

from j2klearn.cli import main
from tests.support.paths import ROOT

README = (ROOT / "README.md").read_text()
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.json"))


@pytest.fixture(scope="module")
def figures():
    spec = importlib.util.spec_from_file_location("readme", ROOT / "benchmarks" / "readme.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["readme"] = module  # dataclasses look up their module
    sys.path.insert(0, str(ROOT / "benchmarks"))
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(ROOT / "benchmarks"))
    del sys.modules["readme"]
    del sys.modules["plots"]


def test_figures_are_those_of_the_results(figures):
    pages = figures.pages()
    assert {ROOT / "README.md", ROOT / "docs" / "results.md", ROOT / "docs" / "access.md"} <= set(pages)
    for page in pages:
        text = page.read_text()
        assert figures.rendered(text) == text, f"run python benchmarks/readme.py: {page.name} is out of date"


def test_every_figure_has_one_place(figures):
    places = Counter(name for page in figures.pages() for name in figures.named(page.read_text()))
    assert places == Counter(figures.FIGURES.keys())


def test_every_result_is_shown_or_listed_as_unused(figures):
    shown = {name for key, figure in figures.FIGURES.items() if key != "machines" for name in figure.results}
    assert {name for plot in figures.plots.PLOTS.values() for name in plot.results} <= shown
    assert {path.stem for path in RESULTS} - shown == {"openjpeg"}  # compares the benchmark with opj_compress


def test_commands_stand_beside_their_figures(figures):
    """The page of a block has the commands that made its results; figures.md has those of the README."""
    for page in figures.pages():
        text = page.read_text()
        if page.name == "README.md" and page.parent == ROOT:
            text += (ROOT / "docs" / "figures.md").read_text()
        words = " ".join(text.replace("\\\n", " ").split())
        for name in figures.named(text):
            if name != "machines":
                for each in figures.FIGURES[name].results:
                    assert " ".join(figures.result(each)["command"].split()) in words


def test_plots_are_those_of_the_results(figures):
    assert not figures.plots.out_of_date(), "run python benchmarks/readme.py: plots are out of date"
    drawn = {path.stem for path in (ROOT / figures.plots.FOLDER).iterdir()}
    assert drawn == set(figures.plots.PLOTS)
    pages = "".join(page.read_text() for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
    assert all(f"pictures/plots/{name}.svg)" in pages for name in drawn)


def test_the_picture_is_that_of_the_default_model(figures):
    expected = figures.shipped()[figures.DEFAULT_MODEL].id.hex()
    assert figures.result("equal-bytes")["model_id"] == expected, "run python benchmarks/readme.py"


def test_another_result_would_show(figures, monkeypatch):
    """Check that the tests above can fail: they detect a figure that differs in its last digit."""
    real = figures.result

    def other(suite):
        found = real(suite)
        for delta in found.get("deltas", []):
            delta["bd_rate"] = None if delta["bd_rate"] is None else delta["bd_rate"] + 0.01
        return found

    monkeypatch.setattr(figures, "result", other)
    page = (ROOT / "docs" / "figures.md").read_text()
    assert figures.rendered(page) != page
    monkeypatch.setattr(figures.plots.Plot, "found", lambda plot: [other(name) for name in plot.results])
    assert set(figures.plots.out_of_date()) == {"curves", "pictures", "readers", "sizes-and-times"}


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_results_say_how_they_were_made(path):
    found = json.loads(path.read_text())
    assert re.match(r"python benchmarks/\w+\.py|j2klearn ", found["command"])
    assert (ROOT / found["command"].split()[1]).exists()
    assert {"j2klearn", "openjpeg", "python"} <= set(found["versions"])
    assert {"processor", "cores"} <= set(found["machine"])


def test_the_readme_names_two_set_up_commands():
    assert set(re.findall(r"\bmake [a-z-]+", README)) == {"make demo", "make test"}
    assert not re.search(r"\b(pip|apt|apt-get|cmake) (install|-)", README)
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"demo", "test"} <= set(targets)


class AcceptedError(Exception):
    """A parser accepted the words of a command."""


def commands(text):
    """Yield the commands in the indented blocks of a page as lists of words, except those with placeholders."""
    blocks = "\n".join(line for line in text.splitlines() if line.startswith("    "))
    for line in re.sub(r"\s*\\\n\s*", " ", blocks).splitlines():
        for command in line.split(";"):
            words = shlex.split(command, comments=True)
            if words and not any(sign in command for sign in ("[", "...", "SUITE")):
                yield words


def named(pages):
    found = [
        words
        for page in pages
        for words in commands(page.read_text())
        if words[0] == "j2klearn" or (words[0] == "python" and words[1].startswith("benchmarks/"))
    ]
    return list({" ".join(words): words for words in found}.values())


COMMANDS = named([ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))])


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_commands_are_accepted_by_their_parsers(words, monkeypatch):
    real = argparse.ArgumentParser.parse_args

    def parse(self, args=None, namespace=None):
        real(self, args, namespace)
        raise AcceptedError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    monkeypatch.setattr(sys, "argv", words[1:])
    run, arguments = main, [words[1:]]
    if words[0] == "python":
        run, arguments = runpy.run_path, [str(ROOT / words[1]), None, "__main__"]
    with pytest.raises(AcceptedError):
        run(*arguments)


def test_commands_are_found():
    """Check that the test above has commands to test, and detects an option that does not exist."""
    assert len(COMMANDS) > 15
    assert {"j2klearn", "python"} == {words[0] for words in COMMANDS}
    with pytest.raises(SystemExit):
        main(["encode", "a.png", "a.jp2", "--no-such-option"])


def test_the_targets_named_in_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"(?:`|^    )make ([a-z-]+)", README, re.MULTILINE)
    assert {"demo", "test"} <= set(targets)
    for target in targets:
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE)
