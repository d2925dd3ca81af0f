"""The documentation site: references name everything that is public, and pages read as on a code-hosting page."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

import j2klearn
from j2klearn.cli.main import _COMMANDS
from tests.support.paths import ROOT

_NAMES = ("command_line", "python_markdown", "repository_links")


@pytest.fixture
def site() -> Iterator[dict[str, ModuleType]]:
    """The modules of scripts/site that need no MkDocs."""
    sys.path.insert(0, str(ROOT / "scripts" / "site"))
    yield {name: __import__(name) for name in _NAMES}
    sys.path.remove(str(ROOT / "scripts" / "site"))
    for name in _NAMES:
        del sys.modules[name]


def test_the_python_reference_has_every_public_name() -> None:
    marks = re.findall(r"^<!-- api: ([\w.]+)", (ROOT / "docs" / "api.md").read_text("utf-8"), re.MULTILINE)
    public = {f"j2klearn.{name}" for name in j2klearn.__all__} - {"j2klearn.__version__", "j2klearn.presets"}
    assert public <= set(marks)
    for mark in marks:
        module, _, name = mark.rpartition(".")
        __import__(module)
        assert hasattr(sys.modules[module], name), mark


def test_the_command_line_reference_has_every_command_and_option(site: dict[str, ModuleType]) -> None:
    command_line = site["command_line"]
    text = command_line.reference()
    assert re.findall(r"^## (\S+)$", text, re.MULTILINE) == list(_COMMANDS)
    for command in ("encode", "repack", "encode-batch"):
        section = command_line.section(command)
        options = {
            name for action in command_line.parser_of(command)._actions for name in action.option_strings
        }
        assert all(name in section for name in options - {"--help"})
    assert "%(" not in text


def test_lists_and_tables_are_those_of_python_markdown(site: dict[str, ModuleType]) -> None:
    converted = site["python_markdown"].converted
    assert converted("Text:\n* one\n  more\n\n      code\n") == "Text:\n\n*   one\n    more\n\n        code\n"
    assert converted("1. one\n   * two\n     more\n") == "1.  one\n    *   two\n        more\n"
    assert converted("1. one\n2. two\n\n       code\n") == "1.  one\n2.  two\n\n        code\n"
    assert converted("the year\n2000. Text\n") == "the year\n2000. Text\n"  # no list in CommonMark
    assert converted("    code\n") == "    code\n"
    assert converted("```\n* no list\n```\n") == "```\n* no list\n```\n"
    assert converted("| `a\\|b` | 3 % |\n") == "| `a|b` | 3\N{NO-BREAK SPACE}% |\n"


def test_links_are_those_of_the_site(site: dict[str, ModuleType]) -> None:
    links = site["repository_links"]

    def rewritten(text: str, page: str) -> str:
        return str(links.rewritten(text, links.source_of(page), page, ROOT))

    assert rewritten("[use](docs/usage.md#x)", "index.md") == "[use](usage.md#x)"
    assert (
        rewritten("[terms](../../README.md#terms)", "dev/decisions/a.md")
        == "[terms](../../contents.md#terms)"
    )
    assert rewritten("[log](../CHANGELOG.md)", "usage.md") == "[log](changelog.md)"
    assert rewritten("[usage.md](../usage.md)", "cookbook/a.md") == "[Write and read pictures](../usage.md)"
    assert rewritten("[licence](../LICENSE)", "usage.md") == "licence"
    assert rewritten("[far](https://host/a.md)", "usage.md") == "[far](https://host/a.md)"
