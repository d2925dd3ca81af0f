"""Extract a small codestream with the needed tiles and packets of a file, for OpenJPEG to decode."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..codestream.main_header import MainHeader, main_header_end, read_main_header
from ..codestream.packets import packet_count
from ..codestream.segments import Sot
from ..codestream.tile_parts import EOC
from ..core.geometry import Rect
from ..errors import CodestreamError
from ..io.sources import ByteSource
from ..jp2.boxes import locate
from .assembly import assemble, covered, stretches
from .needs import Needs, numbers_of, tiles_of
from .tile_index import ContradictionError, TileParts, from_tlm, walk
from .tile_part_reader import TilePartReader
from .tile_plan import Part, TilePlan, plan_tile

__all__ = ["Extract", "PartialCodestream"]

#: A file has at most so many tiles that are extracted one by one, and one more for every so many bytes.
_FEW_TILES, _BYTES_PER_TILE = 4096, 64

#: A file has at most so many packets that are extracted one by one, and so many more for every byte.
_FEW_PACKETS, _PACKETS_PER_BYTE = 1 << 17, 16

#: Whole tiles have at most so many bytes.
_FEW_BYTES = 1 << 22

#: Bytes of the first read of a file.
_FIRST_READ = 1 << 14


class _Trust(enum.Enum):
    """The pointers in a file that are used to extract parts of it."""

    PACKETS = enum.auto()  # lengths of packets in PLT, and of tile-parts
    TILE_PARTS = enum.auto()  # lengths of tile-parts in TLM and Psot
    NOTHING = enum.auto()  # none: the codestream is read as a whole


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
        self._trust, self._took_packets, self._took_parts = _Trust.PACKETS, False, False

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

    @property
    def ends(self) -> bool:
        """Whether the codestream ends with EOC: it is not truncated."""
        return self.peek(self.end - len(EOC), len(EOC)) == EOC

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
            # TLM that ends before the codestream lacks tile-parts
            if self._index is None or self._index.end + len(EOC) < self.end - self.start:
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

    def distrust(self) -> bool:
        """Trust fewer of the pointers in the file: no packet lengths in PLT, then no lengths of tile-parts either.

        Call this if OpenJPEG cannot decode an extract: PLT can be wrong even if its lengths add up, and tile-parts can
        be numbered in a way that OpenJPEG only understands in the whole codestream.

        Returns
        -------
        bool
            Whether an earlier extract used these pointers, so that extracting again gives another codestream.
        """
        if self._trust == _Trust.PACKETS:
            self._trust = _Trust.TILE_PARTS
            if self._took_packets:
                return True
        differs = self._trust == _Trust.TILE_PARTS and self._took_parts
        self._trust = _Trust.NOTHING
        return differs

    def extract(self, requests: Sequence[tuple[Rect, int]], layers: int) -> Extract | None:
        """Extract a codestream from which some areas can be decoded as from the whole codestream.

        Parameters
        ----------
        requests : sequence of (Rect, int)
            Area on the reference grid, and number of highest resolutions to discard, of each request.
        layers : int
            Number of quality layers that will be decoded.

        Returns
        -------
        Extract or None
            None if the codestream must be read as a whole: its packet headers are in the main header, its tile-parts
            contradict their headers, or it is too short for the tiles or the packets that it
            declares.

        Raises
        ------
        CodestreamError
            If the codestream cannot be read.
        """
        if self.header.packed or self._trust == _Trust.NOTHING:
            return None
        try:
            return self._extract(requests, layers)
        except ContradictionError:
            if self._walked:
                return None
        try:
            self._walk()  # TLM is wrong
            return self._extract(requests, layers)
        except ContradictionError:
            return None

    def whole_tiles(self, areas: Sequence[Rect]) -> bytes | None:
        """Return a codestream with the tiles that hold some areas, with all of their packets.

        This takes less time than `extract`, where reading bytes that are not needed takes none.

        Parameters
        ----------
        areas : sequence of Rect
            Areas on the reference grid, within the picture.

        Returns
        -------
        bytes or None
            A codestream with the smallest rectangle of tiles that holds the areas. None if the file is not near, if the
            tiles are large, or if they are not all there, where their headers say.

        Raises
        ------
        CodestreamError
            If the codestream cannot be read.
        """
        if not self.source.near or self.header.packed or self._trust == _Trust.NOTHING:
            return None
        header, size = self.header, self.end - self.start
        bounds = tiles_of(header, areas)
        if _count(bounds) > _FEW_TILES:
            return None
        numbers = numbers_of(header, bounds)
        try:
            parts = [self._parts(number) for number in numbers]
        except ContradictionError:
            return None
        all_parts = [part for own in parts for part in own]
        if not all(parts) or sum(part.end - part.start for part in all_parts) > _FEW_BYTES:
            return None
        if any(part.end > size for part in all_parts):
            return None
        bodies = self._read([(part.start, part.end) for part in all_parts])
        found = iter(bodies)
        for number, own in zip(numbers, parts, strict=True):
            for part in own:
                if not _begins(next(found), number, part):
                    return None
        plans = [
            TilePlan(number, header.tile_area(number), header.levels, None, own, np.empty(0, bool), raw=True)
            for number, own in zip(numbers, parts, strict=True)
        ]
        kept = [stretches(plan, size) for plan in plans]
        return assemble(header, self.head, bounds, plans, kept, iter(bodies))

    def _extract(self, requests: Sequence[tuple[Rect, int]], layers: int) -> Extract | None:
        header, size = self.header, self.end - self.start
        needs = Needs(header, requests)
        bounds = needs.tiles()
        if _count(bounds) > _FEW_TILES + size // _BYTES_PER_TILE:
            return None
        numbers = numbers_of(header, bounds)
        packets = sum(packet_count(header, header.tile_area(number)) for number in numbers)
        if packets > _FEW_PACKETS + size * _PACKETS_PER_BYTE:
            return None
        tiles = [plan_tile(header, number, needs, layers, self._parts) for number in numbers]
        reader = TilePartReader(
            header, size, self._read, self._parts, trusts_plt=self._trust == _Trust.PACKETS
        )
        truncated = reader.read_headers(tiles)
        # beyond a contiguous codestream box that is too short there may be more of the codestream
        if truncated and (self.end < self.source.size or any(tile.raw for tile in tiles)):
            return None
        self._took_parts = True
        self._took_packets = self._took_packets or not all(tile.raw for tile in tiles)
        kept = [stretches(tile, size) for tile in tiles]
        data = assemble(header, self.head, bounds, tiles, kept, iter(reader.bodies(tiles, kept)))
        return Extract(data, covered(header, bounds), truncated)

    def _parts(self, number: int) -> list[Part]:
        return [Part(at, *ends) for at, ends in enumerate(self.index.of(number))]


def _count(bounds: tuple[int, int, int, int]) -> int:
    return (bounds[2] - bounds[0]) * (bounds[3] - bounds[1])


def _begins(data: bytes, tile: int, part: Part) -> bool:
    """Return whether data begins as the tile-part should."""
    try:
        sot = Sot.read(data)
    except CodestreamError:
        return False
    return sot.tile == tile and sot.index == part.index and sot.length in (0, part.end - part.start)
