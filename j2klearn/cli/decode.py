"""``j2klearn decode``: decode a JPEG 2000 file, or a part of it, to a picture file."""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import Commands, limits_parser, region, source, suffix
from .progress_bar import ProgressBar
from .streams import output_file, report, shown

__all__ = ["add_parser"]


def _run(options: argparse.Namespace) -> None:
    from ..api.picture_file import open as open_picture
    from ..core.limits import check_pixels
    from ..io import memory_map
    from ..io.atomic import write_by
    from ..io.pictures import write_picture

    with output_file(options.output, options.format) as target, ProgressBar() as bar:
        picture = open_picture(
            options.input, model=options.model, threads=options.threads, max_pixels=options.max_pixels
        )
        reduce = min(options.reduce, picture.levels)
        height, width = (-(-side >> reduce) for side in picture.shape[:2])
        if options.region is None and height * width >= memory_map.LARGE:
            check_pixels(height, width, options.max_pixels)
            shape = (height, width, *picture.shape[2:])

            def write(path: Path) -> None:
                out = memory_map.make_array(path, target.suffix, shape, picture.dtype)
                picture.copy_to(out, reduce=options.reduce, layers=options.layers, progress=bar)
                out.flush()

            write_by(target, write)
        else:
            image = picture.read(options.region, reduce=options.reduce, layers=options.layers, progress=bar)
            height, width = image.shape[:2]
            write_picture(target, image)
    report(options.output, f"{shown(options.output)}: {width} x {height}")


def add_parser(commands: Commands[argparse.ArgumentParser], help: str) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "decode",
        parents=[limits_parser()],
        help=help,
        description="Decode a JPEG 2000 file, learned or ordinary. The suffix of OUT selects the format to write.",
        epilog="example:  j2klearn decode scan.jp2 corner.png --region 0,0,512,512 --reduce 1",
    )
    parser.add_argument(
        "input", type=source, metavar="IN", help="JPEG 2000 file, or its URL; - for standard input"
    )
    parser.add_argument(
        "output", type=Path, metavar="OUT", help="picture file to write; - for standard output"
    )
    parser.add_argument(
        "--format",
        type=suffix,
        default=".png",
        metavar="SUFFIX",
        help="format of a picture that is written to standard output or a pipe: png, tif, npy, ... (default: png)",
    )
    parser.add_argument(
        "--reduce",
        type=int,
        default=0,
        metavar="N",
        help="skip the N highest resolutions; each halves width and height",
    )
    parser.add_argument(
        "--layers",
        type=int,
        default=0,
        metavar="N",
        help="decode only the first N quality layers (default: all)",
    )
    parser.add_argument(
        "--region",
        type=region,
        metavar="Y0,X0,Y1,X1",
        help="region to decode, in pixels of the full resolution",
    )
    parser.add_argument(
        "--model", metavar="NAME|FILE", help="model of the file, if it is not one of the installed ones"
    )
    parser.set_defaults(run=_run)
