"""Tables as plain text."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["text_table"]


def text_table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as aligned text.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first row is the header. All rows have the same number of cells. The first column is aligned left, the
        others are aligned right.

    Raises
    ------
    ValueError, IndexError
        If a row is longer or shorter than the first.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for number, row in enumerate(rows):
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
        ]
        lines.append("  ".join(cells).rstrip())
        if number == 0:
            lines.append("  ".join("-" * width for width in widths))
    return "\n".join(lines)
