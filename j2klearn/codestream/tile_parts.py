"""Tile-parts (T.800 A.4.2): reading their headers, and writing the packets of tiles as tile-parts by resolution."""

from __future__ import annotations

import contextlib
import io
import itertools
import shutil
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import BinaryIO

from ..errors import CodestreamError
from .main_header import MainHeader, read_main_header
from .packets import RLCP, RPCL, packet_order

__all__ = [
    "EOC",
    "TilePartHeader",
    "TilePartWriter",
    "arrange",
    "overhead",
    "packet_lengths",
    "read_tile_part_header",
    "tile_part",
]

EOC = b"\xff\xd9"
_SOD = b"\xff\x93"
_SOT = 0xFF90
_PLT, _TLM = 0xFF58, 0xFF55
_CODING = {0xFF52, 0xFF53, 0xFF5F, 0xFF61}  # COD, COC, POC, PPT: packets are not where the main header says

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
        Lengths of the packets, as PLT has them; None without it.
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


def packet_lengths(iplt: bytes) -> list[int]:
    """Return the packet lengths in a PLT marker segment (T.800 Table A.36): seven bits a byte, high ones first."""
    lengths, value = [], 0
    for byte in iplt:
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            lengths.append(value)
            value = 0
    return lengths


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
    marker, size, tile, length, index, count = struct.unpack_from(">HHHIBB", data, at)
    if marker != _SOT or size != _SOT_BYTES - 2 or 0 < length < _SOT_BYTES + _SOD_BYTES:
        raise CodestreamError("the codestream is damaged: there is no tile-part where one should start")
    position = at + _SOT_BYTES
    kept, lengths, regular = bytearray(), b"", True
    found = False
    while data[position : position + 2] != _SOD:
        if position + 4 > len(data):
            return None
        marker, size = struct.unpack_from(">HH", data, position)
        if marker < 0xFF4F or size < 2 or (length and position + 2 + size - at > length - _SOD_BYTES):
            raise CodestreamError(f"the header of a part of tile {tile} is damaged")
        if position + 2 + size > len(data):
            return None
        if marker == _PLT:
            found, lengths = True, lengths + data[position + 5 : position + 2 + size]
        else:
            kept += data[position : position + 2 + size]
            regular = regular and marker not in _CODING
        position += 2 + size
    return TilePartHeader(
        tile,
        index,
        count,
        length,
        position + _SOD_BYTES - at,
        bytes(kept),
        packet_lengths(lengths) if found else None,
        regular,
    )


def _plt(lengths: Iterable[int]) -> bytes:
    """Return PLT marker segments of packet lengths."""
    out, body, index = bytearray(), bytearray(), 0

    def close() -> None:
        out.extend(struct.pack(">HHB", _PLT, len(body) + 3, index & 0xFF) + body)

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
    return struct.pack(">HHHIBB", _SOT, 10, tile, size, index, count) + header + _SOD + body


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
        at = read_main_header(codestream).end
        while codestream[at : at + 2] != EOC:
            part = read_tile_part_header(codestream, at)
            if part is None or part.packets is None or not part.length:
                raise CodestreamError("the codestream has no packet lengths")
            body = memoryview(codestream)[at + part.size : at + part.length]
            self._put(tile_of(part.tile), part.packets, body, part.segments)
            at += part.length

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
            out += struct.pack(">HHBB", _TLM, 4 + 6 * len(some), number & 0xFF, 0x60)
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
