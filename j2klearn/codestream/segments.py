"""Marker segments that say what a codestream holds: SIZ, SOT and COM (T.800 A.5, A.4 and A.9)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Self

from ..core.geometry import Rect, ceil_div
from ..core.limits import MAX_COMPONENTS_ORDINARY, MAX_TILES
from ..errors import CodestreamError, LimitError
from .markers import Marker, damaged

__all__ = ["Com", "Siz", "Sot"]

_SIZ = struct.Struct(">H8IH")
_SOT = struct.Struct(">HIBB")

_SOT_START = Marker.SOT.code + struct.pack(">H", _SOT.size + 2)

#: Bytes of a tile-part with nothing in it: the SOT marker segment and the SOD marker.
_LEAST_TILE_PART = 14

_MAX_PRECISION = 38  # T.800 Table A.11


@dataclass(frozen=True)
class Siz:
    """The SIZ marker segment: size of the picture, its tiles and its components (T.800 A.5.1).

    Attributes
    ----------
    capabilities : int
        Rsiz.
    area : Rect
        What the picture covers on the reference grid; not empty.
    tile_size, tile_origin : (int, int)
        Height and width of a tile, at least 1; row and column of the first tile.
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
        """Number of tiles (down, across), see T.800 equation B-5."""
        (y0, x0), (height, width) = self.tile_origin, self.tile_size
        return ceil_div(self.area.y1 - y0, height), ceil_div(self.area.x1 - x0, width)

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read the bytes after Lsiz.

        Raises
        ------
        CodestreamError
            If the length does not fit, or the sizes are impossible.
        LimitError
            If there are more components or tiles than the standard allows.
        """
        if len(body) < _SIZ.size:
            raise damaged(Marker.SIZ, "it is too short")
        capabilities, x1, y1, x0, y0, width, height, left, top, count = _SIZ.unpack_from(body)
        if len(body) != _SIZ.size + 3 * count:
            raise damaged(Marker.SIZ, "its length does not fit the number of components")
        depths, across, down = (body[_SIZ.size + field :: 3] for field in range(3))
        area = Rect(y0, x0, y1, x1)
        if not area.size or not count or not all(across) or not all(down):
            raise CodestreamError("the codestream declares an empty picture")
        if count > MAX_COMPONENTS_ORDINARY:
            raise LimitError(f"the codestream declares {count} components, more than the standard allows")
        if not width or not height or left > x0 or top > y0:
            raise CodestreamError("the codestream declares an impossible tile grid")
        precisions = tuple((depth & 0x7F) + 1 for depth in depths)
        if max(precisions) > _MAX_PRECISION:
            raise damaged(Marker.SIZ, f"samples have at most {_MAX_PRECISION} bits")
        siz = cls(
            capabilities=capabilities,
            area=area,
            tile_size=(height, width),
            tile_origin=(top, left),
            precisions=precisions,
            signed=tuple(depth >= 0x80 for depth in depths),
            subsampling=tuple(zip(down, across, strict=True)),
        )
        tiles = siz.tile_grid[0] * siz.tile_grid[1]
        if tiles > MAX_TILES:
            raise LimitError(f"the codestream declares {tiles} tiles, more than the standard allows")
        if x0 - left >= width or y0 - top >= height:
            raise CodestreamError("the codestream declares a first tile that is outside the picture")
        return siz


@dataclass(frozen=True)
class Sot:
    """The SOT marker segment: the start of a tile-part (T.800 A.4.2).

    Attributes
    ----------
    tile : int
        Isot, the tile's index.
    length : int
        Psot, bytes from SOT to the end of the tile-part: at least 14, or 0 for all up to the end of the codestream.
    index, count : int
        TPsot, the number of the tile-part in its tile, and TNsot, how many the tile has: 0 where that is not said.
    """

    tile: int
    length: int
    index: int
    count: int

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read the bytes after Lsot.

        Raises
        ------
        CodestreamError
            If the length does not fit, or the tile-part would be too short.
        """
        if len(body) != _SOT.size:
            raise damaged(Marker.SOT, "its length is not 10")
        sot = cls(*_SOT.unpack(body))
        if 0 < sot.length < _LEAST_TILE_PART:
            raise damaged(Marker.SOT, "the tile-part is too short for its header")
        return sot

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Read the marker segment that `data` starts with.

        Raises
        ------
        CodestreamError
            If it is not a SOT marker segment, or damaged.
        """
        if data[:4] != _SOT_START:
            raise CodestreamError("the codestream is damaged: there is no tile-part where one should start")
        return cls.parse(data[4 : 4 + _SOT.size])

    def to_bytes(self) -> bytes:
        """Return the marker segment."""
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
        """Whether the data is binary."""
        return self.registration == 0

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read the bytes after Lcom.

        Raises
        ------
        CodestreamError
            If it is too short.
        """
        if len(body) < 2:
            raise damaged(Marker.COM, "it is too short")
        return cls(int.from_bytes(body[:2], "big"), body[2:])

    def to_bytes(self) -> bytes:
        """Return the marker segment."""
        return Marker.COM.code + struct.pack(">HH", len(self.data) + 4, self.registration) + self.data
