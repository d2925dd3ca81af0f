"""Dropping quality layers: the file that a server would send to whoever wants less."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .codestream.main_header import MainHeader, read_main_header
from .codestream.packets import packet_order
from .codestream.tile_parts import EOC, TilePartHeader, read_tile_part_header, tile_part
from .errors import CodestreamError, OptionError, UnsupportedError
from .jp2 import boxes

__all__ = ["keep_layers", "plt_bytes"]

_COD, _TLM = 0xFF52, 0xFF55
_SOT_AND_SOD = 14
_SGCOD = 6  # offset of the number of layers within the COD marker segment, marker included (T.800 A.6.1)


@dataclass(frozen=True)
class _TilePart:
    """One tile-part: its header without PLT, and where its packets lie."""

    header: TilePartHeader
    start: int


def _tile_parts(codestream: bytes) -> Iterator[_TilePart]:
    at = read_main_header(codestream).end
    while codestream[at : at + 2] != EOC:
        header = read_tile_part_header(codestream, at)
        if header is None:
            raise CodestreamError("the codestream is cut off")
        yield _TilePart(header, at + header.size)
        if not header.length:
            break
        at += header.length


def plt_bytes(codestream: bytes) -> int:
    """Return how many bytes of a codestream are PLT marker segments.

    Raises
    ------
    CodestreamError
        If it is damaged or truncated.
    """
    beside = _SOT_AND_SOD
    return sum(part.header.size - len(part.header.segments) - beside for part in _tile_parts(codestream))


def keep_layers(data: bytes, layers: int) -> bytes:
    """Return the same picture with its first quality layers alone: a complete file, smaller, and coded no further.

    Packets of higher layers are left out, COD declares the new number of layers, Psot the new lengths, and PLT and
    TLM, which would no longer be true, are dropped.

    Parameters
    ----------
    data : bytes
        A JP2 file or a codestream in the progression LRCP, RLCP or RPCL, with PLT marker segments:
        ``encode(..., plt=True)``.
    layers : int
        How many of the layers to keep, 1 to as many as there are.

    Returns
    -------
    bytes
        A file of the same kind.

    Raises
    ------
    OptionError
        If there are not so many layers, or no PLT marker segments.
    UnsupportedError
        If the progression is another one.
    CodestreamError
        If `data` is not JPEG 2000, or is damaged or truncated.
    """
    codestream = boxes.find_codestream(data)
    main = read_main_header(codestream)
    if not 1 <= layers <= main.layers:
        raise OptionError(f"layers is 1 to {main.layers}, the number in this file, not {layers!r}")
    out = bytearray(codestream[:2])
    for marker, start, end in _main_segments(codestream, main):
        if marker != _TLM:
            at = len(out)
            out += codestream[start:end]
            if marker == _COD:
                struct.pack_into(">H", out, at + _SGCOD, layers)
    orders: dict[int, NDArray[np.int64]] = {}
    for part in _tile_parts(codestream):
        header = part.header
        if header.packets is None:
            raise OptionError("layers are dropped by the packet lengths in PLT: encode with plt=True")
        if header.tile not in orders:
            order = packet_order(main, main.tile_area(header.tile))
            if order is None or not header.regular:
                raise UnsupportedError("layers can be dropped in the progressions LRCP, RLCP and RPCL alone")
            orders[header.tile] = order.layer
        these, orders[header.tile] = np.split(orders[header.tile], [len(header.packets)])
        if len(these) != len(header.packets):
            raise CodestreamError(f"tile {header.tile} has more packets than it should have")
        body, at = bytearray(), part.start
        for layer, length in zip(these, header.packets, strict=True):
            if layer < layers:
                body += codestream[at : at + length]
            at += length
        if at > len(codestream):
            raise CodestreamError("the codestream is cut off")
        out += tile_part(header.tile, header.index, header.count, bytes(body), header.segments)
    return boxes.replace_codestream(data, bytes(out) + EOC)


def _main_segments(codestream: bytes, main: MainHeader) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each marker segment of the main header."""
    at = 2
    while at < main.end:
        marker, length = struct.unpack_from(">HH", codestream, at)
        yield marker, at, at + 2 + length
        at += 2 + length
