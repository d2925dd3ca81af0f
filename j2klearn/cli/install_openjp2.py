"""``j2klearn install-openjp2``: copy the library in the place of OpenJPEG's into a folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import Commands

__all__ = ["add_parser"]


def _run(options: argparse.Namespace) -> None:
    from ..interop.openjp2 import LIBRARY, install

    files = install(options.folder)
    folder = options.folder.resolve()
    print(f"{len(files)} files in {folder}")
    print("programs decode learned files with one of these:")
    print(f"    LD_LIBRARY_PATH={folder}")
    print(f"    LD_PRELOAD={folder / LIBRARY}")


def add_parser(commands: Commands[argparse.ArgumentParser], help: str) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "install-openjp2",
        help=help,
        description="Copy the library in the place of OpenJPEG's, and the models, into a folder, for services and "
        "containers. Programs need neither Python nor j2klearn then. OpenJPEG itself stays where it is. Linux only.",
    )
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="a folder of its own; it is made if there is none"
    )
    parser.set_defaults(run=_run)
