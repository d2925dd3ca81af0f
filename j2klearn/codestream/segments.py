"""The marker segments SIZ, SOT and COM (T.800 A.5.1, A.4.2 and A.9.2)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Self

from ..core.geometry import Rect, ceil_div
from ..core.limits import MAX_COMPONENTS_ORDINARY, MAX_TILES
from ..core.sampling import pixel_step, pixels_of
from ..errors import CodestreamError, LimitError
from .markers import Marker, damaged

__all__ = ["Com", "Siz", "Sot"]

_SIZ = struct.Struct(">H8IH")
_SOT = struct.Struct(">HIBB")

_SOT_START = Marker.SOT.code + struct.pack(">H", _SOT.size + 2)

#: Bytes of an empty tile-part: the SOT marker segment and the SOD marker.
_MIN_TILE_PART = 14

_MAX_PRECISION = 38  # T.800 Table A.11


@dataclass(frozen=True)
class Siz:
    """The SIZ marker segment: size of the picture, its tiles and its components (T.800 A.5.1).

    Attributes
    ----------
    capabilities : int
        Rsiz.
    area : Rect
        Area of the picture on the reference grid; not empty.
    tile_size : (int, int)
        Height and width of a tile, at least 1.
    tile_origin : (int, int)
        Row and column of the first tile on the reference grid.
    precisions : tuple of int
        Bits per sample of each component, 1 to 38.
    signed : tuple of bool
        Whether the samples of each component are signed.
    subsampling : tuple of (int, int)
        YRsiz and XRsiz of each component, 1 to 255.
    """

    capabilities: int
    area: Rect
    tile_size: tuple[int, int]
    tile_origin: tuple[int, int]
    precisions: tuple[int, ...]
    signed: tuple[bool, ...]
    subsampling: tuple[tuple[int, int], ...]

    @property
    def tile_grid(self) -> tuple[int, int]:
        """Number of tiles (down, across), T.800 equation B-5."""
        (y0, x0), (height, width) = self.tile_origin, self.tile_size
        return ceil_div(self.area.y1 - y0, height), ceil_div(self.area.x1 - x0, width)

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Parse the bytes after Lsiz.

        Raises
        ------
        CodestreamError
            If the length is wrong, or the sizes are invalid.
        LimitError
            If the codestream declares more components or tiles than the standard allows.
        """
        if len(body) < _SIZ.size:
            raise damaged(Marker.SIZ, "it is too short")
        capabilities, x1, y1, x0, y0, width, height, left, top, count = _SIZ.unpack_from(body)
        if len(body) != _SIZ.size + 3 * count:
            raise damaged(Marker.SIZ, "its length contradicts the number of components")
        depths, across, down = (body[_SIZ.size + field :: 3] for field in range(3))
        area = Rect(y0, x0, y1, x1)
        if not area.size or not count or not all(across) or not all(down):
            raise CodestreamError("the codestream declares an empty picture")
        if count > MAX_COMPONENTS_ORDINARY:
            raise LimitError(f"the codestream declares {count} components, more than the standard allows")
        subsampling = tuple(zip(down, across, strict=True))
        if not pixels_of(area, pixel_step(subsampling)).size:
            raise CodestreamError("the codestream declares an empty picture")
        if not width or not height or left > x0 or top > y0:
            raise CodestreamError("the codestream declares an invalid tile grid")
        precisions = tuple((depth & 0x7F) + 1 for depth in depths)
        if max(precisions) > _MAX_PRECISION:
            raise damaged(Marker.SIZ, f"it declares samples of more than {_MAX_PRECISION} bits")
        siz = cls(
            capabilities=capabilities,
            area=area,
            tile_size=(height, width),
            tile_origin=(top, left),
            precisions=precisions,
            signed=tuple(depth >= 0x80 for depth in depths),
            subsampling=subsampling,
        )
        tiles = siz.tile_grid[0] * siz.tile_grid[1]
        if tiles > MAX_TILES:
            raise LimitError(f"the codestream declares {tiles} tiles, more than the standard allows")
        if x0 - left >= width or y0 - top >= height:
            raise CodestreamError("the codestream declares a first tile outside the picture")
        return siz


@dataclass(frozen=True)
class Sot:
    """The SOT marker segment: the start of a tile-part (T.800 A.4.2).

    Attributes
    ----------
    tile : int
        Isot, the index of the tile.
    length : int
        Psot, bytes from the SOT marker to the end of the tile-part: at least 14, or 0 if the tile-part ends at the EOC
        marker.
    index : int
        TPsot, the index of the tile-part within its tile.
    count : int
        TNsot, the number of tile-parts of the tile; 0 if it is not signalled.
    """

    tile: int
    length: int
    index: int
    count: int

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Parse the bytes after Lsot.

        Raises
        ------
        CodestreamError
            If the length is wrong, or Psot is too small.
        """
        if len(body) != _SOT.size:
            raise damaged(Marker.SOT, "its length is not 10")
        sot = cls(*_SOT.unpack(body))
        if 0 < sot.length < _MIN_TILE_PART:
            raise damaged(Marker.SOT, "Psot is smaller than the header of the tile-part")
        return sot

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Parse the marker segment at the start of `data`.

        Raises
        ------
        CodestreamError
            If `data` does not start with a SOT marker segment, or it is damaged.
        """
        if data[:4] != _SOT_START:
            raise CodestreamError("the codestream is damaged: a tile-part does not start with SOT")
        return cls.parse(data[4 : 4 + _SOT.size])

    def to_bytes(self) -> bytes:
        """Return the marker segment, marker included."""
        return _SOT_START + _SOT.pack(self.tile, self.length, self.index, self.count)


@dataclass(frozen=True)
class Com:
    """The COM marker segment: a comment (T.800 A.9.2).

    Attributes
    ----------
    registration : int
        Rcom: 0 for binary data, 1 for text in ISO 8859-15.
    data : bytes
        Ccom, at most 65,531 bytes.
    """

    registration: int
    data: bytes

    @property
    def binary(self) -> bool:
        """Whether the data is binary (Rcom is 0)."""
        return self.registration == 0

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Parse the bytes after Lcom.

        Raises
        ------
        CodestreamError
            If the segment is too short.
        """
        if len(body) < 2:
            raise damaged(Marker.COM, "it is too short")
        return cls(int.from_bytes(body[:2], "big"), body[2:])

    def to_bytes(self) -> bytes:
        """Return the marker segment, marker included."""
        return Marker.COM.code + struct.pack(">HH", len(self.data) + 4, self.registration) + self.data
