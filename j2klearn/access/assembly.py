"""Assemble a codestream from the tile-parts that were read."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from ..codestream.main_header import MainHeader, main_segments
from ..codestream.markers import Marker
from ..codestream.tile_parts import EOC, tile_part
from ..core.geometry import Rect
from .tile_plan import Stretch, TilePlan

__all__ = ["assemble", "covered", "stretches"]

_SIZ_GRID = 6  # offset of Xsiz within the SIZ marker segment, marker included (T.800 A.5.1)
_ISOT, _PSOT, _TNSOT = 4, 6, 11  # offsets within the SOT marker segment, marker included
_SOP = Marker.SOP.code + b"\x00\x04"


def assemble(
    header: MainHeader,
    head: bytes,
    bounds: tuple[int, int, int, int],
    tiles: Sequence[TilePlan],
    kept: Sequence[Sequence[Stretch]],
    bodies: Iterator[bytes],
) -> bytes:
    """Return a codestream with a range of tiles, their packets copied or replaced by empty ones.

    Parameters
    ----------
    header : MainHeader
        The main header of the file.
    head : bytes
        The main header to write; its marker segments are those of `header`, of the same lengths.
    bounds : (int, int, int, int)
        The range of tiles, as in `Needs.tiles`.
    tiles : sequence of TilePlan
        The tiles of the range, row by row.
    kept : sequence of sequence of Stretch
        The stretches of each tile.
    bodies : iterator of bytes
        The bytes of the stretches that are not empty.
    """
    out = bytearray(_main_header(header, head, bounds))
    for number, (tile, spans) in enumerate(zip(tiles, kept, strict=True)):
        if tile.raw:
            for span in spans:
                part = bytearray(next(bodies))
                struct.pack_into(">H", part, _ISOT, number)
                struct.pack_into(">I", part, _PSOT, span.end - span.start)
                part[_TNSOT] = len(spans)  # some encoders write another number
                out += part
            continue
        body = bytearray()
        for span in spans:
            if span.start < span.end:
                body += next(bodies)
            body += _empty_packets(header, span.first, span.omitted)
        segments = next((part.header.segments for part in tile.parts if part.header), b"")
        out += tile_part(number, 0, 1, bytes(body), segments)
    return bytes(out) + EOC


def stretches(tile: TilePlan, size: int) -> list[Stretch]:
    """Return the stretches of the codestream to copy for a tile; `size` bytes of the codestream are in the file."""
    if tile.raw:
        return [Stretch(part.start, part.end) for part in tile.parts]
    assert tile.order is not None
    out = [Stretch(0, 0)]

    def omit(first: int, count: int) -> None:
        if not out[-1].omitted:
            out[-1].first = first
        out[-1].omitted += count

    done = 0
    for index, part in enumerate(tile.parts):
        if part.header is None or part.header.packets is None:
            continue
        first = tile.spans[index][0] if tile.spans else done
        omit(done, first - done)
        at = part.start + part.header.size
        for number, length in enumerate(part.header.packets, first):
            if not tile.wanted[number] or at + length > size:
                omit(number, 1)
            elif out[-1].end == at and not out[-1].omitted:
                out[-1].end += length
            else:
                out.append(Stretch(at, at + length))
            at += length
        done = first + len(part.header.packets)
    omit(done, len(tile.order) - done)
    return out


def covered(header: MainHeader, bounds: tuple[int, int, int, int]) -> Rect:
    """Return the area of a range of tiles on the reference grid; `bounds` is as in `Needs.tiles`."""
    (top, left), (height, width) = header.tile_origin, header.tile_size
    rows = top + bounds[0] * height, top + bounds[2] * height
    columns = left + bounds[1] * width, left + bounds[3] * width
    return Rect(rows[0], columns[0], rows[1], columns[1]).intersection(header.area)


def _main_header(header: MainHeader, head: bytes, bounds: tuple[int, int, int, int]) -> bytes:
    """Return the main header of a codestream with a range of tiles; `bounds` is as in `Needs.tiles`."""
    out = bytearray(head[:2])
    for segment in main_segments(head, header.end):
        if segment.marker not in (Marker.TLM, Marker.PLM):
            out += head[segment.start : segment.end]
    (top, left), (height, width) = header.tile_origin, header.tile_size
    origin = top + bounds[0] * height, left + bounds[1] * width
    area = covered(header, bounds)
    grid = (area.x1, area.y1, area.x0, area.y0, width, height, origin[1], origin[0])
    struct.pack_into(">8I", out, header.siz + _SIZ_GRID, *grid)
    return bytes(out)


def _empty_packets(header: MainHeader, first: int, count: int) -> bytes:
    end = b"\x00" + (Marker.EPH.code if header.eph else b"")
    if not header.sop:
        return end * count
    return b"".join(_SOP + struct.pack(">H", number & 0xFFFF) + end for number in range(first, first + count))
