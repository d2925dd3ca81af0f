"""Pointer marker segments (T.800 A.7): lengths of tile-parts (TLM) and of packets (PLT)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from .markers import Marker, damaged

__all__ = ["Plt", "Tlm", "packet_lengths"]

#: Every tile-part, and so every packet, is shorter, because Psot has 32 bits.
_PACKET_LENGTH_END = 1 << 32


@dataclass(frozen=True, eq=False)
class Tlm:
    """A TLM marker segment: lengths of tile-parts (T.800 A.7.1).

    Attributes
    ----------
    index : int
        Ztlm, 0 to 255: the position of this segment among the TLM segments of the header.
    tiles : ndarray of int64, shape (N,), or None
        Ttlm, the tile of each tile-part. None if it is not signalled: then each tile has one tile-part, and they are in
        the order of the tiles.
    lengths : ndarray of int64, shape (N,)
        Ptlm, the length of each tile-part in bytes.
    """

    index: int
    tiles: NDArray[np.int64] | None
    lengths: NDArray[np.int64]

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Parse the bytes after Ltlm.

        Raises
        ------
        CodestreamError
            If the length is wrong, or T.800 does not define the size of the entries.
        """
        if len(body) < 2:
            raise damaged(Marker.TLM, "it is too short")
        index, style = body[0], body[1]
        tile_bytes, wide = style >> 4 & 3, style >> 6 & 1  # ST and SP, T.800 Table A.34
        if tile_bytes > 2:
            raise damaged(Marker.TLM, f"T.800 does not define entries of the size {style}")
        length = ("length", ">u4" if wide else ">u2")
        entry = np.dtype([("tile", f">u{tile_bytes}"), length] if tile_bytes else [length])
        if (len(body) - 2) % entry.itemsize:
            raise damaged(Marker.TLM, "it has the wrong length")
        table = np.frombuffer(body, entry, offset=2)
        tiles = table["tile"].astype(np.int64) if tile_bytes else None
        return cls(index, tiles, table["length"].astype(np.int64))


@dataclass(frozen=True)
class Plt:
    """A PLT marker segment: lengths of packets of a tile-part (T.800 A.7.3).

    Attributes
    ----------
    index : int
        Zplt, 0 to 255: the position of this segment among the PLT segments of the tile-part.
    data : bytes
        Iplt. The concatenation for all segments of a tile-part is the input of `packet_lengths`.
    """

    index: int
    data: bytes

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Parse the bytes after Lplt.

        Raises
        ------
        CodestreamError
            If the segment is too short.
        """
        if not body:
            raise damaged(Marker.PLT, "it is too short")
        return cls(body[0], body[1:])


def packet_lengths(iplt: bytes | bytearray) -> list[int]:
    """Parse packet lengths (T.800 Table A.36).

    Parameters
    ----------
    iplt : bytes-like
        The lengths, each in bytes of seven bits, the most significant first; the highest bit of a byte is set unless it
        is the last of a length.

    Returns
    -------
    list of int
        The length of each packet in bytes. An incomplete last length is ignored.

    Raises
    ------
    CodestreamError
        If a length has more than 32 bits.
    """
    lengths, value = [], 0
    for byte in iplt:
        value = value << 7 | byte & 0x7F
        if value >= _PACKET_LENGTH_END:
            raise damaged(Marker.PLT, "a packet is longer than a tile-part can be")
        if byte < 0x80:
            lengths.append(value)
            value = 0
    return lengths
