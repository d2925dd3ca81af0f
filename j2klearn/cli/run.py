"""``j2klearn run``: run another program so that it decodes learned files at full quality."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

from ..errors import OptionError
from .arguments import Commands

__all__ = ["add_parser"]


def _run(options: argparse.Namespace) -> NoReturn:
    from ..interop.openjp2 import environment

    words = options.program[1:] if options.program[:1] == ["--"] else options.program
    if not words:
        raise OptionError("name the program to run: j2klearn run -- PROGRAM ARGUMENTS")
    variables = environment(os.environ, options.models)
    sys.stdout.flush()
    try:
        os.execvpe(words[0], words, variables)
    except OSError as error:
        raise OptionError(f"cannot run {words[0]}: {error.strerror}") from None


def add_parser(commands: Commands[argparse.ArgumentParser], help: str) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "run",
        help=help,
        description="Run a program that reads JPEG 2000 through OpenJPEG (libopenjp2), so that it decodes learned "
        "files at full quality. A library takes the place of OpenJPEG's by LD_PRELOAD, also of a bundled copy. Linux "
        "only.",
        epilog="Example: j2klearn run -- gdal_translate picture.jp2 picture.tif",
    )
    parser.add_argument(
        "--models",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="folder of further model files; may be given several times",
    )
    parser.add_argument(
        "program",
        nargs=argparse.REMAINDER,
        metavar="-- PROGRAM ARGUMENTS",
        help="the program and its arguments",
    )
    parser.set_defaults(run=_run)
