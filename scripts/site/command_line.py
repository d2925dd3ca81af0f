"""The reference of the command line, as Markdown, from the parsers of the commands."""

from __future__ import annotations

import argparse
import os
import re
from importlib import import_module
from unittest import mock

cli = import_module("j2klearn.cli.main")  # the package has a function of this name

_WIDTH = 84  # columns of a usage line


def parser_of(command: str) -> argparse.ArgumentParser:
    """Return the parser of a command."""
    commands = next(
        action for action in cli._parser(command)._actions if isinstance(action, argparse._SubParsersAction)
    )
    parser: argparse.ArgumentParser = commands.choices[command]
    return parser


def _line(text: str) -> str:
    """Return text as a line of Markdown. What is between backticks stays code."""
    parts = re.split(r"(`[^`]+`)", " ".join(text.split()))
    return "".join(part if part.startswith("`") else re.sub(r"([|<>*_])", r"\\\1", part) for part in parts)


def _arguments(parser: argparse.ArgumentParser) -> str:
    """Return the table of the arguments of a command."""
    formatter = argparse.HelpFormatter(parser.prog, width=_WIDTH)
    rows = ["| argument | meaning |", "|---|---|"]
    for action in parser._actions:
        if action.help == argparse.SUPPRESS or isinstance(action, argparse._HelpAction):
            continue
        name = formatter._format_action_invocation(action)
        rows.append(f"| `{name}` | {_line(formatter._expand_help(action)) if action.help else ''} |")
    return "\n".join(rows)


def _paragraphs(text: str) -> str:
    """Return a description: paragraphs as they are, and what is indented as code."""
    parts = []
    for part in re.split(r"\n\s*\n", text.strip("\n")):
        lines = part.splitlines()
        example = re.fullmatch(r"(Examples?:) (.*)", part)
        if example:
            parts += [example[1], _code(example[2])]
            continue
        if lines[0].strip().endswith(":") and all(line.startswith(" ") for line in lines[1:]) and lines[1:]:
            parts += [lines[0].strip().capitalize(), _code("\n".join(line[2:] for line in lines[1:]))]
        elif any(line.startswith(" ") for line in lines):
            parts.append(_code(part))
        else:
            parts.append(_line(part))
    return "\n\n".join(parts)


def _code(text: str) -> str:
    return f"```text\n{text}\n```"


def section(command: str) -> str:
    """Return the section of a command: description, usage, arguments and examples."""
    parser = parser_of(command)
    with mock.patch.dict(os.environ, COLUMNS=str(_WIDTH)):
        usage = parser.format_usage().removeprefix("usage: ").strip()
    indent = " " * len("usage: ")
    usage = "\n".join(line.removeprefix(indent) for line in usage.splitlines())
    parts = [f"## {command}"]
    if parser.description:
        parts.append(_paragraphs(parser.description))
    parts += [_code(usage), _arguments(parser)]
    if parser.epilog:
        parts.append(_paragraphs(parser.epilog))
    return "\n\n".join(parts)


def reference() -> str:
    """Return the sections of all commands."""
    return "\n\n".join(section(command) for command in cli._COMMANDS)
