"""Options that the training commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["add_config", "add_data"]


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add the training configuration."""
    parser.add_argument(
        "config",
        metavar="CONFIG",
        help="training configuration: a TOML file, or the name of one of the package",
    )


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the folder of training pictures."""
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of training pictures, or of tar files with pictures",
    )
