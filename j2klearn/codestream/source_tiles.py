"""The tiles of a codestream with all of their data: what the tile-parts of each hold, joined."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..core.peeking import peek_bytes
from ..errors import CodestreamError
from .main_header import MainHeader, main_segments
from .markers import Marker, walk
from .tile_parts import EOC, TilePart, tile_parts

__all__ = ["SourceTile", "read_tiles"]


@dataclass
class SourceTile:
    """A tile, with the contents of its tile-parts.

    Attributes
    ----------
    index : int
        The tile.
    segments : bytes
        The marker segments of its tile-part headers other than SOT, PLT and PPT.
    data : bytes
        The data of its tile-parts, joined.
    headers : bytes or None
        Its packed packet headers (T.800 A.7.4, A.7.5), joined; None if packet headers are in the data.
    ends : list of int
        The offset in `data` where each tile-part ends.
    places : list of int
        The position of each tile-part among all tile-parts of the codestream.
    """

    index: int
    segments: bytes = b""
    data: bytes = b""
    headers: bytes | None = None
    ends: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


@dataclass
class _Part:
    place: int
    index: int
    segments: bytes
    headers: bytes | None
    data: bytes


def read_tiles(codestream: bytes, header: MainHeader) -> tuple[list[SourceTile], bool]:
    """Read all tiles of a codestream.

    Parameters
    ----------
    codestream : bytes
        The codestream.
    header : MainHeader
        Its main header.

    Returns
    -------
    list of SourceTile, bool
        The tiles that have tile-parts, in order, and whether any tile-part has packet lengths (PLT).

    Raises
    ------
    CodestreamError
        If the codestream is damaged or truncated.
    """
    packed = _packed_in_main_header(codestream, header) if header.packed else None
    tiles: dict[int, list[_Part]] = {}
    listed = False
    for place, part in enumerate(tile_parts(codestream)):
        if part.header.tile >= header.tiles:
            raise CodestreamError(f"the codestream is damaged: it has no tile {part.header.tile}")
        segments, headers = _without_ppt(part.header.segments)
        if packed is not None:
            headers = next(packed)
        data = _data(codestream, part)
        tiles.setdefault(part.header.tile, []).append(
            _Part(place, part.header.index, segments, headers, data)
        )
        listed = listed or part.header.packets is not None
    return [_joined(index, tiles[index]) for index in sorted(tiles)], listed


def _data(codestream: bytes, part: TilePart) -> bytes:
    end = part.end
    if not part.header.length and codestream[-2:] == EOC:
        end -= len(EOC)
    if end > len(codestream) or end < part.start:
        raise CodestreamError("the codestream is truncated")
    return codestream[part.start : end]


def _joined(index: int, parts: list[_Part]) -> SourceTile:
    parts = sorted(parts, key=lambda part: part.index)
    if [part.index for part in parts] != list(range(len(parts))):
        raise CodestreamError(f"the tile-parts of tile {index} are not numbered as they should be")
    tile = SourceTile(index, places=[part.place for part in parts])
    tile.data = b"".join(part.data for part in parts)
    tile.segments = b"".join(part.segments for part in parts)
    if any(part.headers is not None for part in parts):
        tile.headers = b"".join(part.headers or b"" for part in parts)
    end = 0
    for part in parts:
        end += len(part.data)
        tile.ends.append(end)
    return tile


def _without_ppt(segments: bytes) -> tuple[bytes, bytes | None]:
    """Split marker segments of a tile-part header into those other than PPT, and the packet headers in PPT."""
    kept, packed = bytearray(), []
    for segment in walk(peek_bytes(segments), 0, len(segments)):
        if segment.marker == Marker.PPT:
            body = segments[segment.body]
            packed.append((body[:1], body[1:]))
        else:
            kept += segments[segment.start : segment.end]
    packed.sort(key=lambda item: item[0])
    return bytes(kept), b"".join(data for _, data in packed) if packed else None


def _packed_in_main_header(codestream: bytes, header: MainHeader) -> Iterator[bytes]:
    """Yield the packet headers of each tile-part in PPM (T.800 A.7.4), in the order of the codestream."""
    bodies = sorted(
        (codestream[segment.body] for segment in main_segments(codestream, header.end)
         if segment.marker == Marker.PPM),
        key=lambda body: body[:1],
    )  # fmt: skip
    data, at = b"".join(body[1:] for body in bodies), 0
    while len(data) - at >= 4:
        (size,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 4 + size]
        at += 4 + size
    while True:  # the packets of the tile-parts that are left turn out to be missing
        yield b""
