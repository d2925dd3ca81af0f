"""Marker segments of a codestream whose packets are moved or dropped: fewer resolutions or layers, another order."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ..core.geometry import ceil_div
from ..core.peeking import peek_bytes
from ..errors import UnsupportedError
from .coding_segments import Poc, Progression
from .main_header import MainHeader, main_segments
from .markers import Marker, walk
from .reversibility import without_claims
from .segments import Com, Siz

__all__ = ["HeaderChange", "changed_main_header", "changed_tile_header", "comment_of_part", "packet_segments"]

_GRID = struct.Struct(">H8I")  # Rsiz to YTOsiz (T.800 A.5.1)

#: Rsiz of files of Part 1 (T.800 Table A.10): profiles above these fix progression, tile-parts or sizes.
_FREE_PROFILES = (0, 1, 2)
_PROFILE_BITS, _PART_2 = 0x0FFF, 0x8000

_DERIVED = 1  # style of QCD and QCC (T.800 Table A.28)
_POINTERS = (Marker.TLM, Marker.PLM, Marker.PLT, Marker.PPM, Marker.PPT)

#: What decides which packets a tile has, and their order.
_PACKETS = (Marker.COD, Marker.COC)


@dataclass(frozen=True)
class HeaderChange:
    """What is changed in the headers of a codestream.

    Attributes
    ----------
    progression : int or None
        The progression order of all tiles, 0 to 4. None: as it is.
    layers : int or None
        The number of quality layers to keep. None: all.
    discard : int
        Number of highest resolutions of each tile-component to drop.
    """

    progression: int | None = None
    layers: int | None = None
    discard: int = 0


def packet_segments(codestream: bytes, header: MainHeader) -> tuple[bytes, bytes]:
    """Return what decides the packets of a codestream.

    Returns
    -------
    head, poc : bytes
        A main header of SIZ, COD and COC with the SOT marker that ends it; and the marker segment POC, if it has one.
        Tiles with a POC of their own do not use that of the main header (T.800 A.6.6).
    """
    head, poc = bytearray(codestream[:2]), b""
    for segment in main_segments(codestream, header.end):
        data = codestream[segment.start : segment.end]
        if segment.marker == Marker.SIZ or segment.marker in _PACKETS:
            head += data
        elif segment.marker == Marker.POC:
            poc += data
    return bytes(head) + Marker.SOT.code, poc


def changed_main_header(codestream: bytes, header: MainHeader, change: HeaderChange) -> bytes:
    """Return a main header with the changes, and without TLM, PLM and PPM.

    Raises
    ------
    UnsupportedError
        If resolutions cannot be dropped.
    """
    body = codestream[2 : header.end]
    return codestream[:2] + _changed(body, header.components, change, header)


def changed_tile_header(segments: bytes, components: int, change: HeaderChange) -> bytes:
    """Return the marker segments of the tile-part headers of a tile with the changes, with at most one POC.

    Raises
    ------
    UnsupportedError
        If the tile has fewer resolutions than are dropped.
    """
    return _changed(segments, components, change, None)


def _changed(segments: bytes, components: int, change: HeaderChange, header: MainHeader | None) -> bytes:
    out, orders = bytearray(), list[Progression]()
    for segment in walk(peek_bytes(segments), 0, len(segments)):
        body = bytearray(segments[segment.body])
        match segment.marker:
            case Marker.SIZ if header is not None:
                body = _siz(body, header, change)
            case Marker.COD:
                _cod(body, change)
            case Marker.COC:
                _style(body, 2 if components > 256 else 1, change)
            case Marker.QCD:
                _quantisation(body, 0, change)
            case Marker.QCC:
                _quantisation(body, 2 if components > 256 else 1, change)
            case Marker.POC:
                orders += Poc.parse(bytes(body), components).progressions
                continue
            case marker if marker in _POINTERS:
                continue
            case Marker.COM if change.discard or change.layers is not None:
                out += comment_of_part(segments[segment.start : segment.end])
                continue
            case _:
                out += segments[segment.start : segment.end]
                continue
        out += _segment(Marker(segment.marker), bytes(body))
    if change.progression is None:
        entries = b"".join(_progressions(orders, components, change))
        out += _segment(Marker.POC, entries) if entries else b""
    return bytes(out)


def comment_of_part(segment: bytes) -> bytes:
    """Return a COM marker segment for a codestream from which packets were dropped; no bytes to leave it out."""
    comment = Com.parse(segment[4:])
    text = comment.data if comment.binary else without_claims(comment.data)
    return b"" if text is None else Com(comment.registration, text).to_bytes()


def _segment(marker: Marker, body: bytes) -> bytes:
    return marker.code + struct.pack(">H", len(body) + 2) + body


def _siz(body: bytearray, header: MainHeader, change: HeaderChange) -> bytearray:
    """Return SIZ without a profile that would forbid the result, and of the size that is left."""
    capabilities, x1, y1, x0, y0, width, height, left, top = _GRID.unpack_from(body)
    if not capabilities & _PART_2 and capabilities & _PROFILE_BITS not in _FREE_PROFILES:
        capabilities &= ~_PROFILE_BITS
    down, across = header.tile_grid
    x0, x1, left, width = _axis(x0, x1, left, width, across, change.discard)
    y0, y1, top, height = _axis(y0, y1, top, height, down, change.discard)
    _GRID.pack_into(body, 0, capabilities, x1, y1, x0, y0, width, height, left, top)
    Siz.parse(bytes(body))
    return body


def _axis(
    start: int, end: int, origin: int, size: int, tiles: int, discard: int
) -> tuple[int, int, int, int]:
    """Return the start and the end of a picture along an axis, and origin and size of its tiles, at a resolution.

    Raises
    ------
    UnsupportedError
        If no tile grid divides the lower resolution in the same way.
    """
    if not discard:
        return start, end, origin, size
    scale = 1 << discard
    first, last = ceil_div(start, scale), ceil_div(end, scale)
    if tiles == 1:
        return first, last, origin // scale, max(1, last - origin // scale)
    if origin % scale or size % scale:
        raise UnsupportedError(
            f"these resolutions cannot be dropped: the tile grid is not divisible by {scale} (tiles of {size} from "
            f"{origin} on)"
        )
    if first >= (origin + size) // scale or last <= first:
        raise UnsupportedError(
            "these resolutions cannot be dropped: a tile at the border would have no samples"
        )
    return first, last, origin // scale, size // scale


def _cod(body: bytearray, change: HeaderChange) -> None:
    if change.progression is not None:
        body[1] = change.progression
    if change.layers is not None:
        struct.pack_into(">H", body, 2, min(change.layers, *struct.unpack_from(">H", body, 2)))
    levels = _lowered(body[5], change)
    sizes = body[0] & 1
    body[5] = levels
    if sizes:
        del body[10 + levels + 1 :]


def _style(body: bytearray, index: int, change: HeaderChange) -> None:
    """Change COC, whose component takes `index` bytes."""
    levels = _lowered(body[index + 1], change)
    body[index + 1] = levels
    if body[index] & 1:
        del body[index + 6 + levels + 1 :]


def _lowered(levels: int, change: HeaderChange) -> int:
    if levels < change.discard:
        raise UnsupportedError("these resolutions cannot be dropped: a tile or a component has fewer")
    return levels - change.discard


def _quantisation(body: bytearray, index: int, change: HeaderChange) -> None:
    """Drop the steps of the highest resolutions from QCD, or from QCC whose component takes `index` bytes.

    The steps that are left keep their values: exponents are relative to the precision (T.800 equation E-3), and a
    derived exponent to that of LL at the lowest resolution (equation E-5).
    """
    style = body[index] & 0x1F
    if style == _DERIVED or not change.discard:
        return
    width = 1 if style == 0 else 2
    count = (len(body) - index - 1) // width
    del body[index + 1 + width * max(1, count - 3 * change.discard) :]


def _progressions(orders: list[Progression], components: int, change: HeaderChange) -> Iterator[bytes]:
    """Yield the entries of POC. Those of dropped resolutions stay: they cover no packets."""
    wide = "H" if components > 256 else "B"
    for order in orders:
        layers = order.end_layer if change.layers is None else min(order.end_layer, change.layers)
        end = order.end_component % (16384 if components > 256 else 256)
        yield struct.pack(
            f">B{wide}HB{wide}B", order.first_resolution, order.first_component, layers, order.end_resolution, end,
            order.order,
        )  # fmt: skip
