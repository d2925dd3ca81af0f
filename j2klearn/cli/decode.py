"""``j2klearn decode``: decode a JPEG 2000 file, or a part of it, to a picture file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.process_limits import Isolation
from .arguments import Commands, add_input, engine_parser, limits_parser, region, suffix
from .isolated import inside, run_isolated
from .progress_bar import ProgressBar
from .streams import output_file, report, shown

if TYPE_CHECKING:
    from ..api.picture_file import PictureFile

__all__ = ["add_parser"]


def _run(options: argparse.Namespace) -> int | None:
    if options.isolate and not inside():
        return run_isolated(options.words, Isolation())
    from ..api.picture_file import open as open_picture

    with output_file(options.output, options.format) as target, ProgressBar() as bar:
        picture = open_picture(
            options.input,
            model=options.model,
            engine=options.engine,
            threads=options.threads,
            max_pixels=options.max_pixels,
            draft=options.draft,
        )
        save = _save_samples if target.suffix.lower() == ".npy" else _save_picture
        height, width = save(picture, target, options, bar)
    report(options.output, f"{shown(options.output)}: {width} x {height}")
    return None


def _is_large(shape: tuple[int, ...], options: argparse.Namespace) -> bool:
    """Return whether the picture is decoded in parts; check the limit of pixels, which each part would meet."""
    from ..core.limits import check_pixels
    from ..io import memory_map

    if options.region is not None or shape[0] * shape[1] < memory_map.LARGE:
        return False
    check_pixels(shape[0], shape[1], options.max_pixels)
    return True


def _save_samples(
    picture: PictureFile, target: Path, options: argparse.Namespace, bar: ProgressBar
) -> tuple[int, int]:
    """Write the samples as `j2klearn.decode` returns them to a ``.npy`` file."""
    import numpy as np

    from ..io import memory_map
    from ..io.atomic import write_by

    height, width = picture.shape_at(options.reduce)[:2]

    def write(path: Path) -> None:
        out, y = None, 0
        for band in picture.bands(reduce=options.reduce, layers=options.layers, progress=bar):
            if out is None:
                out = memory_map.make_array(path, ".npy", (height, *band.shape[1:]), band.dtype)
            out[y : y + len(band)] = band
            y += len(band)
        assert out is not None  # a picture has at least one row
        out.flush()

    def write_small(path: Path) -> None:
        nonlocal height, width
        image = picture.read(options.region, reduce=options.reduce, layers=options.layers, progress=bar)
        height, width = image.shape[:2]
        with path.open("wb") as stream:
            np.save(stream, image, allow_pickle=False)

    write_by(target, write if _is_large((height, width), options) else write_small)
    return height, width


def _save_picture(
    picture: PictureFile, target: Path, options: argparse.Namespace, bar: ProgressBar
) -> tuple[int, int]:
    """Write a picture file, with colours, depth and metadata as its format means them."""
    from ..api.rendering import Rendering
    from ..io.picture_format import format_of
    from ..io.picture_writer import write_in_parts, write_picture

    file_format = format_of(target)
    rendering = Rendering(picture.file.codestream, picture.file.header, file_format.spaces)
    file_format.check(rendering.meaning, rendering.components, rendering.dtype)
    top, left = (max(0, start) for start in (options.region or (0, 0))[:2])
    metadata = rendering.metadata((top, left), min(options.reduce, picture.levels))
    raw = picture.raw_components()
    height, width = raw.shape_at(options.reduce)[:2]
    if _is_large((height, width), options):
        bands = raw.bands(reduce=options.reduce, layers=options.layers, progress=bar)
        size = (height, width) if rendering.components == 1 else (height, width, rendering.components)
        rendered = (rendering(band) for band in bands)
        write_in_parts(target, size, rendering.dtype, rendered, rendering.meaning, metadata)
        return height, width
    image = raw.read(options.region, reduce=options.reduce, layers=options.layers, progress=bar)
    write_picture(target, rendering(image), rendering.meaning, metadata)
    return image.shape[0], image.shape[1]


def add_parser(commands: Commands[argparse.ArgumentParser], help: str) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "decode",
        parents=[limits_parser(), engine_parser()],
        help=help,
        description="Decode a JPEG 2000 file, learned or ordinary. The suffix of OUT selects the format to write. "
        "Colours, depth, alpha and metadata are those of the file, as far as the format holds them; .npy holds the "
        "samples as j2klearn.decode returns them.",
        epilog="example:  j2klearn decode scan.jp2 corner.png --region 0,0,512,512 --reduce 1",
    )
    add_input(parser)
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
    parser.add_argument(
        "--draft",
        action="store_true",
        help="leave out the learned de-quantisation: faster, with some loss of quality at low rates",
    )
    parser.add_argument(
        "--isolate",
        action="store_true",
        help="read the file in a child process with limits of memory and time, for files that nobody trusts",
    )
    parser.set_defaults(run=_run)
