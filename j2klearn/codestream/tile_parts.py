"""Tile-parts (T.800 A.4.2): reading their headers, and writing the packets of tiles as tile-parts by resolution."""

from __future__ import annotations

import contextlib
import io
import itertools
import shutil
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ..core.peeking import peek_bytes
from ..errors import CodestreamError
from .main_header import MainHeader, read_main_header
from .markers import Marker, walk
from .packets import RLCP, RPCL, packet_order
from .pointer_segments import Plt, packet_lengths
from .segments import Sot

__all__ = [
    "EOC",
    "TilePart",
    "TilePartHeader",
    "TilePartWriter",
    "arrange",
    "overhead",
    "plt_bytes",
    "read_tile_part_header",
    "tile_part",
    "tile_parts",
]

EOC = Marker.EOC.code

#: With these in the header of a tile-part, packets are not where the main header says.
_CODING = {Marker.COD, Marker.COC, Marker.POC, Marker.PPT}

#: Bytes of the SOT marker segment and of the SOD marker.
_SOT_BYTES, _SOD_BYTES = 12, 2
_MOST_PARTS = 255  # TNsot has a byte
_MOST_TLM = (65535 - 4) // 6
_MOST_PLT = 65535 - 3


@dataclass(frozen=True)
class TilePartHeader:
    """The header of a tile-part.

    Attributes
    ----------
    tile, index, count : int
        Isot, TPsot and TNsot (0 where it is not said).
    length : int
        Psot: bytes from SOT to the end of the tile-part; 0 for all up to the end of the codestream.
    size : int
        Bytes of the header, SOD included.
    segments : bytes
        The marker segments other than SOT and PLT.
    packets : list of int or None
        Lengths of the packets, as PLT has them; None without it, and where they are impossible.
    regular : bool
        Nothing in it changes how the tile is coded.
    """

    tile: int
    index: int
    count: int
    length: int
    size: int
    segments: bytes
    packets: list[int] | None
    regular: bool


def _length_bytes(length: int) -> bytes:
    out = [length & 0x7F]
    while length := length >> 7:
        out.append(length & 0x7F | 0x80)
    return bytes(reversed(out))


def read_tile_part_header(data: bytes, at: int = 0) -> TilePartHeader | None:
    """Read the header of the tile-part that starts at `at`; None where `data` ends before it does.

    Raises
    ------
    CodestreamError
        If no tile-part starts there, or its header is damaged.
    """
    if len(data) < at + _SOT_BYTES:
        return None
    sot = Sot.read(data[at : at + _SOT_BYTES])
    kept, iplt, regular = bytearray(), bytearray(), True
    has_plt = False
    for segment in walk(peek_bytes(data), at + _SOT_BYTES, len(data)):
        if sot.length and segment.end - at > sot.length - _SOD_BYTES * (segment.marker != Marker.SOD):
            raise CodestreamError(f"the header of a part of tile {sot.tile} is damaged")
        if segment.marker == Marker.SOD:
            return TilePartHeader(
                sot.tile,
                sot.index,
                sot.count,
                sot.length,
                segment.end - at,
                bytes(kept),
                _lengths(iplt) if has_plt else None,
                regular,
            )
        if segment.marker in (Marker.SOT, Marker.EOC):
            raise CodestreamError(f"the header of a part of tile {sot.tile} is damaged")
        if segment.marker == Marker.PLT:
            has_plt = True
            iplt += Plt.parse(data[segment.body]).data
        else:
            kept += data[segment.start : segment.end]
            regular = regular and segment.marker not in _CODING
    return None


def _lengths(iplt: bytes | bytearray) -> list[int] | None:
    """Return the packet lengths in PLT marker segments; None where they are impossible."""
    try:
        return packet_lengths(iplt)
    except CodestreamError:
        return None


@dataclass(frozen=True)
class TilePart:
    """One tile-part of a codestream: its header without PLT, and the offsets where its packets start and end."""

    header: TilePartHeader
    start: int
    end: int


def tile_parts(codestream: bytes) -> Iterator[TilePart]:
    """Yield the tile-parts of a codestream.

    Raises
    ------
    CodestreamError
        If it is damaged or truncated.
    """
    at = read_main_header(codestream).end
    while codestream[at : at + 2] != EOC:
        header = read_tile_part_header(codestream, at)
        if header is None:
            raise CodestreamError("the codestream is cut off")
        end = at + header.length if header.length else len(codestream)
        yield TilePart(header, at + header.size, end)
        if not header.length:
            break
        at = end


def plt_bytes(codestream: bytes) -> int:
    """Return how many bytes of a codestream are PLT marker segments.

    Raises
    ------
    CodestreamError
        If it is damaged or truncated.
    """
    beside = _SOT_BYTES + _SOD_BYTES
    return sum(part.header.size - len(part.header.segments) - beside for part in tile_parts(codestream))


def _plt(lengths: Iterable[int]) -> bytes:
    """Return PLT marker segments of packet lengths."""
    out, body, index = bytearray(), bytearray(), 0

    def close() -> None:
        out.extend(struct.pack(">HHB", Marker.PLT, len(body) + 3, index & 0xFF) + body)

    for length in lengths:
        coded = _length_bytes(length)
        if len(body) + len(coded) > _MOST_PLT:
            close()
            body.clear()
            index += 1
        body += coded
    close()
    return bytes(out)


def tile_part(tile: int, index: int, count: int, body: bytes, header: bytes = b"") -> bytes:
    """Return a tile-part of the given packets; `header` goes between SOT and SOD."""
    size = _SOT_BYTES + len(header) + _SOD_BYTES + len(body)
    return Sot(tile, size, index, count).to_bytes() + header + Marker.SOD.code + body


