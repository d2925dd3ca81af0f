"""The samples of a page of a TIFF file, decoded strip by strip or tile by tile as rows are read."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from ..core.limits import MAX_COMPONENTS
from ..errors import InputError

__all__ = ["TiffRows"]

_UNCOMPRESSED = 1

#: Limit of the samples of a tile, which are decoded at once. Strips are no larger than the picture.
_MAX_TILE_SAMPLES = 1 << 28

#: A decoded segment of more bytes that is still needed for later rows is kept in a temporary file.
_MAX_KEPT_BYTES = 1 << 28


class TiffRows:
    """Rows of a page, of every layout: strips or tiles, chunky or planar, of either byte order, compressed or not.

    Parameters
    ----------
    page : tifffile.TiffPage
        The page; its file may be closed afterwards.
    data : ndarray of uint8
        The bytes of the file.
    name : str
        What to call the file in messages.

    Attributes
    ----------
    shape : (int, int) or (int, int, int)
        (H, W), or (H, W, C).
    dtype : dtype
        In native byte order; uint8 for samples of 1 bit.

    Raises
    ------
    InputError
        If a strip or a tile is not within the file, or is too large.
    """

    def __init__(self, page: tifffile.TiffPage, data: NDArray[np.uint8], name: str) -> None:
        if page.dtype is None or 0 in page.shaped:
            raise InputError(f"{name} has samples that cannot be read, or none")
        self._data, self._name = data, name
        self._decode, self._tables = page.decode, page.jpegtables
        self._header = page.jpegheader
        self._separate, _, height, width, contiguous = page.shaped
        if self._separate * contiguous > MAX_COMPONENTS:
            raise InputError(f"{name} has {self._separate * contiguous} components, over {MAX_COMPONENTS}")
        count = self._separate * contiguous
        self.shape: tuple[int, ...] = (height, width) if count == 1 else (height, width, count)
        self._raw_dtype = page.dtype
        self.dtype = np.dtype(np.uint8) if page.dtype == bool else page.dtype.newbyteorder("=")
        self._contiguous, self._fill = contiguous, page.nodata
        self._offsets, self._counts = tuple(page.dataoffsets), tuple(page.databytecounts)
        if page.is_tiled:
            self._segment = (page.tilelength, page.tilewidth)
            if page.tilelength * page.tilewidth * contiguous > _MAX_TILE_SAMPLES:
                raise InputError(f"{name} has tiles of {page.tilelength} x {page.tilewidth} pixels")
        else:
            self._segment = (min(page.rowsperstrip, height), width)
        if min(self._segment) < 1:
            raise InputError(f"{name} has strips or tiles without pixels")
        self._grid = (-(-height // self._segment[0]), -(-width // self._segment[1]))
        self._row_bytes = 0
        if page.compression == _UNCOMPRESSED and page.predictor == 1 and not page.is_tiled:
            self._row_bytes = -(-width * contiguous * page.bitspersample // 8)
        self._bits, self._order, self._reversed = (
            page.bitspersample,
            page.parent.byteorder,
            page.fillorder == 2,
        )
        self._kept: dict[int, NDArray[Any]] = {}
        self._check()

    def _check(self) -> None:
        expected = self._separate * self._grid[0] * self._grid[1]
        if len(self._offsets) != expected or len(self._counts) != expected:
            raise InputError(f"{self._name} has {len(self._offsets)} strips or tiles instead of {expected}")
        for index, (offset, count) in enumerate(zip(self._offsets, self._counts, strict=True)):
            if self._row_bytes and count:
                count = self._row_bytes * self._height_of(index)
            if offset + count > len(self._data):
                raise InputError(f"{self._name} is cut off: its samples end at byte {offset + count}")

    def _height_of(self, index: int) -> int:
        top = index % self._grid[0] * self._segment[0]
        return int(min(self._segment[0], self.shape[0] - top))

    def __getitem__(self, index: slice) -> NDArray[Any]:
        y0, y1, _ = index.indices(self.shape[0])
        out = np.empty((self._separate, max(0, y1 - y0), self.shape[1], self._contiguous), self.dtype)
        down, across = self._grid
        kept = {}
        for plane in range(self._separate):
            for row in range(y0 // self._segment[0], -(-y1 // self._segment[0])):
                for column in range(across):
                    number = (plane * down + row) * across + column
                    top, left = row * self._segment[0], column * self._segment[1]
                    first, last = max(y0, top), min(y1, top + self._segment[0], self.shape[0])
                    place = out[plane, first - y0 : last - y0, left : left + self._segment[1]]
                    if self._row_bytes:
                        place[...] = self._plain_rows(number, first - top, last - top)
                        continue
                    segment = self._kept.get(number)
                    if segment is None:
                        segment = self._decoded(number)
                    if top + self._segment[0] > y1 and y1 < self.shape[0]:
                        kept[number] = _kept(segment)
                    place[...] = segment[first - top : last - top, : place.shape[1]]
        self._kept = kept
        if self._separate > 1:
            joined = np.moveaxis(out[:, :, :, 0], 0, -1)
            return np.ascontiguousarray(joined)
        return out[0] if self._contiguous > 1 else out[0, :, :, 0]

    def _plain_rows(self, number: int, first: int, last: int) -> NDArray[Any]:
        """Return rows of a strip that is not compressed, each of which starts at a byte."""
        shape = (last - first, self.shape[1], self._contiguous)
        if not self._counts[number]:
            return np.full(shape, self._fill, self.dtype)
        start = self._offsets[number] + first * self._row_bytes
        raw = self._data[start : start + (last - first) * self._row_bytes].tobytes()
        if self._reversed:
            import imagecodecs

            raw = bytes(imagecodecs.bitorder_decode(raw))
        if self._bits % 8 == 0:
            return np.frombuffer(raw, self._raw_dtype.newbyteorder(self._order)).reshape(shape)
        import imagecodecs

        unpacked = imagecodecs.packints_decode(
            raw, self._raw_dtype.newbyteorder(self._order), self._bits, runlen=shape[1] * shape[2]
        )
        return np.asarray(unpacked).reshape(shape)

    def _decoded(self, number: int) -> NDArray[Any]:
        offset, count = self._offsets[number], self._counts[number]
        height = self._segment[0] if self._grid[1] > 1 else self._height_of(number)
        if not count:
            return np.full((height, self._segment[1], self._contiguous), self._fill, self.dtype)
        segment, _, _ = self._decode(
            self._data[offset : offset + count].tobytes(),
            number,
            jpegtables=self._tables,
            jpegheader=self._header,
        )
        assert segment is not None
        rows: NDArray[Any] = np.asarray(segment)[0].astype(self.dtype, copy=False)
        return rows


def _kept(segment: NDArray[Any]) -> NDArray[Any]:
    """Return a segment that later rows need, in a temporary file if it is large."""
    if segment.nbytes <= _MAX_KEPT_BYTES or isinstance(segment, np.memmap):
        return segment
    with tempfile.TemporaryFile() as file:
        out = np.memmap(file, segment.dtype, "w+", shape=segment.shape)
    out[...] = segment
    return out
