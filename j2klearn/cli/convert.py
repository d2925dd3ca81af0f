"""``j2klearn convert``: convert picture files, or folders of them, to JP2 files that keep their metadata."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ..errors import J2KError, OptionError
from ..io.pictures import SUFFIXES, pictures_in
from .arguments import Commands, limits_parser
from .coding_arguments import coding_of, coding_parser
from .streams import keep_pictures, output_file, report, shown

__all__ = ["add_parser"]

_DESCRIPTION = """\
Convert picture files, or all TIFF, JPEG and PNG files in a folder and its subfolders,
to JP2. Bit depth, colours, alpha, ICC profile, EXIF, XMP, IPTC, resolution and GeoTIFF
tags are kept. Files may be JPEG 2000 files, too, learned or not: their boxes are kept.
"""

_EPILOG = """\
examples:
  j2klearn convert scans/ jp2/ --ratio 15
  j2klearn convert map.tif map.jp2 --psnr 45
  j2klearn convert old.jp2 new.jp2 --ratio 20
"""


def _jobs(
    inputs: Sequence[Path], output: Path, refused: Callable[[OSError], object]
) -> Iterator[tuple[Path, Path]]:
    """Yield the path of each picture and of its JP2 file; call `refused` for each folder that cannot be read."""
    if len(inputs) == 1 and not inputs[0].is_dir() and not output.is_dir():
        yield inputs[0], output
        return
    for path in inputs:
        if path.is_dir():
            for file in pictures_in(path, refused):
                yield file, output / file.relative_to(path).with_suffix(".jp2")
        else:
            yield path, output / path.with_suffix(".jp2").name


def _run(options: argparse.Namespace) -> int:
    from ..api.convert import convert

    refusals: list[OSError] = []
    jobs = list(_jobs(options.inputs, options.output, refusals.append))
    for refusal in refusals:
        print(f"error: {refusal.filename}: {refusal.strerror}", file=sys.stderr)
    if not jobs:
        raise OptionError(f"no file to convert was found: their suffixes are {', '.join(SUFFIXES)}")
    targets = [target for _, target in jobs]
    if len(set(targets)) < len(targets):
        raise OptionError("two pictures would be written to the same file: convert them one by one")
    keep_pictures(jobs)
    failed = len(refusals)
    for source, target in jobs:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with output_file(target, ".jp2") as there:
                size = convert(source, there, coding_of(options), page=options.page).bytes
        except (J2KError, OSError) as error:
            reason = str(error)
            print(f"error: {reason if str(source) in reason else f'{source}: {reason}'}", file=sys.stderr)
            failed += 1
        else:
            report(target, f"{source} -> {shown(target)}: {size} bytes")
    return 1 if failed else 0


def add_parser(commands: Commands[argparse.ArgumentParser], help: str) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "convert",
        parents=[limits_parser(), coding_parser()],
        help=help,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "inputs", type=Path, nargs="+", metavar="IN", help="picture files, or folders; - for stdin"
    )
    parser.add_argument(
        "output",
        type=Path,
        metavar="OUT",
        help="JP2 file to write if IN is a single file, - for stdout; else a folder",
    )
    parser.add_argument(
        "--page", type=int, metavar="N", help="which picture of a file with several, from 0 on"
    )
    parser.set_defaults(run=_run)
