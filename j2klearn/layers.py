"""Drop quality layers from a file without decoding it, as a server does for a client that needs less quality."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from .codestream.main_header import main_segments, read_main_header
from .codestream.markers import Marker
from .codestream.packets import MAX_PACKETS, packet_order
from .codestream.reduced_header import comment_of_part
from .codestream.tile_parts import EOC, tile_part, tile_parts
from .core.scalars import whole_number
from .errors import CodestreamError, OptionError, UnsupportedError
from .io.sources import Source, open_source
from .jp2 import boxes

__all__ = ["keep_layers"]

_LAYERS_IN_COD = 6  # offset of the number of layers in the COD marker segment, marker included (T.800 A.6.1)


def keep_layers(data: Source, layers: int) -> bytes:
    """Return a complete, smaller file that has only the first quality layers of a picture.

    Nothing is decoded or coded again. The packets of higher layers are dropped, COD and Psot are updated, and the PLT
    and TLM marker segments are removed, because they would be wrong.

    Parameters
    ----------
    data : bytes, path, binary file object or URL
        A JP2 file or a codestream in the progression LRCP, RLCP or RPCL, with PLT marker segments:
        ``encode(..., plt=True)``.
    layers : int
        Number of layers to keep, from 1 to the number of layers of the file.

    Returns
    -------
    bytes
        A JP2 file or a codestream, as `data`.

    Raises
    ------
    OptionError
        If the file has fewer layers, or no PLT marker segments.
    UnsupportedError
        If the file has another progression, or a tile has more than `packets.MAX_PACKETS` packets.
    CodestreamError
        If `data` is not JPEG 2000, damaged or truncated.
    """
    data = open_source(data).whole()
    codestream = boxes.find_codestream(data)
    main = read_main_header(codestream)
    layers = whole_number("layers", layers, 1, main.layers, ", the number of layers in this file")
    out = bytearray(codestream[:2])
    for segment in main_segments(codestream, main.end):
        if segment.marker == Marker.COM and layers < main.layers:
            out += comment_of_part(codestream[segment.start : segment.end])
        elif segment.marker != Marker.TLM:
            at = len(out)
            out += codestream[segment.start : segment.end]
            if segment.marker == Marker.COD:
                struct.pack_into(">H", out, at + _LAYERS_IN_COD, layers)
    orders: dict[int, NDArray[np.int64]] = {}
    for part in tile_parts(codestream):
        header = part.header
        if header.packets is None:
            raise OptionError(
                "dropping layers needs the packet lengths in PLT marker segments: encode with plt=True"
            )
        if header.tile not in orders:
            order = packet_order(main, main.tile_area(header.tile))
            if order is None or not header.regular:
                raise UnsupportedError(
                    "dropping layers needs the progression LRCP, RLCP or RPCL, "
                    f"and at most {MAX_PACKETS} packets in each tile"
                )
            orders[header.tile] = order.layer
        present, orders[header.tile] = np.split(orders[header.tile], [len(header.packets)])
        if len(present) != len(header.packets):
            raise CodestreamError(f"tile {header.tile} has more packets than its main header allows")
        body, at = bytearray(), part.start
        for layer, length in zip(present, header.packets, strict=True):
            if layer < layers:
                body += codestream[at : at + length]
            at += length
        if at > len(codestream):
            raise CodestreamError("the codestream is truncated")
        out += tile_part(header.tile, header.index, header.count, bytes(body), header.segments)
    return boxes.replace_codestream(data, bytes(out) + EOC)
