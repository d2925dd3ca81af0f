"""``j2klearn encode``: encode one picture as a JPEG 2000 file."""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path

from .arguments import Commands, coding_of, coding_parser, is_raw, limits_parser
from .progress_bar import ProgressBar

__all__ = ["add_parser"]

_DESCRIPTION = """\
Encode a picture as JPEG 2000 with a learned wavelet transform. IN is a file in any
format that Pillow reads, or a TIFF file with any number of components. If the suffix
of OUT is .j2k, .j2c or .jpc, OUT is a bare codestream; otherwise it is a JP2 file,
which keeps the metadata of IN as "j2klearn convert" does.
"""

_EPILOG = """\
examples:
  j2klearn encode photo.png photo.jp2 --bpp 1
  j2klearn encode scan.tif scan.jp2 --psnr 42 --layers 6
  j2klearn encode photo.png photo.jp2 --profile neural --quality 30
  j2klearn encode scan.tif scan.jp2 --lossless --model none
"""


def _run(options: argparse.Namespace) -> None:
    from ..api.convert import picture_metadata
    from ..api.encode import encode_with
    from ..api.encode_file import encode_file_with
    from ..io import memory_map
    from ..io.atomic import write_whole
    from ..io.pictures import read_picture
    from ..jp2.metadata import add_metadata

    coding = replace(coding_of(options), jp2=not is_raw(options.output))
    image = memory_map.open_array(options.input) if not coding.neural and coding.psnr is None else None
    with ProgressBar() as bar:
        if image is not None and math.prod(image.shape[:2]) >= memory_map.LARGE:
            size = encode_file_with(image, options.output, replace(coding, progress=bar))
        else:
            image = read_picture(options.input)
            data = encode_with(image, replace(coding, progress=bar))
            if coding.jp2:
                data = add_metadata(data, picture_metadata(options.input))
            write_whole(options.output, data)
            size = len(data)
    print(f"{options.output}: {size} bytes, {8 * size / math.prod(image.shape[:2]):.3f} bpp")


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
    parser.add_argument("input", type=Path, metavar="IN", help="picture to encode")
    parser.add_argument("output", type=Path, metavar="OUT", help="JPEG 2000 file to write")
    parser.set_defaults(run=_run)
