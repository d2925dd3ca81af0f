"""Tile-parts (T.800 A.4.2): parse their headers, and write the packets of tiles as one tile-part per resolution."""

from __future__ import annotations

import contextlib
import io
import itertools
import shutil
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    "plt_segments",
    "read_tile_part_header",
    "tile_part",
    "tile_parts",
    "tlm_segments",
]

EOC = Marker.EOC.code

#: If one of these is in the header of a tile-part, the main header does not define the packets of the tile.
_CODING_CHANGES = {Marker.COD, Marker.COC, Marker.POC, Marker.PPT}

#: Bytes of the SOT marker segment and of the SOD marker.
_SOT_BYTES, _SOD_BYTES = 12, 2
_MAX_TILE_PARTS = 255  # of a tile: TNsot has one byte
_MAX_TLM_ENTRIES = (65535 - 4) // 6  # of a TLM marker segment
_MAX_PLT_BYTES = 65535 - 3  # of Iplt in a PLT marker segment


@dataclass(frozen=True)
class TilePartHeader:
    """The header of a tile-part.

    Attributes
    ----------
    tile, index, count : int
        Isot, TPsot and TNsot (0 if it is not signalled).
    length : int
        Psot: bytes from the SOT marker to the end of the tile-part; 0 if it ends at the end of the codestream.
    size : int
        Bytes of the header, SOT marker segment and SOD marker included.
    segments : bytes
        The marker segments other than SOT and PLT.
    packets : list of int or None
        Lengths of the packets in bytes, from PLT. None if there is no PLT marker segment, or it is invalid.
    regular : bool
        Whether the header has none of COD, COC, POC and PPT, which change how the tile is coded.
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
    """Parse the header of the tile-part at offset `at`; return None if `data` ends before the header does.

    Raises
    ------
    CodestreamError
        If there is no tile-part at the offset, or its header is damaged.
    """
    if len(data) < at + _SOT_BYTES:
        return None
    sot = Sot.read(data[at : at + _SOT_BYTES])
    kept, iplt, regular = bytearray(), bytearray(), True
    has_plt = False
    for segment in walk(peek_bytes(data), at + _SOT_BYTES, len(data)):
        if sot.length and segment.end - at > sot.length - _SOD_BYTES * (segment.marker != Marker.SOD):
            raise CodestreamError(f"the header of a tile-part of tile {sot.tile} is damaged")
        if segment.marker == Marker.SOD:
            return TilePartHeader(
                sot.tile,
                sot.index,
                sot.count,
                sot.length,
                segment.end - at,
                bytes(kept),
                _lengths_or_none(iplt) if has_plt else None,
                regular,
            )
        if segment.marker in (Marker.SOT, Marker.EOC):
            raise CodestreamError(f"the header of a tile-part of tile {sot.tile} is damaged")
        if segment.marker == Marker.PLT:
            has_plt = True
            iplt += Plt.parse(data[segment.body]).data
        else:
            kept += data[segment.start : segment.end]
            regular = regular and segment.marker not in _CODING_CHANGES
    return None


def _lengths_or_none(iplt: bytes | bytearray) -> list[int] | None:
    """Return the packet lengths in PLT marker segments, or None if they are invalid."""
    try:
        return packet_lengths(iplt)
    except CodestreamError:
        return None


@dataclass(frozen=True)
class TilePart:
    """A tile-part of a codestream.

    Attributes
    ----------
    header : TilePartHeader
        Its header.
    start, end : int
        Offsets of its packets in the codestream: the first byte, and the first byte after them.
    """

    header: TilePartHeader
    start: int
    end: int


def tile_parts(codestream: bytes) -> Iterator[TilePart]:
    """Yield the tile-parts of a codestream.

    Raises
    ------
    CodestreamError
        If the codestream is damaged or truncated.
    """
    at = read_main_header(codestream).end
    while codestream[at : at + 2] != EOC:
        header = read_tile_part_header(codestream, at)
        if header is None:
            raise CodestreamError("the codestream is truncated")
        end = at + header.length if header.length else len(codestream)
        yield TilePart(header, at + header.size, end)
        if not header.length:
            break
        at = end


def plt_bytes(codestream: bytes) -> int:
    """Return the number of bytes of a codestream that are PLT marker segments.

    Raises
    ------
    CodestreamError
        If the codestream is damaged or truncated.
    """
    empty_header = _SOT_BYTES + _SOD_BYTES
    return sum(part.header.size - len(part.header.segments) - empty_header for part in tile_parts(codestream))


def plt_segments(lengths: Iterable[int]) -> bytes:
    """Return PLT marker segments for packet lengths (T.800 A.7.3)."""
    out, body, index = bytearray(), bytearray(), 0

    def close() -> None:
        out.extend(struct.pack(">HHB", Marker.PLT, len(body) + 3, index & 0xFF) + body)

    for length in lengths:
        coded = _length_bytes(length)
        if len(body) + len(coded) > _MAX_PLT_BYTES:
            close()
            body.clear()
            index += 1
        body += coded
    close()
    return bytes(out)


def tlm_segments(parts: Sequence[tuple[int, int]]) -> bytes:
    """Return TLM marker segments (T.800 A.7.1) for tile-parts: the tile and the length of each."""
    out = bytearray()
    for number, start in enumerate(range(0, len(parts), _MAX_TLM_ENTRIES)):
        some = parts[start : start + _MAX_TLM_ENTRIES]
        # Stlm is 0x60: Ttlm has two bytes, Ptlm has four
        out += struct.pack(">HHBB", Marker.TLM, 4 + 6 * len(some), number & 0xFF, 0x60)
        out += b"".join(struct.pack(">HI", tile, length) for tile, length in some)
    return bytes(out)


def tile_part(tile: int, index: int, count: int, body: bytes, header: bytes = b"") -> bytes:
    """Return a tile-part (T.800 A.4.2).

    Parameters
    ----------
    tile, index, count : int
        Isot, TPsot and TNsot.
    body : bytes
        The packets.
    header : bytes
        Marker segments between SOT and SOD.
    """
    size = _SOT_BYTES + len(header) + _SOD_BYTES + len(body)
    return Sot(tile, size, index, count).to_bytes() + header + Marker.SOD.code + body


def _groups(progression: int, levels: int, layers: int) -> int:
    """Return the number of tile-parts per tile: one for each resolution and layer, one for each resolution, or one."""
    resolutions = levels + 1
    if progression == RLCP and resolutions * layers <= _MAX_TILE_PARTS:
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
    """Estimate the bytes that tile-parts need in addition to their packets.

    Parameters
    ----------
    progression : int
        Progression order, 0 to 4.
    levels, layers, tiles : int
        Numbers of decomposition levels, quality layers and tiles.
    precincts : int
        Number of precincts in all tiles, components and resolutions.
    size : float
        Estimated size of all packets in bytes.
    plt, tlm : bool
        Whether these marker segments are written.

    Returns
    -------
    int
        Bytes.
    """
    parts = tiles * _groups(progression, levels, layers)
    total = parts * (_SOT_BYTES + _SOD_BYTES)
    if plt:
        packets = max(1, precincts * layers)
        # sizes of packets vary: assume lengths of four times the mean
        total += 5 * parts + packets * len(_length_bytes(int(4 * size / packets)))
    return total + (6 * parts + 6 if tlm else 0)


class TilePartWriter:
    """Collects the packets of tiles and writes them as tile-parts.

    In the progression RPCL a tile has one tile-part for each resolution, in RLCP one for each resolution and layer, in
    other progressions only one. The tile-parts of all tiles with the same resolution (and layer) are adjacent in the
    file, the lowest resolution first. So the start of the file is an overview of the picture, and neighbouring tiles
    are close together at each resolution.

    Parameters
    ----------
    header : MainHeader
        Main header of the picture that is written.
    plt, tlm : bool
        Whether to write these marker segments.
    spool : callable
        Called once for each of these groups of tile-parts. Returns a binary file that stores the group until `write`.
    """

    def __init__(self, header: MainHeader, *, plt: bool, tlm: bool, spool: Callable[[], BinaryIO]) -> None:
        self.header, self.plt, self.tlm = header, plt, tlm
        self._files = [spool() for _ in range(_groups(header.progression, header.levels, header.layers))]
        self._index: list[list[tuple[int, int]]] = [[] for _ in self._files]

    def add(self, codestream: bytes, tile_of: Callable[[int], int] = int) -> None:
        """Add the tiles of a codestream.

        Parameters
        ----------
        codestream : bytes
            A codestream with PLT marker segments and one tile-part for each tile.
        tile_of : callable
            Maps the index of a tile of this codestream to its index in the picture.

        Raises
        ------
        CodestreamError
            If the packet lengths are missing, or do not fit the main header.
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
            raise CodestreamError(f"tile {tile} has {len(packets)} packets, not {len(keys)}")
        at = 0
        runs = [
            (key, [length for _, length in run])
            for key, run in itertools.groupby(zip(keys, packets, strict=True), key=lambda pair: pair[0])
        ]
        for index, (key, lengths) in enumerate(runs):
            head = (b"" if index else segments) + (plt_segments(lengths) if self.plt else b"")
            data = tile_part(tile, index, len(runs), bytes(body[at : at + sum(lengths)]), head)
            self._files[key].write(data)
            self._index[key].append((tile, len(data)))
            at += sum(lengths)

    def tlm_segments(self) -> bytes:
        """Return the TLM marker segments (T.800 A.7.1) of the added tiles; empty without the option `tlm`."""
        return tlm_segments([part for index in self._index for part in index]) if self.tlm else b""

    def size(self) -> int:
        """Return the size of all tile-parts in bytes."""
        return sum(length for index in self._index for _, length in index)

    def write(self, out: BinaryIO) -> None:
        """Write all tile-parts, in the order of the TLM marker segments."""
        for file in self._files:
            file.seek(0)
            shutil.copyfileobj(file, out, 1 << 20)

    def close(self) -> None:
        """Close the spool files. Errors are ignored: on a full disk, closing a file can fail."""
        for file in self._files:
            with contextlib.suppress(OSError):
                file.close()


def arrange(codestream: bytes, *, plt: bool, tlm: bool) -> bytes:
    """Divide the tile-parts of a codestream by resolution, in the order of `TilePartWriter`.

    Parameters
    ----------
    codestream : bytes
        A codestream with PLT marker segments and one tile-part for each tile.
    plt, tlm : bool
        Whether the result has these marker segments.

    Returns
    -------
    bytes
        The codestream.

    Raises
    ------
    CodestreamError
        If the packet lengths are missing, or do not fit the main header.
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
