"""The log of a training run: a CSV file, written row by row."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..io.atomic import write_whole

__all__ = ["Log"]


class Log:
    """A CSV file. Each row begins with the number of a step, in rising order.

    Parameters
    ----------
    path : Path
        The file; the first row creates it.
    header : sequence of str
        Names of the columns.
    first : {0, 1}
        Number of the first step, from which `cut` counts.
    """

    def __init__(self, path: Path, header: Sequence[str], first: int = 1) -> None:
        self.path, self.header, self.first = path, tuple(header), first

    def append(self, row: Sequence[Any]) -> None:
        """Append a row; write the header first if there is no file yet."""
        new = not self.path.exists()
        with self.path.open("a", newline="") as stream:
            writer = csv.writer(stream)
            if new:
                writer.writerow(self.header)
            writer.writerow(row)

    def cut(self, steps: int) -> None:
        """Remove the rows after the first `steps` steps, and an incomplete last row."""
        if not self.path.exists():
            return
        with self.path.open(newline="") as stream:
            text = stream.read()
        complete = text[: text.rfind("\n") + 1]
        rows = list(csv.reader(io.StringIO(complete, newline="")))[1:]
        kept = [row for row in rows if int(row[0]) < steps + self.first]
        out = io.StringIO(newline="")
        csv.writer(out).writerows([self.header, *kept])
        write_whole(self.path, out.getvalue().encode())

    def remove(self) -> None:
        """Remove the file, if it exists."""
        self.path.unlink(missing_ok=True)
