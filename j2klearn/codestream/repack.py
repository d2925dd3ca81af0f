"""Move the packets of a codestream without decoding them: another order, other tile-parts, fewer layers.

A packet holds one layer of one precinct (T.800 B.9). Its bytes depend only on the earlier layers of the same precinct.
So it can be moved as long as the layers of a precinct stay in order, and the highest layers and resolutions can be
dropped.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.peeking import peek_bytes
from ..errors import CodestreamError, LimitError, OptionError, UnsupportedError
from ..native.packets import PacketReader
from .coding_segments import Cod
from .learned_segment import read_comments
from .main_header import MainHeader, main_segments, read_main_header
from .markers import Marker, walk
from .reduced_header import HeaderChange, changed_main_header, changed_tile_header, packet_segments
from .source_tiles import SourceTile, read_tiles
from .tile_parts import EOC, plt_segments, tile_part, tlm_segments

__all__ = ["DIVISIONS", "Repacking", "check_divisions", "repack_codestream"]

#: What a new tile-part can begin with: a resolution, a quality layer, a component.
DIVISIONS = {"R": "resolution", "L": "layer", "C": "component"}

_MAX_TILE_PARTS = 255  # of a tile: TNsot has one byte
_MAX_TLM_SEGMENTS = 256
_MAX_TILE_PART_BYTES = (1 << 32) - 1

_SOP = Marker.SOP.code + b"\x00\x04"


def check_divisions(letters: object) -> None:
    """Raise an OptionError unless an object is None or a string of letters of `DIVISIONS`."""
    if letters is not None and not (isinstance(letters, str) and set(letters) <= DIVISIONS.keys()):
        raise OptionError(f"tile_parts has letters of {', '.join(DIVISIONS)}, not {letters!r}")


@dataclass(frozen=True)
class Repacking:
    """What becomes of a codestream.

    Attributes
    ----------
    change : HeaderChange
        Progression order, layers and resolutions.
    divisions : str or None
        Letters of `DIVISIONS`: a tile-part begins wherever one of these changes. Empty: one tile-part for each tile.
        None: the tile-parts stay as they are if the packets keep their order; else one for each tile.
    plt, tlm : bool or None
        Whether to write these marker segments. None: if the codestream has them.
    """

    change: HeaderChange
    divisions: str | None = None
    plt: bool | None = None
    tlm: bool | None = None


@dataclass(frozen=True)
class _NewPart:
    """A tile-part to write; `place` orders the tile-parts of the codestream."""

    place: tuple[int, int]
    tile: int
    packets: list[bytes]
    segments: bytes = b""


def repack_codestream(codestream: bytes, repacking: Repacking) -> bytes:
    """Return a codestream with the packets of another.

    Parameters
    ----------
    codestream : bytes
        A complete codestream.
    repacking : Repacking
        What becomes of it.

    Returns
    -------
    bytes
        The codestream. Packet headers that are packed in PPM or PPT are in front of their packets.

    Raises
    ------
    CodestreamError
        If the codestream is damaged or truncated.
    UnsupportedError
        If resolutions cannot be dropped.
    OptionError
        If a tile would have more than 255 tile-parts.
    LimitError
        If there are too many precincts, packets or bytes for the marker segments that describe them.
    """
    header, change = read_main_header(codestream), repacking.change
    if change.discard and read_comments(header.binary_comments)[0] is not None:
        raise UnsupportedError(
            "a picture with a learned transform keeps its resolutions: the points at which its coefficients are "
            "reconstructed depend on their number"
        )
    head = changed_main_header(codestream, header, change)
    new_header = read_main_header(head + Marker.SOT.code)
    tiles, listed = read_tiles(codestream, header)
    plt = listed if repacking.plt is None else repacking.plt
    parts: list[_NewPart] = []
    with _Packets(codestream, header) as old, _Packets(head + Marker.SOT.code, new_header) as new:
        for tile in tiles:
            segments = changed_tile_header(tile.segments, header.components, change)
            parts += _divided(tile, old.of_tile(tile), new, segments, repacking.divisions)
        _check_missing(tiles, old, header)
    parts.sort(key=lambda part: part.place)
    written = _written(parts, plt)
    if _has_tlm(codestream, header) if repacking.tlm is None else repacking.tlm:
        lengths = [(part.tile, len(data)) for part, data in zip(parts, written, strict=True)]
        head += _tlm(lengths)
    return head + b"".join(written) + EOC


class _Packets(PacketReader):
    """The packets of a codestream, tile by tile."""

    def __init__(self, codestream: bytes, header: MainHeader) -> None:
        head, self._poc = packet_segments(codestream, header)
        self.eph = header.eph
        super().__init__(head)

    def segments(self, segments: bytes) -> bytes:
        """Return the marker segments that decide the packets of a tile, from those of its tile-part headers."""
        own, out = b"", b""
        for segment in walk(peek_bytes(segments), 0, len(segments)):
            data = segments[segment.start : segment.end]
            if segment.marker == Marker.POC:
                own += data
            elif segment.marker in (Marker.COD, Marker.COC):
                out += data
        return out + (own or self._poc) + Marker.SOD.code

    def of_tile(self, tile: SourceTile) -> NDArray[np.void]:
        return self.found(tile.index, self.segments(tile.segments), tile.data, tile.headers)


def _check_missing(tiles: list[SourceTile], packets: _Packets, header: MainHeader) -> None:
    """Check that the tiles without tile-parts have no packets."""
    present = {tile.index for tile in tiles}
    for index in range(header.tiles):
        if index not in present and len(packets.listed(index, packets.segments(b""))):
            raise CodestreamError(f"the codestream is truncated: tile {index} is missing")


def _divided(
    tile: SourceTile, packets: NDArray[np.void], new: _Packets, segments: bytes, divisions: str | None
) -> list[_NewPart]:
    """Return the new tile-parts of a tile.

    Parameters
    ----------
    tile : SourceTile
        The tile.
    packets : ndarray of `PACKET`
        Its packets.
    new : _Packets
        The packets of the new codestream.
    segments : bytes
        The marker segments of its new tile-part headers, which go into the first.
    divisions : str or None
        As in `Repacking`.
    """
    own = new.segments(segments)
    target = new.listed(tile.index, own)
    chosen = _chosen(packets, target)
    pieces = _pieces(tile, packets, chosen, _eph(own, new.eph))
    kept = divisions is None and bool((chosen >= 0).all() and (np.diff(chosen) > 0).all())
    if kept:
        old_part = np.searchsorted(tile.ends, packets["end"][chosen], side="left")
        keys = old_part.reshape(-1, 1)
    else:
        keys = np.stack(
            [target[DIVISIONS[letter]] for letter in divisions or ""] or [np.zeros(len(target))], axis=1
        )
    starts = [0, *(np.flatnonzero((np.diff(keys, axis=0) != 0).any(axis=1)) + 1).tolist()]
    if len(starts) > _MAX_TILE_PARTS:
        raise OptionError(
            f"tile {tile.index} would have {len(starts)} tile-parts, more than {_MAX_TILE_PARTS}: divide it otherwise"
        )
    parts = []
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(pieces)], strict=True)):
        old = tile.places[int(keys[start, 0])] if kept and len(pieces) else tile.places[0]
        place = (old, 0) if kept else (number, tile.index)
        parts.append(_NewPart(place, tile.index, pieces[start:end], b"" if number else segments))
    return parts


def _eph(segments: bytes, eph: bool) -> bool:
    """Return whether packet headers end with EPH, where the main header says `eph`."""
    for segment in walk(peek_bytes(segments), 0, len(segments)):
        if segment.marker == Marker.COD:
            eph = Cod.parse(segments[segment.body]).eph
    return eph


def _identity(packets: NDArray[np.void]) -> NDArray[np.int64]:
    """Return a number for each packet that no other packet of the tile has.

    There are at most 2 ** 14 components, 33 resolutions, 2 ** 21 precincts and 2 ** 16 layers.
    """
    out = packets["component"].astype(np.int64)
    for name, count in (("resolution", 33), ("precinct", 1 << 21), ("layer", 1 << 16)):
        out = out * count + packets[name]
    return out


def _chosen(packets: NDArray[np.void], target: NDArray[np.void]) -> NDArray[np.int64]:
    """Return the index of the old packet for each new one; -1 for a packet that the old codestream does not have."""
    old, new = _identity(packets), _identity(target)
    if not len(old):
        return np.full(len(new), -1)
    order = np.argsort(old)
    at = np.minimum(np.searchsorted(old, new, sorter=order), len(old) - 1)
    found = order[at]
    return np.where(old[found] == new, found, -1)


def _pieces(tile: SourceTile, packets: NDArray[np.void], chosen: NDArray[np.int64], eph: bool) -> list[bytes]:
    """Return the bytes of the new packets of a tile: SOP with the new number, header and body.

    A progression order change may leave packets out. They become empty packets, as decoders see them.
    """
    empty = b"\x00" + (Marker.EPH.code if eph else b"")
    data, headers = tile.data, tile.headers
    fields = (packets[name].tolist() for name in ("header", "header_size", "body", "end", "sop"))
    header, header_size, body, end, sop = fields
    out = []
    for number, at in enumerate(chosen.tolist()):
        if at < 0:
            out.append(empty)
            continue
        if headers is None:
            piece = data[header[at] : end[at]]
        else:
            piece = headers[header[at] : header[at] + header_size[at]] + data[body[at] : end[at]]
        out.append(_SOP + struct.pack(">H", number & 0xFFFF) + piece if sop[at] else piece)
    return out


def _written(parts: list[_NewPart], plt: bool) -> list[bytes]:
    """Return the bytes of tile-parts."""
    totals: dict[int, int] = {}
    for part in parts:
        totals[part.tile] = totals.get(part.tile, 0) + 1
    numbers = dict.fromkeys(totals, 0)
    out = []
    for part in parts:
        segments = part.segments
        if plt and part.packets:
            segments += plt_segments(map(len, part.packets))
        body = b"".join(part.packets)
        if len(segments) + len(body) > _MAX_TILE_PART_BYTES - 14:
            raise LimitError(
                f"a tile-part of tile {part.tile} would have more than 4 GiB: divide it otherwise"
            )
        out.append(tile_part(part.tile, numbers[part.tile], totals[part.tile], body, segments))
        numbers[part.tile] += 1
    return out


def _has_tlm(codestream: bytes, header: MainHeader) -> bool:
    return any(segment.marker == Marker.TLM for segment in main_segments(codestream, header.end))


def _tlm(lengths: list[tuple[int, int]]) -> bytes:
    out = tlm_segments(lengths)
    if len(out) > _MAX_TLM_SEGMENTS * 65535:
        raise LimitError(f"{len(lengths)} tile-parts are more than TLM can list")
    return out
