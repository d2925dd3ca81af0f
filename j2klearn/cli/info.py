"""``j2klearn info``: what a file is, without decoding it."""

from __future__ import annotations

import argparse

from .arguments import Commands, source

__all__ = ["add_parser"]


def _run(options: argparse.Namespace) -> None:
    from .outline import outline

    print(outline(options.input, full=options.full))


def add_parser(commands: Commands[argparse.ArgumentParser], help: str) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser("info", help=help)
    parser.add_argument("input", type=source, metavar="FILE", help="JPEG 2000 file, or URL of one")
    parser.add_argument(
        "--full", action="store_true", help="print all that boxes and main header hold, as jp2dump does"
    )
    parser.set_defaults(run=_run)