def _groups(progression: int, levels: int, layers: int) -> int:
    """Return in how many tile-parts a tile is written: one for each resolution, also for each layer, or one."""
    resolutions = levels + 1
    if progression == RLCP and resolutions * layers <= _MOST_PARTS:
        return resolutions * layers
    return resolutions if progression in (RLCP, RPCL) else 1


def overhead(
    progression: int,
    levels: int,
    layers: int,
    *,
    tiles: int,
    precincts: int,
    size: float,
    plt: bool,
    tlm: bool,
) -> int:
    """Return about how many bytes tile-parts need beside their packets, which will take `size` bytes or so.

    `precincts` is their number in all tiles, components and resolutions.
    """
    parts = tiles * _groups(progression, levels, layers)
    total = parts * (_SOT_BYTES + _SOD_BYTES)
    if plt:
        packets = max(1, precincts * layers)
        # a packet in four or so is larger than most
        total += 5 * parts + packets * len(_length_bytes(int(4 * size / packets)))
    return total + (6 * parts + 6 if tlm else 0)


class TilePartWriter:
    """Gathers the packets of tiles, and writes them as tile-parts.

    In the progression RPCL a tile has a part for each resolution, in RLCP one for each resolution and layer, else a
    single one. The parts of all tiles that are of one kind lie together in the file, the lowest resolution first: an
    overview is the beginning of the file, and what neighbouring tiles have at a resolution is a few stretches of it.

    Parameters
    ----------
    header : MainHeader
        Of the picture as it is to be written.
    plt, tlm : bool
        Marker segments to write.
    spool : callable
        Called for each kind of part; returns the binary file in which these parts are kept until all are there.
    """

    def __init__(self, header: MainHeader, *, plt: bool, tlm: bool, spool: Callable[[], BinaryIO]) -> None:
        self.header, self.plt, self.tlm = header, plt, tlm
        self._files = [spool() for _ in range(_groups(header.progression, header.levels, header.layers))]
        self._index: list[list[tuple[int, int]]] = [[] for _ in self._files]

    def add(self, codestream: bytes, tile_of: Callable[[int], int] = int) -> None:
        """Take over the tiles of a codestream that has PLT marker segments and a tile-part for each tile.

        `tile_of` turns an index of its tiles into one of the picture's.
        """
        for part in tile_parts(codestream):
            header = part.header
            if header.packets is None or not header.length:
                raise CodestreamError("the codestream has no packet lengths")
            body = memoryview(codestream)[part.start : part.end]
            self._put(tile_of(header.tile), header.packets, body, header.segments)

    def _put(self, tile: int, packets: list[int], body: memoryview, segments: bytes) -> None:
        order = packet_order(self.header, self.header.tile_area(tile))
        groups = len(self._files)
        if groups == 1 or order is None:
            keys = [0] * len(packets)
        elif groups == self.header.levels + 1:
            keys = order.resolution.tolist()
        else:
            keys = (order.resolution * self.header.layers + order.layer).tolist()
        if len(keys) != len(packets):
            raise CodestreamError(f"tile {tile} has {len(packets)} packets, and should have {len(keys)}")
        at = 0
        runs = [
            (key, [length for _, length in run])
            for key, run in itertools.groupby(zip(keys, packets, strict=True), key=lambda pair: pair[0])
        ]
        for index, (key, lengths) in enumerate(runs):
            head = (b"" if index else segments) + (_plt(lengths) if self.plt else b"")
            data = tile_part(tile, index, len(runs), bytes(body[at : at + sum(lengths)]), head)
            self._files[key].write(data)
            self._index[key].append((tile, len(data)))
            at += sum(lengths)

    def tlm_segments(self) -> bytes:
        """Return the TLM marker segments (T.800 A.7.1) of what was added; nothing where none are wanted."""
        if not self.tlm:
            return b""
        parts = [part for index in self._index for part in index]
        out = bytearray()
        for number, start in enumerate(range(0, len(parts), _MOST_TLM)):
            some = parts[start : start + _MOST_TLM]
            # Stlm 0x60: two bytes for the tile, four for the length
            out += struct.pack(">HHBB", Marker.TLM, 4 + 6 * len(some), number & 0xFF, 0x60)
            out += b"".join(struct.pack(">HI", tile, length) for tile, length in some)
        return bytes(out)

    def size(self) -> int:
        """Return how many bytes the tile-parts take."""
        return sum(length for index in self._index for _, length in index)

    def write(self, out: BinaryIO) -> None:
        """Write all tile-parts, in the order of the TLM marker segments."""
        for file in self._files:
            file.seek(0)
            shutil.copyfileobj(file, out, 1 << 20)

    def close(self) -> None:
        """Let go of the files, and of what a full disk has not taken."""
        for file in self._files:
            with contextlib.suppress(OSError):
                file.close()


def arrange(codestream: bytes, *, plt: bool, tlm: bool) -> bytes:
    """Return a codestream with its tile-parts divided by resolution, those of all tiles one resolution after the other.

    Parameters
    ----------
    codestream : bytes
        With PLT marker segments, and a tile-part for each tile.
    plt, tlm : bool
        Marker segments to write.
    """
    header = read_main_header(codestream)
    writer = TilePartWriter(header, plt=plt, tlm=tlm, spool=io.BytesIO)
    writer.add(codestream)
    out = io.BytesIO()
    out.write(codestream[: header.end])
    out.write(writer.tlm_segments())
    writer.write(out)
    out.write(EOC)
    return out.getvalue()
