"""``j2klearn info``: print the properties and the structure of a file without decoding it, or versions."""

from __future__ import annotations

import argparse

from ..errors import OptionError
from .arguments import Commands, source

__all__ = ["add_parser"]


def _run(options: argparse.Namespace) -> None:
    if options.versions:
        from . import versions

        print(versions.as_json() if options.json else versions.as_text())
        return
    if options.input is None:
        raise OptionError("name the file, or ask for --versions")
    from .outline import as_json, outline

    if options.json:
        print(as_json(options.input))
        return
    print(outline(options.input, full=options.full))


def add_parser(commands: Commands[argparse.ArgumentParser], help: str) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "info",
        help=help,
        description="Print the properties of a JPEG 2000 file, then a line for each box and for each marker segment of "
        "the main header, with its offset and its length in bytes. Nothing is decoded.",
    )
    parser.add_argument(
        "input",
        nargs="?",
        type=source,
        metavar="FILE",
        help="JPEG 2000 file; or its URL, of which only the properties are printed",
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="print the contents of boxes and main header too, as glymur's jp2dump does",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the properties as a JSON object, for programs; its names are those of j2klearn.info",
    )
    parser.add_argument(
        "--versions",
        action="store_true",
        help="print the versions of j2klearn and of what it uses, where its OpenJPEG is, and the published faults that "
        "this version of OpenJPEG has as it was released; no FILE is needed",
    )
    parser.set_defaults(run=_run)
