"""Dropping quality layers: the file that a server would send to whoever wants less."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any

from . import boxes
from .codestream import read_main_header
from .errors import CodestreamError, OptionError, UnsupportedError

__all__ = ["keep_layers", "plt_bytes"]

_EOC = b"\xff\xd9"
_LRCP = 0
_PSOT = 6  # offset of Psot within the SOT marker segment, marker included (T.800 A.4.2)
_SGCOD = 6  # offset of the number of layers within the COD marker segment, marker included (T.800 A.6.1)


@dataclass(frozen=True)
class _TilePart:
    """One tile-part: its header without PLT, where its packets lie, and how long each is."""

    tile: int
    header: bytes
    start: int
    packets: list[int]


def packet_lengths(iplt: bytes) -> list[int]:
    """Return the packet lengths in a PLT marker segment (T.800 Table A.36): seven bits a byte, high ones first."""
    lengths, value = [], 0
    for byte in iplt:
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            lengths.append(value)
            value = 0
    return lengths


def _segments(codestream: bytes) -> list[Any]:
    from glymur.codestream import Codestream

    try:
        parsed = Codestream(io.BytesIO(codestream), len(codestream), header_only=False)
    except (struct.error, ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
        raise CodestreamError("the codestream is damaged or cut off") from error
    return list(parsed.segment)


def plt_bytes(codestream: bytes) -> int:
    """Return how many bytes of a codestream are PLT marker segments.

    Raises
    ------
    CodestreamError
        If it is damaged or truncated.
    """
    return sum(segment.length + 2 for segment in _segments(codestream) if segment.marker_id == "PLT")


def _tile_parts(codestream: bytes, segments: list[Any]) -> list[_TilePart]:
    parts: list[_TilePart] = []
    header, tile = b"", -1
    lengths: list[int] = []
    for segment in segments:
        kind, start = segment.marker_id, segment.offset
        if kind == "SOT":
            header, lengths, tile = b"", [], segment.isot
        if tile < 0:
            continue
        if kind == "SOD":
            if not lengths:
                raise OptionError("layers are dropped by the packet lengths in PLT: encode with plt=True")
            parts.append(_TilePart(tile, header + codestream[start : start + 2], start + 2, lengths))
            tile = -1
        elif kind == "PLT":
            # glymur 0.14.8 adds the bytes of a length up in eight bits under numpy 2: read them here
            lengths = lengths + packet_lengths(codestream[start + 5 : start + 2 + segment.length])
        else:
            header += codestream[start : start + 2 + segment.length]
    return parts


def keep_layers(data: bytes, layers: int) -> bytes:
    """Return the same picture with its first quality layers alone: a complete file, smaller, and coded no further.

    Packets of higher layers are left out, COD declares the new number of layers, Psot the new lengths, and PLT and
    TLM, which would no longer be true, are dropped.

    Parameters
    ----------
    data : bytes
        A JP2 file or a codestream in the progression LRCP with PLT marker segments, ``encode(..., plt=True)``.
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
    if main.progression != _LRCP:
        raise UnsupportedError("layers can be dropped from files in the progression LRCP alone")
    segments = _segments(codestream)
    out = bytearray(codestream[:2])
    for segment in segments:
        if 2 <= segment.offset < main.end and segment.marker_id != "TLM":
            start = len(out)
            out += codestream[segment.offset : segment.offset + 2 + segment.length]
            if segment.marker_id == "COD":
                struct.pack_into(">H", out, start + _SGCOD, layers)
    parts = _tile_parts(codestream, segments)
    packets: dict[int, int] = {}
    for part in parts:
        packets[part.tile] = packets.get(part.tile, 0) + len(part.packets)
    left = {tile: count * layers // main.layers for tile, count in packets.items()}
    for part in parts:
        kept = part.packets[: left[part.tile]]
        left[part.tile] -= len(kept)
        body = codestream[part.start : part.start + sum(kept)]
        if len(body) != sum(kept):
            raise CodestreamError("the codestream is cut off")
        start = len(out)
        out += part.header + body
        struct.pack_into(">I", out, start + _PSOT, len(part.header) + len(body))
    return boxes.replace_codestream(data, bytes(out) + _EOC)
