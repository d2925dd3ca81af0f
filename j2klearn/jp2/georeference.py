"""The georeferencing of a part of a picture, or of a lower resolution of it (GeoTIFF 1.1, 7.1)."""

from __future__ import annotations

import struct

from ..io.tiff_directory import Entry, read_directory, write_directory

__all__ = ["cropped"]

_PIXEL_SCALE, _TIE_POINTS, _TRANSFORMATION = 33550, 33922, 34264
_DOUBLE = 12
_DIRECTORY = 8  # offset of the first directory in the structure that is written


def cropped(geotiff: bytes, origin: tuple[int, int], reduce: int) -> bytes:
    """Return the GeoTIFF tags of a part of a picture.

    Parameters
    ----------
    geotiff : bytes
        Contents of a GeoJP2 box.
    origin : (int, int)
        Top and left of the part, in pixels of the full resolution.
    reduce : int
        Number of highest resolutions that were skipped.

    Returns
    -------
    bytes
        The same tags, whose tie points, pixel scale and transformation are those of the part.
    """
    top, left = origin
    scale = 1 << reduce
    out = []
    for entry in read_directory(geotiff):
        values = list(entry.numbers())
        if entry.code == _PIXEL_SCALE and len(values) >= 2:
            values[:2] = [value * scale for value in values[:2]]
        elif entry.code == _TIE_POINTS:
            for i in range(0, len(values) - 5, 6):
                values[i : i + 2] = [(values[i] - left) / scale, (values[i + 1] - top) / scale]
        elif entry.code == _TRANSFORMATION and len(values) == 16:
            for row in range(0, 12, 4):
                across, down = values[row : row + 2]
                values[row + 3] += across * left + down * top
                values[row : row + 2] = [across * scale, down * scale]
        else:
            out.append(entry)
            continue
        out.append(Entry(entry.code, _DOUBLE, len(values), struct.pack(f"<{len(values)}d", *values)))
    return b"II*\0" + struct.pack("<I", _DIRECTORY) + write_directory(out, _DIRECTORY)
