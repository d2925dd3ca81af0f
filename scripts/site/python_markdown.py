"""Lists and tables as Python-Markdown reads them, from those of a code-hosting site (CommonMark).

* The text of a list item is indented as far as its first word: two columns after ``*``, three after ``1.``.
  Python-Markdown wants four columns, and an empty line before a list.
* Numbers in tables stay on one line with their units.
* A vertical bar in a table's code is escaped. Python-Markdown shows the backslash.
"""

from __future__ import annotations

import re

_ITEM = re.compile(r"([*+-]|\d+\.)( +)(?=\S)")
_CODE = re.compile(r"`[^`]+`")
_UNIT = re.compile(r"(?<=\d) (?=(?:%|dB|s|x|MB|MiB|GiB)(?:\W|$))")
_FENCE = re.compile(r"```+|~~~+")


def converted(markdown: str) -> str:
    """Return the text that Python-Markdown reads as CommonMark reads the given one."""
    lines: list[str] = []
    columns: list[int] = []  # of the texts of the open list items, from the outermost
    fence, before = "", ""
    for line in markdown.splitlines():
        text = line.lstrip(" ")
        indent = len(line) - len(text)
        if fence:
            if text.startswith(fence):
                fence = ""
        elif text:
            in_text = bool(before) and not columns  # a line of text is above, which no list contains
            while columns and indent < columns[-1]:
                columns.pop()
            item = _ITEM.match(text)
            if item and in_text and not _may_interrupt(item[1]):
                item = None
            if item and indent - (columns[-1] if columns else 0) < 4:
                if in_text:
                    lines.append("")
                depth = len(columns)
                columns.append(indent + item.end())
                lines.append(" " * 4 * depth + f"{item[1]:<3} {text[item.end() :]}")
                before = line
                continue
            if text.startswith("|"):
                text = _CODE.sub(lambda code: code[0].replace("\\|", "|"), text)
                text = _UNIT.sub("\N{NO-BREAK SPACE}", text)
            opened = _FENCE.match(text)
            if opened:
                fence = opened[0]
        shift = 4 * len(columns) - columns[-1] if columns else 0
        lines.append(" " * (indent + shift) + text if text else "")
        before = line
    return "\n".join(lines) + "\n"


def _may_interrupt(marker: str) -> bool:
    """Return whether a list that begins with this marker may follow a line of text: any bullet, or the number 1."""
    return marker in ("*", "+", "-", "1.")
