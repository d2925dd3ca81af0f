"""Lists as Python-Markdown reads them.

On a code-hosting site (CommonMark) the text of a list item is indented as far as its first word: two columns after
``*``, three after ``1.``. Python-Markdown wants four columns, and an empty line before a list.
"""

from __future__ import annotations

import re

_ITEM = re.compile(r"([*+-]|\d+\.)( +)(?=\S)")
_FENCE = re.compile(r"```+|~~~+")


def with_four_spaces(markdown: str) -> str:
    """Return the text with lists that Python-Markdown reads as CommonMark reads the given ones."""
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
            while columns and indent < columns[-1]:
                columns.pop()
            item = _ITEM.match(text)
            if item and indent - (columns[-1] if columns else 0) < 4:
                if not columns and before and not _ITEM.match(before.lstrip()):
                    lines.append("")
                depth = len(columns)
                columns.append(indent + item.end())
                lines.append(" " * 4 * depth + f"{item[1]:<3} {text[item.end() :]}")
                before = line
                continue
            opened = _FENCE.match(text)
            if opened:
                fence = opened[0]
        shift = 4 * len(columns) - columns[-1] if columns else 0
        lines.append(" " * (indent + shift) + text if text else "")
        before = line
    return "\n".join(lines) + "\n"
