"""Extract a small codestream with the needed tiles and packets of a file, for OpenJPEG to decode."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..codestream.main_header import MainHeader, main_header_end, main_segments, read_main_header
from ..codestream.markers import Marker
from ..codestream.packets import RLCP, RPCL, PacketOrder, packet_order, precincts_of
from ..codestream.tile_parts import EOC, TilePartHeader, read_tile_part_header, tile_part
from ..core.geometry import Rect
from ..errors import CodestreamError
from ..io.sources import ByteSource
from ..jp2.boxes import locate
from .needs import Needs
from .tile_index import TileParts, from_tlm, walk

__all__ = ["Extract", "PartialCodestream"]

#: Bytes of the first read of a file.
_FIRST_READ = 1 << 14

_SIZ_GRID = 6  # offset of Xsiz within the SIZ marker segment, marker included (T.800 A.5.1)
_ISOT, _PSOT = 4, 6  # offsets within the SOT marker segment, marker included
_SOP = Marker.SOP.code + b"\x00\x04"


class _ContradictionError(Exception):
    """The index of the tile-parts contradicts their headers."""


@dataclass(frozen=True)
class Extract:
    """A valid codestream with some of the tiles and packets of another.

    Attributes
    ----------
    codestream : bytes
        A codestream with the smallest rectangle of tiles that holds the needed ones, at their place on the reference
        grid. Packets that are not needed are replaced by empty packets.
    area : Rect
        Its area on the reference grid.
    truncated : bool
        Whether some of the needed bytes are missing from the file.
    """

    codestream: bytes
    area: Rect
    truncated: bool


@dataclass
class _Part:
    """A tile-part being read: its position in the codestream, and the bytes read so far."""

    start: int
    end: int
    whole: bool = False  # all of its packets are needed
    data: bytes = b""
    header: TilePartHeader | None = None


@dataclass
class _Stretch:
    """A run of packets to copy, followed by a run of packets to omit."""

    start: int  # byte range of the packets to copy
    end: int
    omitted: int = 0  # number of packets to omit
    first: int = 0  # index of the first of them within the tile


@dataclass
class _Tile:
    """A tile being extracted."""

    index: int
    area: Rect
    finest: int
    order: PacketOrder | None
    parts: list[_Part]
    wanted: NDArray[np.bool_]  # whether each packet is needed
    # the half-open range of packets of each tile-part, if the layout of the tile-parts defines it
    spans: list[tuple[int, int]] = field(default_factory=list)
    raw: bool = False  # the tile-parts are copied unchanged


class PartialCodestream:
    """The codestream of a file, read in parts on demand.

    Parameters
    ----------
    source : ByteSource
        The file: a JP2 file or a codestream.

    Attributes
    ----------
    header : MainHeader
        Header of the codestream; its offsets are relative to `start`.
    head : bytes
        The bytes of the main header.
    start, end : int
        Offsets of the codestream in the file.

    Raises
    ------
    CodestreamError
        If the file has no codestream, or its main header is damaged.
    """

    def __init__(self, source: ByteSource) -> None:
        self.source = source
        self._buffer = source.read([(0, min(_FIRST_READ, source.size))])[0]
        self._box, self.start, self.end = locate(self.peek, source.size)
        self.end = min(self.end, source.size)
        end = main_header_end(lambda at, size: self.peek(self.start + at, size), self.end - self.start)
        self.head = self.peek(self.start, end)
        self.header: MainHeader = read_main_header(self.head + self.peek(self.start + end, 2))
        self._index: TileParts | None = None
        self._walked = False
        self._trusts_plt, self._took_packets = True, False

    def peek(self, at: int, size: int) -> bytes:
        """Return `size` bytes of the file from offset `at` on, or fewer at its end."""
        end = min(at + size, self.source.size)
        if at >= end:
            return b""
        if end > len(self._buffer):
            if at > len(self._buffer) + _FIRST_READ:  # after a large box
                return self.source.read([(at, end)])[0]
            more = min(self.source.size, max(end, 2 * len(self._buffer)))
            self._buffer += self.source.read([(len(self._buffer), more)])[0]
        return self._buffer[at:end]

    @property
    def jp2(self) -> bool:
        """Whether the file is a JP2 file."""
        return self.start > 0

    def whole(self) -> bytes:
        """Return the whole codestream."""
        data = self.source.whole()
        return data[self.start : self.end] if self.jp2 else data

    def boxes_before(self) -> bytes:
        """Return the bytes before the contiguous codestream box."""
        return self.peek(0, self._box)

    @property
    def index(self) -> TileParts:
        """The positions of the tile-parts, from TLM if it is valid. They are read on first use."""
        if self._index is None:
            self._index = from_tlm(self.head, self.header)
            if self._index is None:
                self._walk()
        assert self._index is not None
        return self._index

    def _walk(self) -> None:
        self._walked = True
        size = self.end - self.start
        self._index = walk(self.header, size, lambda at, end: self._read([(at, end)])[0])

    def _read(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        buffered, ranges = len(self._buffer), [(self.start + a, self.start + b) for a, b in ranges]
        if all(end <= buffered for _, end in ranges):
            return [self._buffer[start:end] for start, end in ranges]
        return self.source.read(ranges)

    def distrust_plt(self) -> bool:
        """Stop using the packet lengths in PLT: from now on, copy whole tile-parts.

        Call this if OpenJPEG cannot decode an extract: PLT can be wrong even if its lengths add up.

        Returns
        -------
        bool
            Whether an earlier extract used packet lengths, so that extracting again gives another codestream.
        """
        differs = self._trusts_plt and self._took_packets
        self._trusts_plt = False
        return differs

    def extract(
        self, requests: Sequence[tuple[Rect, int]], layers: int, head: bytes | None = None
    ) -> Extract | None:
        """Extract a codestream from which some areas can be decoded as from the whole codestream.

        Parameters
        ----------
        requests : sequence of (Rect, int)
            Area on the reference grid, and number of highest resolutions to discard, of each request.
        layers : int
            Number of quality layers that will be decoded.
        head : bytes, optional
            A main header that replaces that of the file, with the same marker segments of the same lengths.

        Returns
        -------
        Extract or None
            None if the codestream must be read as a whole.

        Raises
        ------
        CodestreamError
            If the codestream is damaged or cannot be read.
        """
        if self.header.packed:
            return None
        try:
            return self._extract(requests, layers, head or self.head)
        except _ContradictionError:
            if self._walked:
                raise CodestreamError(
                    "the codestream is damaged: the tile-parts contradict their headers"
                ) from None
        self._walk()  # TLM is wrong
        try:
            return self._extract(requests, layers, head or self.head)
        except _ContradictionError:
            raise CodestreamError(
                "the codestream is damaged: the tile-parts contradict their headers"
            ) from None

    def _extract(self, requests: Sequence[tuple[Rect, int]], layers: int, head: bytes) -> Extract | None:
        needs = Needs(self.header, requests)
        bounds = needs.tiles()
        across = self.header.tile_grid[1]
        tiles = [
            self._plan(row * across + column, needs, layers)
            for row in range(bounds[0], bounds[2])
            for column in range(bounds[1], bounds[3])
        ]
        truncated = self._read_headers(tiles)
        if truncated and any(tile.raw for tile in tiles):
            return None
        self._took_packets = self._took_packets or not all(tile.raw for tile in tiles)
        out = bytearray(self._main_header(head, bounds))
        kept = [self._kept(tile) for tile in tiles]
        bodies = iter(self._bodies(tiles, kept))
        for number, (tile, spans) in enumerate(zip(tiles, kept, strict=True)):
            if tile.raw:
                for span in spans:
                    part = bytearray(next(bodies))
                    struct.pack_into(">H", part, _ISOT, number)
                    struct.pack_into(">I", part, _PSOT, span.end - span.start)
                    out += part
                continue
            body = bytearray()
            for span in spans:
                if span.start < span.end:
                    body += next(bodies)
                body += self._empty_packets(span.first, span.omitted)
            segments = next((part.header.segments for part in tile.parts if part.header), b"")
            out += tile_part(number, 0, 1, bytes(body), segments)
        return Extract(bytes(out) + EOC, self._covered(bounds), truncated)

    def _plan(self, number: int, needs: Needs, layers: int) -> _Tile:
        """Select the tile-parts and the packets of a tile that are needed."""
        header = self.header
        area = header.tile_area(number)
        order = packet_order(header, area)
        if order is None:
            return _Tile(number, area, header.levels, None, self._parts(number), np.empty(0, bool), raw=True)
        finest = needs.finest_of(area)
        tile = _Tile(number, area, finest, order, [], self._wanted(order, area, finest, needs, layers))
        if finest < 0:
            return tile
        parts = self._parts(number)
        groups = _grouping(header, len(parts))
        if groups is None:
            tile.parts = parts
            return tile
        starts = np.searchsorted(order.resolution, np.arange(header.levels + 1)).tolist()
        starts = [*starts, len(order)]
        for at, part in enumerate(parts):
            resolution, layer = divmod(at, groups)
            if resolution <= finest and layer < layers:
                count = (starts[resolution + 1] - starts[resolution]) // groups
                first = starts[resolution] + layer * count
                part.whole = bool(tile.wanted[first : first + count].all())
                tile.parts.append(part)
                tile.spans.append((first, first + count))
        return tile

    def _wanted(
        self, order: PacketOrder, area: Rect, finest: int, needs: Needs, layers: int
    ) -> NDArray[np.bool_]:
        """Return for each packet of a tile whether it is needed."""
        wanted = (order.layer < layers) & (order.resolution <= finest)
        for resolution in range(finest + 1):
            precincts = precincts_of(self.header, area, resolution)
            if len(precincts) > 1:
                useful = np.array([needs.wants(resolution, precinct) for precinct in precincts])
                here = order.resolution == resolution
                wanted[here] &= useful[order.precinct[here]]
        return wanted

    def _parts(self, number: int) -> list[_Part]:
        return [_Part(start, end) for start, end in self.index.of(number)]

    def _read_headers(self, tiles: list[_Tile]) -> bool:
        """Read the headers of the tile-parts, and the whole tile-parts of which all packets are needed.

        Return whether some of the needed bytes lie beyond the end of the file.
        """
        size = self.end - self.start
        truncated = False
        wanted = []
        for tile in tiles:
            there = [part for part in tile.parts if part.start + 14 <= size]
            truncated |= len(there) < len(tile.parts) or any(part.end > size for part in there)
            truncated |= tile.finest >= 0 and not tile.parts
            tile.spans = tile.spans[: len(there)]
            tile.parts = there
            wanted += [(tile, part) for part in there]
        guesses = []
        for tile, part in wanted:
            whole = tile.raw or part.whole
            guesses.append(min(part.end, size, part.end if whole else part.start + self._guess(tile, part)))
        heads = self._read([(part.start, end) for (_, part), end in zip(wanted, guesses, strict=True)])
        again = []
        for (tile, part), data in zip(wanted, heads, strict=True):
            part.header, part.data = self._checked(tile, part, data), data
            if part.header is None:
                again.append((tile, part))
        if again:
            heads = self._read([(part.start, min(part.end, size)) for _, part in again])
            for (tile, part), data in zip(again, heads, strict=True):
                part.header, part.data = self._checked(tile, part, data), data
                if part.header is None and part.end <= size:
                    raise _ContradictionError
        for tile in tiles:
            tile.raw = tile.raw or not self._has_valid_plt(tile)
            if tile.raw and tile.spans:  # the tile-parts are not by resolution after all
                tile.parts, tile.spans = self._parts(tile.index), []
        return truncated

    def _bodies(self, tiles: list[_Tile], kept: list[list[_Stretch]]) -> list[bytes]:
        """Return the bytes of the stretches to copy; bytes that were read with the headers are not read again."""
        out: list[bytes] = []
        missing: list[int] = []
        ranges: list[tuple[int, int]] = []
        for tile, spans in zip(tiles, kept, strict=True):
            parts = iter(tile.parts)
            part = next(parts, None)
            for start, end in ((span.start, span.end) for span in spans if span.start < span.end):
                while part is not None and part.end < end:
                    part = next(parts, None)
                at = part.start if part is not None else 0
                if part is not None and at <= start and end <= at + len(part.data):
                    out.append(part.data[start - at : end - at])
                else:
                    missing.append(len(out))
                    ranges.append((start, end))
                    out.append(b"")
        for number, data in zip(missing, self._read(ranges), strict=True):
            out[number] = data
        return out

    def _guess(self, tile: _Tile, part: _Part) -> int:
        """Return an upper bound for the header of a tile-part that has no marker segments but PLT, in bytes."""
        packets = len(tile.order) if tile.order is not None else 0
        if tile.spans:
            packets = packets // max(1, self.header.levels + 1) + 1
        return 24 + packets * ((part.end - part.start).bit_length() // 7 + 1)

    def _checked(self, tile: _Tile, part: _Part, data: bytes) -> TilePartHeader | None:
        try:
            header = read_tile_part_header(data)
        except CodestreamError:
            raise _ContradictionError from None
        if header is not None and (
            header.tile != tile.index or (header.length and header.length != part.end - part.start)
        ):
            raise _ContradictionError
        return header

    def _has_valid_plt(self, tile: _Tile) -> bool:
        """Return whether the packet lengths in PLT fit the tile-parts of a tile and their packets."""
        if tile.order is None or not self._trusts_plt:
            return False
        at = 0
        for index, part in enumerate(tile.parts):
            header = part.header
            if header is None:
                continue  # truncated
            if header.packets is None or not header.regular:
                return False
            if header.size + sum(header.packets) != part.end - part.start:
                return False
            first, last = tile.spans[index] if tile.spans else (at, at + len(header.packets))
            if last - first != len(header.packets):
                return False
            at = last
        return at <= len(tile.order)

    def _kept(self, tile: _Tile) -> list[_Stretch]:
        """Return the stretches of the codestream to copy for a tile."""
        if tile.raw:
            return [_Stretch(part.start, part.end) for part in tile.parts]
        assert tile.order is not None
        size = self.end - self.start
        out = [_Stretch(0, 0)]

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
                    out.append(_Stretch(at, at + length))
                at += length
            done = first + len(part.header.packets)
        omit(done, len(tile.order) - done)
        return out

    def _empty_packets(self, first: int, count: int) -> bytes:
        end = b"\x00" + (Marker.EPH.code if self.header.eph else b"")
        if not self.header.sop:
            return end * count
        return b"".join(
            _SOP + struct.pack(">H", number & 0xFFFF) + end for number in range(first, first + count)
        )

    def _covered(self, bounds: tuple[int, int, int, int]) -> Rect:
        """Return the area of a range of tiles on the reference grid; `bounds` is as in `Needs.tiles`."""
        (top, left), (height, width) = self.header.tile_origin, self.header.tile_size
        rows = top + bounds[0] * height, top + bounds[2] * height
        columns = left + bounds[1] * width, left + bounds[3] * width
        return Rect(rows[0], columns[0], rows[1], columns[1]).intersection(self.header.area)

    def _main_header(self, head: bytes, bounds: tuple[int, int, int, int]) -> bytes:
        """Return the main header of a codestream with a range of tiles; `bounds` is as in `Needs.tiles`."""
        header = self.header
        out = bytearray(head[:2])
        for segment in main_segments(head, header.end):
            if segment.marker not in (Marker.TLM, Marker.PLM):
                out += head[segment.start : segment.end]
        (top, left), (height, width) = header.tile_origin, header.tile_size
        origin = top + bounds[0] * height, left + bounds[1] * width
        area = self._covered(bounds)
        grid = (area.x1, area.y1, area.x0, area.y0, width, height, origin[1], origin[0])
        struct.pack_into(">8I", out, header.siz + _SIZ_GRID, *grid)
        return bytes(out)


def _grouping(header: MainHeader, parts: int) -> int | None:
    """Return how many tile-parts each resolution of a tile has, judging by their number; None if not by resolution."""
    resolutions = header.levels + 1
    if header.progression == RLCP and header.layers > 1 and parts == resolutions * header.layers:
        return header.layers
    return 1 if header.progression in (RPCL, RLCP) and parts == resolutions else None
