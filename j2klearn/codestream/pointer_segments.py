"""Pointer marker segments (T.800 A.7): lengths of tile-parts (TLM) and of packets (PLT)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from .markers import Marker, damaged

__all__ = ["Plt", "Tlm", "packet_lengths"]

#: A tile-part, and so a packet, is shorter: Psot has 32 bits.
_MAX_PACKET = 1 << 32


@dataclass(frozen=True, eq=False)
class Tlm:
    """A TLM marker segment: lengths of tile-parts (T.800 A.7.1).

    Attributes
    ----------
    index : int
        Ztlm: the segments count in the order of their index, 0 to 255.
    tiles : ndarray of int64, shape (N,), or None
        Ttlm, the tile of each tile-part; None where each tile has one tile-part, in the order of the tiles.
    lengths : ndarray of int64, shape (N,)
        Ptlm, the bytes of each tile-part.
    """

    index: int
    tiles: NDArray[np.int64] | None
    lengths: NDArray[np.int64]

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read the bytes after Ltlm.

        Raises
        ------
        CodestreamError
            If the length does not fit, or the size of the entries is not defined.
        """
        if len(body) < 2:
            raise damaged(Marker.TLM, "it is too short")
        index, style = body[0], body[1]
        tile_bytes, wide = style >> 4 & 3, style >> 6 & 1  # ST and SP, T.800 Table A.34
        if tile_bytes > 2:
            raise damaged(Marker.TLM, "T.800 does not define such a size of its entries")
        length = ("length", ">u4" if wide else ">u2")
        entry = np.dtype([("tile", f">u{tile_bytes}"), length] if tile_bytes else [length])
        if (len(body) - 2) % entry.itemsize:
            raise damaged(Marker.TLM, "its length does not fit")
        table = np.frombuffer(body, entry, offset=2)
        tiles = table["tile"].astype(np.int64) if tile_bytes else None
        return cls(index, tiles, table["length"].astype(np.int64))


@dataclass(frozen=True)
class Plt:
    """A PLT marker segment: lengths of packets of a tile-part (T.800 A.7.3).

    Attributes
    ----------
    index : int
        Zplt, 0 to 255.
    data : bytes
        Iplt; those of all segments of a tile-part are one after the other what `packet_lengths` reads.
    """

    index: int
    data: bytes

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read the bytes after Lplt.

        Raises
        ------
        CodestreamError
            If it is too short.
        """
        if not body:
            raise damaged(Marker.PLT, "it is too short")
        return cls(body[0], body[1:])


def packet_lengths(iplt: bytes | bytearray) -> list[int]:
    """Return the packet lengths in PLT marker segments (T.800 Table A.36): seven bits a byte, high ones first.

    Raises
    ------
    CodestreamError
        If a length has more than 32 bits.
    """
    lengths, value = [], 0
    for byte in iplt:
        value = value << 7 | byte & 0x7F
        if value >= _MAX_PACKET:
            raise damaged(Marker.PLT, "a packet is longer than a tile-part can be")
        if byte < 0x80:
            lengths.append(value)
            value = 0
    return lengths
