"""Conversion of picture files to JPEG 2000 files that keep their metadata."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from ..core.limits import MAX_PIXELS, check_pixels
from ..core.warning import warn_caller
from ..errors import InputError, InputWarning
from ..io import memory_map
from ..io.atomic import temporary_beside, write_by, write_whole
from ..io.input_picture import ALPHA, COLOURS, UNSPECIFIED, InputPicture
from ..io.picture_metadata import Metadata
from ..io.picture_reader import open_picture
from ..jp2.boxes import is_jp2
from ..jp2.kept_boxes import channel_types, enumerated, needs_jpx, with_boxes
from ..jp2.metadata import add_metadata, is_metadata
from ..jp2.peek import top_boxes
from .options import EncodeOptions

__all__ = ["Converted", "convert", "picture_metadata"]

_CODESTREAM_SUFFIXES = (".j2k", ".j2c", ".jpc")
_JPX_SUFFIXES = (".jpx", ".jpf")


class Converted(NamedTuple):
    """The result of `convert`: number of bytes written, and number of pixels of the picture."""

    bytes: int
    pixels: int


def picture_metadata(path: Path) -> Metadata:
    """Return the metadata of a picture file.

    Parameters
    ----------
    path : Path
        The file, in any format that `convert` reads.

    Returns
    -------
    Metadata
        ICC profile, EXIF, XMP, GeoTIFF tags and resolution, as far as the file has them.

    Raises
    ------
    J2KError
        If the file cannot be read.
    """
    with open_picture(path, max_pixels=None) as picture:
        return picture.metadata


def convert(
    source: str | os.PathLike[str], target: Path, options: EncodeOptions, *, page: int | None = None
) -> Converted:
    """Convert one picture file to a JPEG 2000 file that means the same.

    Bit depth, colour space, alpha and metadata are those of the picture, unless the options say another. The boxes of
    a JPEG 2000 file are kept as they are. Large pictures are read and coded in parts: the default of
    `options.max_pixels` does not limit them, and any other value does.

    Parameters
    ----------
    source : path
        Picture file to read; ``-`` is the standard input.
    target : Path
        File to write: a bare codestream if its suffix is .j2k, .j2c or .jpc, a JPX file if it is .jpx or .jpf, else a
        JP2 file.
    options : EncodeOptions
        How to encode it.
    page : int, optional
        Which picture of a file with several, from 0 on.

    Returns
    -------
    Converted
        Bytes written, and pixels.

    Raises
    ------
    J2KError
        If the picture cannot be read, coded or written, or if the file to write cannot say what its colours mean.

    Warns
    -----
    InputWarning
        If something is not kept besides the samples.
    """
    suffix = target.suffix.lower()
    with open_picture(source, page=page, max_pixels=options.max_pixels) as picture:
        options = _of_picture(options, picture, jp2=options.jp2 and suffix not in _CODESTREAM_SUFFIXES)
        dressing = _Dressing.of(picture, options, jpx=suffix in _JPX_SUFFIXES, name=str(source))
        in_parts = not options.neural and options.psnr is None and picture.pixels >= memory_map.LARGE
        if not (in_parts and picture.in_parts and options.max_pixels == MAX_PIXELS):
            check_pixels(picture.shape[0], picture.shape[1], options.max_pixels)
        if in_parts:
            size = _in_parts(picture, target, options, dressing)
        else:
            size = _in_memory(picture, target, options, dressing)
        return Converted(size, picture.pixels)


def _of_picture(options: EncodeOptions, picture: InputPicture, *, jp2: bool) -> EncodeOptions:
    """Return the options, completed by what the picture says."""
    changes: dict[str, object] = {"jp2": jp2}
    if options.bit_depth is None:
        changes["bit_depth"] = picture.bit_depth
    if options.colorspace is None and picture.colour is not None:
        changes["colorspace"] = "rgb" if picture.colour == "rgb" else "grey"
    elif options.colorspace is None and picture.header_boxes and len(picture.shape) == 3:
        changes["colorspace"] = "grey"  # a colour space without a name: no component transform
    if options.alpha is None and picture.extra is not None:
        changes["alpha"] = picture.extra[:1] == (ALPHA,)
    return replace(options, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Dressing:
    """The boxes around the codestream that `encode` does not write by itself."""

    header: Sequence[tuple[bytes, bytes]]
    other: Sequence[tuple[bytes, bytes]]
    metadata: Metadata
    jpx: bool

    @classmethod
    def of(cls, picture: InputPicture, options: EncodeOptions, *, jpx: bool, name: str) -> _Dressing:
        header = _header_boxes(picture)
        if not options.jp2:
            _warn_of_losses(picture, name)
            return cls((), (), Metadata(), False)
        if options.neural and _is_unusual(picture):
            raise InputError(
                f"{name} has colours or alpha that a file of the neural profile cannot say: use the profile ebcot"
            )
        if not jpx and (missing := needs_jpx(header)):
            raise InputError(
                f"{name} has the colours {missing}, which a JP2 file cannot say: write a .jpx file"
            )
        if options.neural:
            resolution = tuple(part for part in picture.header_boxes if part[0] == b"res ")
            metadata = replace(picture.metadata, dpi=None) if resolution else picture.metadata
            kept = [part for part in picture.other_boxes if not is_metadata(*part)]
            return cls(resolution, kept, metadata, jpx)
        if picture.header_boxes:  # a JPEG 2000 file: its boxes hold its metadata
            return cls(header, picture.other_boxes, Metadata(), jpx)
        return cls(header, picture.other_boxes, picture.metadata, jpx)

    def apply(self, head: bytes) -> bytes:
        """Return the boxes before the codestream with these boxes and metadata."""
        if not is_jp2(head):
            return head
        if self.header or self.other or self.jpx:
            head = with_boxes(head, self.header, self.other, jpx=self.jpx)
        return add_metadata(head, self.metadata)


def _is_unusual(picture: InputPicture) -> bool:
    """Return whether `encode` does not say the colours and the extra components of a picture by itself."""
    if picture.header_boxes and (picture.colour is None or picture.extra is None):
        return True
    extra = picture.extra or ()
    after = extra[1:] if extra[:1] == (ALPHA,) else extra
    return picture.colour not in (None, "grey", "rgb") or any(kind != UNSPECIFIED for kind in after)


def _header_boxes(picture: InputPicture) -> tuple[tuple[bytes, bytes], ...]:
    """Return the boxes of the JP2 header that say what the components mean, if `encode` does not."""
    if picture.header_boxes:
        return picture.header_boxes
    if not _is_unusual(picture) or picture.colour is None:
        return ()
    extra = picture.extra or ()
    boxes = (enumerated(picture.colour),)
    return (*boxes, channel_types(COLOURS[picture.colour], extra)) if extra else boxes


def _warn_of_losses(picture: InputPicture, name: str) -> None:
    lost = [
        said
        for said, value in {
            "ICC profile": picture.metadata.icc_profile,
            "EXIF": picture.metadata.exif,
            "XMP": picture.metadata.xmp,
            "GeoTIFF tags": picture.metadata.geotiff,
            "resolution": picture.metadata.dpi,
            "IPTC": picture.metadata.iptc,
            "Photoshop's image resources": picture.metadata.photoshop,
        }.items()
        if value is not None
    ]
    if _is_unusual(picture) and picture.colour is not None:
        lost.insert(0, "colours or alpha")
    if lost:
        warn_caller(f"a bare codestream cannot keep the {', '.join(lost)} of {name}", InputWarning)


def _in_memory(picture: InputPicture, target: Path, options: EncodeOptions, dressing: _Dressing) -> int:
    from .encode import encode_with

    data = encode_with(picture.read(), options)
    if is_jp2(data):
        at = _codestream_box(data)
        data = dressing.apply(data[:at]) + data[at:]
    write_whole(target, data)
    return len(data)


def _codestream_box(data: bytes) -> int:
    return next(part.start for part in top_boxes(io.BytesIO(data)) if part.kind == b"jp2c")


def _in_parts(picture: InputPicture, target: Path, options: EncodeOptions, dressing: _Dressing) -> int:
    from .encode_file import encode_file_with

    def write(temporary: Path) -> None:
        encode_file_with(picture.samples, temporary, options)
        with temporary.open("rb") as file:
            at = next((part.start for part in top_boxes(file) if part.kind == b"jp2c"), 0)
            file.seek(0)
            head = file.read(at)
            dressed = dressing.apply(head)
            if dressed == head:
                return
            second = temporary_beside(temporary)
            try:
                with second.open("wb") as out:
                    out.write(dressed)
                    shutil.copyfileobj(file, out, 1 << 22)
                os.replace(second, temporary)
            finally:
                second.unlink(missing_ok=True)

    write_by(target, write)
    return target.stat().st_size
