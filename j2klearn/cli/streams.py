"""Standard input and output, and pipes, in the place of files: ``-``, ``/dev/stdin``, FIFOs."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..errors import OptionError, WriteError
from ..io.atomic import cannot_write
from ..io.pipes import copy_out, is_pipe

__all__ = ["STANDARD", "keep_pictures", "output_file", "report", "shown"]

#: The name of standard input, and of standard output.
STANDARD = Path("-")


def keep_pictures(jobs: Sequence[tuple[Path, Path]]) -> None:
    """Check that no picture would be written over one that is read.

    Parameters
    ----------
    jobs : sequence of (Path, Path)
        What is read, and what is written from it, as the user typed it.

    Raises
    ------
    OptionError
        If a file to write is one of the pictures, by any name.
    """
    pictures = {os.path.realpath(source) for source, _ in jobs if source != STANDARD and not is_pipe(source)}
    for _, target in jobs:
        if target != STANDARD and not is_pipe(target) and os.path.realpath(target) in pictures:
            raise OptionError(f"{target} is the picture that is read, and would be lost: choose another file")


@contextmanager
def output_file(path: Path, suffix: str) -> Iterator[Path]:
    """Yield the file to write: `path`, or a temporary file that is copied to standard output or a pipe at the end.

    Parameters
    ----------
    path : Path
        What the user typed.
    suffix : str
        Suffix of the temporary file, which selects its format.

    Raises
    ------
    WriteError
        If standard output or the pipe cannot be written.
    """
    if path != STANDARD and not is_pipe(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder, "output").with_suffix(suffix)
        yield temporary
        try:
            if path == STANDARD:
                copy_out(temporary, sys.stdout.buffer)
            else:
                with path.open("wb") as stream:
                    copy_out(temporary, stream)
        except BrokenPipeError:
            raise WriteError(f"cannot write {shown(path)}: its reader has ended") from None
        except OSError as error:
            raise cannot_write(Path(shown(path)), error) from None


def report(path: Path, line: str) -> None:
    """Print a line about a file that was written: to standard error if the file itself went to a stream."""
    print(line, file=sys.stderr if path == STANDARD or is_pipe(path) else sys.stdout)


def shown(path: Path) -> str:
    """Return the name of a file for messages."""
    return "standard output" if path == STANDARD else str(path)
