"""Options that several commands share, and the functions that parse their values."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import IO

from ..core.limits import MAX_PIXELS
from ..models.model import ENGINES

__all__ = [
    "Commands",
    "add_input",
    "division",
    "engine_parser",
    "is_raw",
    "limits_parser",
    "pixel_limit",
    "pixels_parser",
    "region",
    "source",
    "suffix",
]

#: Type of the object to which each command adds its parser.
Commands = argparse._SubParsersAction


def region(text: str) -> tuple[int, int, int, int]:
    """Parse a region, ``Y0,X0,Y1,X1``, in pixels."""
    try:
        y0, x0, y1, x1 = (int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not four integers Y0,X0,Y1,X1") from None
    return y0, x0, y1, x1


def pixel_limit(text: str) -> int | None:
    """Parse a number of pixels; 0 returns None, which means no limit."""
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of pixels") from None
    return value or None


def is_raw(path: Path) -> bool:
    """Return whether the suffix of a path means a bare codestream rather than a JP2 file."""
    return path.suffix.lower() in (".j2k", ".j2c", ".jpc")


def source(text: str) -> str | Path | IO[bytes]:
    """Return a URL as a string, standard input for ``-``, and any other text as a path."""
    if text == "-":
        return sys.stdin.buffer
    return text if "://" in text else Path(text)


def suffix(text: str) -> str:
    """Return the suffix of a file format, typed with or without its dot."""
    return "." + text.removeprefix(".").lower()


def division(text: str) -> str:
    """Return where tile-parts begin, as letters; nothing for ``none``."""
    return "" if text.lower() == "none" else text.upper()


def pixels_parser() -> argparse.ArgumentParser:
    """Return a parent parser with ``--max-pixels``."""
    pixels = argparse.ArgumentParser(add_help=False)
    pixels.add_argument(
        "--max-pixels",
        type=pixel_limit,
        default=MAX_PIXELS,
        metavar="N",
        help="refuse pictures with more than N pixels (default: %(default)s; 0: no limit)",
    )
    return pixels


def limits_parser() -> argparse.ArgumentParser:
    """Return a parent parser with ``--max-pixels`` and ``--threads``."""
    limits = argparse.ArgumentParser(add_help=False, parents=[pixels_parser()])
    limits.add_argument(
        "--threads", type=int, metavar="N", help="number of threads (default: one per processor)"
    )
    return limits


def add_input(parser: argparse.ArgumentParser) -> None:
    """Add the argument IN of a command that reads one JPEG 2000 file."""
    parser.add_argument(
        "input", type=source, metavar="IN", help="JPEG 2000 file, or its URL; - for standard input"
    )


def engine_parser() -> argparse.ArgumentParser:
    """Return a parent parser with ``--engine``."""
    engine = argparse.ArgumentParser(add_help=False)
    engine.add_argument(
        "--engine",
        choices=ENGINES,
        default="auto",
        help="what computes the learned steps: native code in integers, or PyTorch (default: native where possible)",
    )
    return engine
