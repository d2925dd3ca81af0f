"""``j2klearn convert``: picture files, or folders of them, into JP2 files that keep their metadata."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import J2KError, OptionError
from ..io.pictures import SUFFIXES, pictures_in
from ..jp2.metadata import Metadata, add_metadata
from .options import EncodeOptions

__all__ = ["Converted", "add_parser", "convert", "picture_metadata"]


_TIFF = (".tif", ".tiff")

#: TIFF tags that place a picture on the earth (GeoTIFF 1.1, 7.1), which a GeoJP2 box holds.
_GEO_TAGS = (33550, 33922, 34264, 34735, 34736, 34737, 42113)

#: TIFF tags of how samples are stored, which say nothing of the picture.
_STORAGE_TAGS = {
    *range(254, 260), 262, 263, 266, 273, 277, 278, 279, 284, 317, 318, 319, 320,
    *range(322, 326), 330, 338, 339, 347, 529, 530, 531, 532, 700, 33723, 34377, 34675, *_GEO_TAGS,
}  # fmt: skip


def picture_metadata(path: Path) -> Metadata:
    """Return the metadata of a TIFF, JPEG or PNG file."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            info = dict(picture.info)
            exif = picture.getexif()
            for tag in _STORAGE_TAGS & set(exif):
                del exif[tag]
            encoded = exif.tobytes().removeprefix(b"Exif\x00\x00") if len(exif) else None
    except UnidentifiedImageError:  # a TIFF file that Pillow has no mode for
        info, encoded = {}, None
    xmp = info.get("xmp")
    return Metadata(
        icc_profile=info.get("icc_profile") or None,
        exif=encoded,
        xmp=xmp.encode() if isinstance(xmp, str) else xmp or None,
        geotiff=_geotiff(path) if path.suffix.lower() in _TIFF else None,
        dpi=_dpi(info.get("dpi")),
    )


def _dpi(value: Any) -> tuple[float, float] | None:
    return None if value is None else (float(value[0]), float(value[1]))


def _geotiff(path: Path) -> bytes | None:
    """Return what a GeoJP2 box holds: a TIFF file of one pixel with the tags of the place; None if there are none."""
    import numpy as np
    import tifffile

    with tifffile.TiffFile(path) as file:
        tags = [tag for tag in file.pages[0].tags if tag.code in _GEO_TAGS]  # type: ignore[union-attr]
        extra = [(tag.code, tag.dtype, tag.count, tag.value, True) for tag in tags]
    if not extra:
        return None
    out = io.BytesIO()
    tifffile.imwrite(
        out, np.zeros((1, 1), np.uint8), extratags=extra, metadata=None, byteorder="<", software=False
    )
    return out.getvalue()


class Converted(NamedTuple):
    """What `convert` has written: the number of bytes, and that of pixels."""

    bytes: int
    pixels: int


def convert(source: Path, target: Path, options: EncodeOptions) -> Converted:
    """Convert one picture file, with its metadata; return how much was written.

    Parameters
    ----------
    source, target : Path
        Picture file, and JP2 file to write.
    options : EncodeOptions
        How it is coded.

    Raises
    ------
    J2KError
        If the picture cannot be read, coded or written.
    """
    from ..io.atomic import write_whole
    from ..io.pictures import read_picture
    from .encode import encode_with

    image = read_picture(source)
    data = add_metadata(encode_with(image, options), picture_metadata(source))
    write_whole(target, data)
    return Converted(len(data), image.shape[0] * image.shape[1])


def _jobs(
    inputs: Sequence[Path], output: Path, refused: Callable[[OSError], object]
) -> Iterator[tuple[Path, Path]]:
    """Yield what becomes of what."""
    if len(inputs) == 1 and not inputs[0].is_dir() and not output.is_dir():
        yield inputs[0], output
        return
    for path in inputs:
        if path.is_dir():
            for file in pictures_in(path, refused):
                yield file, output / file.relative_to(path).with_suffix(".jp2")
        else:
            yield path, output / path.with_suffix(".jp2").name


def _run(options: argparse.Namespace, coding: Callable[[argparse.Namespace], EncodeOptions]) -> int:
    refusals: list[OSError] = []
    jobs = list(_jobs(options.inputs, options.output, refusals.append))
    for refusal in refusals:
        print(f"error: {refusal.filename}: {refusal.strerror}", file=sys.stderr)
    if not jobs:
        raise OptionError(f"there is no {', '.join(SUFFIXES)} file to convert")
    targets = [target for _, target in jobs]
    if len(set(targets)) < len(targets):
        raise OptionError("two pictures would become one file: convert them one by one")
    failed = len(refusals)
    for source, target in jobs:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            size = convert(source, target, coding(options)).bytes
        except (J2KError, OSError) as error:
            print(f"error: {source}: {error}", file=sys.stderr)
            failed += 1
        else:
            print(f"{source} -> {target}: {size} bytes")
    return 1 if failed else 0


def add_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    parents: list[argparse.ArgumentParser],
    coding: Callable[[argparse.Namespace], EncodeOptions],
) -> None:
    """Add the command to those of the command line; `coding` turns its options into arguments of `encode`."""
    parser = commands.add_parser(
        "convert",
        parents=parents,
        help="convert picture files or folders to JP2, with their metadata",
        description="Convert TIFF, JPEG and PNG files, or all such files of a folder, to JP2. ICC profile, EXIF, XMP, "
        "resolution and GeoTIFF tags are kept.",
        epilog="examples:  j2klearn convert scans/ jp2/ --ratio 15    j2klearn convert map.tif map.jp2 --psnr 45",
    )
    parser.add_argument("inputs", type=Path, nargs="+", metavar="IN", help="picture files, or folders")
    parser.add_argument("output", type=Path, metavar="OUT", help="JP2 file for a single file, else a folder")
    parser.set_defaults(run=lambda options: _run(options, coding))
