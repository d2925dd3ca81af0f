"""Write TIFF files of 1 to 16 bits in any colour space of TIFF, band by band, with their metadata."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .picture_format import Meaning
from .picture_metadata import Metadata
from .tiff_directory import Entry, read_directory, write_directory

__all__ = ["write_tiff"]

_PHOTOMETRIC = {"grey": "minisblack", "rgb": "rgb", "cmyk": "separated", "lab": "cielab"}
_ALPHA = {"straight": "unassalpha", "premultiplied": "assocalpha"}

_STRIP_BYTES = 1 << 18
_BIG = (1 << 32) - (1 << 26)  # a larger file needs the offsets of BigTIFF

_XMP, _IPTC, _PHOTOSHOP, _EXIF, _GPS = 700, 33723, 34377, 34665, 34853
_PLACES = {
    _EXIF: 34664,
    _GPS: 34854,
}  # tifffile does not write the codes themselves; the order stays the same
_INTEROPERABILITY = 40965  # in the EXIF directory, the offset of one more
_BYTE, _LONG, _UNDEFINED, _LONG8 = 1, 4, 7, 16

#: TIFF tags that georeference a picture (GeoTIFF 1.1, 7.1).
_GEO_TAGS = (33550, 33922, 34264, 34735, 34736, 34737, 42113)

#: Tags of an EXIF structure that say how its thumbnail or another file is stored, or that are written otherwise.
_NOT_CARRIED = {
    *range(254, 260), 262, 266, 273, 277, 278, 279, *range(282, 285), 296, 317, 320, *range(322, 326), 330, 338, 339,
    347, 513, 514, 529, 530, 531, 532, _XMP, 34675, _EXIF, _GPS, *_GEO_TAGS,
}  # fmt: skip


def write_tiff(
    path: Path,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    bands: Iterable[NDArray[Any]],
    meaning: Meaning,
    metadata: Metadata,
) -> None:
    """Write a TIFF file.

    Unsigned samples of any bit depth are packed, with BitsPerSample as it is.

    Parameters
    ----------
    path : Path
        The file to write.
    shape : (int, int) or (int, int, int)
        Shape of the picture.
    dtype : dtype
        Dtype of the samples.
    bands : iterable of ndarray, shape (h, W) or (h, W, C)
        The rows, in order.
    meaning : Meaning
        What the samples mean.
    metadata : Metadata
        ICC profile, EXIF, XMP, IPTC, Photoshop's image resources, GeoTIFF tags and resolution.
    """
    import tifffile

    components = 1 if len(shape) == 2 else shape[2]
    bits = 8 * dtype.itemsize if dtype.kind == "i" else meaning.bit_depth
    row_bytes = -(-shape[1] * components * bits // 8)
    rows = min(shape[0], max(1, _STRIP_BYTES // row_bytes))
    size = row_bytes * shape[0]
    big = size + sum(len(value) for value in vars(metadata).values() if isinstance(value, bytes)) > _BIG
    extra = [_ALPHA[meaning.alpha]] if meaning.alpha else []
    extra += ["unspecified"] * meaning.extra(components)
    tags, directories = _tags(metadata, big=big)
    tifffile.imwrite(
        path,
        _strips(bands, rows, bits),
        shape=shape,
        dtype=dtype,
        byteorder="<",
        bigtiff=big,
        photometric=_PHOTOMETRIC[meaning.space],
        planarconfig="contig" if components > 1 else None,
        extrasamples=extra,
        rowsperstrip=rows,
        bitspersample=bits,
        resolution=metadata.dpi,
        resolutionunit=None if metadata.dpi is None else "inch",
        iccprofile=metadata.icc_profile,
        extratags=tags,
        metadata=None,
        software=False,
    )
    if directories:
        _append(path, directories, big=big)


def _strips(bands: Iterable[NDArray[Any]], rows: int, bits: int) -> Iterator[bytes]:
    """Yield the bytes of strips of `rows` rows; the last one may have fewer."""
    rest: NDArray[Any] | None = None
    for band in bands:
        if rest is not None and len(rest):
            band = np.concatenate([rest, band])
        whole = len(band) // rows * rows
        for start in range(0, whole, rows):
            yield _packed(band[start : start + rows], bits)
        rest = band[whole:]
    if rest is not None and len(rest):
        yield _packed(rest, bits)


def _packed(samples: NDArray[Any], bits: int) -> bytes:
    """Return samples in file order; those of 1 to 7 and 9 to 15 bits are packed, and each row ends at a byte."""
    width = samples.dtype.itemsize
    if bits == 8 * width:
        return np.ascontiguousarray(samples, samples.dtype.newbyteorder("<")).tobytes()
    planes = np.ascontiguousarray(samples, samples.dtype.newbyteorder(">")).reshape(len(samples), -1, 1)
    digits = np.unpackbits(planes.view(np.uint8), axis=-1)[:, :, 8 * width - bits :]
    return np.packbits(digits.reshape(len(samples), -1), axis=1).tobytes()


def _tags(metadata: Metadata, *, big: bool) -> tuple[list[tuple[Any, ...]], dict[int, list[Entry]]]:
    """Return the tags of the file, and the directories that its EXIF tags point to."""
    tags: dict[int, tuple[Any, ...]] = {}
    directories: dict[int, list[Entry]] = {}
    if metadata.geotiff is not None:
        for entry in read_directory(metadata.geotiff):
            if entry.code in _GEO_TAGS:
                tags[entry.code] = (entry.code, entry.kind, entry.length, entry.values, True)
    if metadata.exif is not None:
        for entry in read_directory(metadata.exif):
            if entry.code in (_EXIF, _GPS) and entry.offset:
                found = read_directory(metadata.exif, entry.offset)
                # the directory of interoperability is not carried: it describes files of cameras
                directories[entry.code] = [tag for tag in found if tag.code != _INTEROPERABILITY]
            elif entry.code not in _NOT_CARRIED:
                tags[entry.code] = (entry.code, entry.kind, entry.length, entry.values, True)
    for code, kind, value in (
        (_XMP, _BYTE, metadata.xmp),
        (_IPTC, _UNDEFINED, metadata.iptc),
        (_PHOTOSHOP, _BYTE, metadata.photoshop),
    ):
        if value is not None:
            tags[code] = (code, kind, len(value), value, True)
    directories = {code: entries for code, entries in directories.items() if entries}
    for code in directories:
        tags[code] = (_PLACES[code], _LONG8 if big else _LONG, 1, 0, True)
    return [tags[code] for code in sorted(tags)], directories


def _append(path: Path, directories: dict[int, list[Entry]], *, big: bool) -> None:
    """Append directories to a file, and set the tags of its first page that point to them."""
    import tifffile

    offsets = {}
    with path.open("r+b") as stream:
        for code, entries in directories.items():
            at = stream.seek(0, 2)
            stream.write(b"\0" * (-at % 8))
            offsets[code] = at + -at % 8
            stream.write(write_directory(entries, offsets[code], big=big))
    with tifffile.TiffFile(path) as file:
        places = {code: file.pages[0].tags[_PLACES[code]].offset for code in offsets}  # type: ignore[union-attr]
    with path.open("r+b") as stream:
        for code, offset in offsets.items():
            stream.seek(places[code])
            stream.write(struct.pack("<HHQQ" if big else "<HHII", code, _LONG8 if big else _LONG, 1, offset))
