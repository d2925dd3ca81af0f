"""``j2klearn repack``: move or drop the packets of a file, without coding anything again."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..ebcot.layout import PROGRESSIONS
from ..errors import OptionError
from .arguments import Commands, add_input, division, is_raw
from .streams import keep_pictures, output_file, report, shown

__all__ = ["add_parser"]

_DESCRIPTION = """\
Write a JPEG 2000 file with the packets of another: in another order, in other
tile-parts, with lengths for readers of regions, or with fewer quality layers or
resolutions. Nothing is decoded, so samples stay as they are, and it takes little time.
Boxes with colours and metadata are kept.
"""

_EPILOG = """\
examples:
  j2klearn repack scan.jp2 served.jp2 --progression RPCL --tile-parts R --plt --tlm
  j2klearn repack scan.jp2 small.jp2 --resolutions 4
  j2klearn repack scan.jp2 draft.jp2 --layers 3
"""


def _run(options: argparse.Namespace) -> None:
    from ..api.repack import repack
    from ..io.atomic import write_whole
    from ..jp2.boxes import find_codestream, is_jp2

    drops = options.layers is not None or options.resolutions is not None
    if drops and isinstance(options.input, Path):  # what is only moved may replace its file
        keep_pictures([(options.input, options.output)])
    data = repack(
        options.input,
        progression=options.progression,
        tile_parts=options.tile_parts,
        layers=options.layers,
        resolutions=options.resolutions,
        plt=options.plt,
        tlm=options.tlm,
    )
    if is_raw(options.output):
        data = find_codestream(data)
    elif options.output.suffix and not is_jp2(data):
        raise OptionError("IN is a bare codestream: the suffix of OUT has to be .j2k, .j2c or .jpc")
    with output_file(options.output, ".jp2") as target:
        write_whole(target, data)
    report(options.output, f"{shown(options.output)}: {len(data)} bytes")


def add_parser(commands: Commands[argparse.ArgumentParser], help: str) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "repack",
        help=help,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_input(parser)
    parser.add_argument(
        "output",
        type=Path,
        metavar="OUT",
        help="file to write; if its suffix is .j2k, .j2c or .jpc, a bare codestream; - for standard output",
    )
    parser.add_argument(
        "--progression",
        type=str.upper,
        choices=PROGRESSIONS,
        help="order of the packets (default: as it is)",
    )
    parser.add_argument(
        "--tile-parts",
        type=division,
        metavar="R|L|C|none",
        help="begin a tile-part with each resolution (R), layer (L) or component (C), or several letters; none: one "
        "tile-part for each tile (default: as they are, if the order stays)",
    )
    parser.add_argument(
        "--layers", type=int, metavar="N", help="keep the first N quality layers (default: all)"
    )
    parser.add_argument(
        "--resolutions", type=int, metavar="N", help="keep the N lowest resolutions (default: all)"
    )
    for name, what in (("plt", "packet lengths (PLT)"), ("tlm", "tile-part lengths (TLM)")):
        parser.add_argument(
            f"--{name}",
            action=argparse.BooleanOptionalAction,
            help=f"write {what}, which readers of regions use (default: if IN has them)",
        )
    parser.set_defaults(run=_run)
