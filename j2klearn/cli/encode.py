"""``j2klearn encode``: encode one picture as a JPEG 2000 file."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from .arguments import Commands, is_raw, limits_parser
from .coding_arguments import coding_of, coding_parser
from .progress_bar import ProgressBar
from .streams import keep_pictures, output_file, report, shown

__all__ = ["add_parser"]

_DESCRIPTION = """\
Encode a picture as JPEG 2000 with a learned wavelet transform. IN is a TIFF, PNG,
PNM, .npy, JPEG 2000, JPEG, WebP, GIF or BMP file, or - for the standard input. Bit
depth, colours, alpha and metadata are kept. If the suffix of OUT is .j2k, .j2c or
.jpc, OUT is a bare codestream; if it is .jpx or .jpf, a JPX file; otherwise it is a
JP2 file.
"""

_EPILOG = """\
examples:
  j2klearn encode photo.png photo.jp2 --bpp 1
  j2klearn encode scan.tif scan.jp2 --psnr 42 --layers 6
  j2klearn encode photo.png photo.jp2 --profile neural --quality 30
  j2klearn encode scan.tif scan.jp2 --lossless --model none
  curl https://host/photo.png | j2klearn encode - - --bpp 1 > photo.jp2
"""


def _run(options: argparse.Namespace) -> None:
    from ..api.convert import convert

    keep_pictures([(options.input, options.output)])
    coding = replace(coding_of(options), jp2=not is_raw(options.output))
    with output_file(options.output, ".jp2") as target, ProgressBar() as bar:
        done = convert(options.input, target, replace(coding, progress=bar), page=options.page)
    report(
        options.output,
        f"{shown(options.output)}: {done.bytes} bytes, {8 * done.bytes / done.pixels:.3f} bpp",
    )


def add_parser(commands: Commands[argparse.ArgumentParser], help: str) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "encode",
        parents=[limits_parser(), coding_parser()],
        help=help,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", type=Path, metavar="IN", help="picture to encode; - for standard input")
    parser.add_argument(
        "output", type=Path, metavar="OUT", help="JPEG 2000 file to write; - for standard output"
    )
    parser.add_argument(
        "--page", type=int, metavar="N", help="which picture of a file with several, from 0 on"
    )
    parser.set_defaults(run=_run)
