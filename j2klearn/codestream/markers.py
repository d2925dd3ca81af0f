"""The markers of T.800 (Table A.2), and an iterator over the marker segments of a header."""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from typing import NamedTuple

from ..core.peeking import Peek
from ..errors import CodestreamError, LimitError

__all__ = ["CODESTREAM_START", "MAX_SEGMENTS", "Marker", "MarkerSegment", "damaged", "walk"]

#: Limit of the marker segments in one header. Even a picture of 16,384 components, with COC, QCC and RGN for each of
#: them, has fewer.
MAX_SEGMENTS = 1 << 16


class Marker(enum.IntEnum):
    """Marker codes of T.800 Table A.2, and CAP and CPF of T.814."""

    SOC = 0xFF4F
    CAP = 0xFF50
    SIZ = 0xFF51
    COD = 0xFF52
    COC = 0xFF53
    TLM = 0xFF55
    PLM = 0xFF57
    PLT = 0xFF58
    CPF = 0xFF59
    QCD = 0xFF5C
    QCC = 0xFF5D
    RGN = 0xFF5E
    POC = 0xFF5F
    PPM = 0xFF60
    PPT = 0xFF61
    CRG = 0xFF63
    COM = 0xFF64
    SOT = 0xFF90
    SOP = 0xFF91
    EPH = 0xFF92
    SOD = 0xFF93
    EOC = 0xFFD9

    @property
    def code(self) -> bytes:
        """The two bytes of the marker."""
        return self.to_bytes(2, "big")


#: A codestream starts with these two markers (T.800 A.3).
CODESTREAM_START = Marker.SOC.code + Marker.SIZ.code

#: A header ends with one of these.
_DELIMITERS = frozenset({Marker.SOT, Marker.SOD, Marker.EOC})

#: Markers that cannot occur in a header after SOC.
_MISPLACED = frozenset({Marker.SOC, Marker.SOP, Marker.EPH})

#: Reserved markers without a segment, which decoders skip (T.800 A.1.3).
_WITHOUT_SEGMENT = range(0xFF30, 0xFF40)

#: The lowest marker code of T.800.
_FIRST_MARKER = Marker.SOC


class MarkerSegment(NamedTuple):
    """The position of a marker segment.

    Attributes
    ----------
    marker : int
        The marker code: a `Marker`, or an unknown code.
    start : int
        Offset of the marker.
    end : int
        Offset of the first byte after the segment.
    """

    marker: int
    start: int
    end: int

    @property
    def body(self) -> slice:
        """The slice of the bytes after the marker and the length."""
        return slice(self.start + 4, self.end)


def damaged(marker: Marker, why: str) -> CodestreamError:
    """Return the error for a marker segment with invalid content; `why` is a clause that says what is wrong."""
    return CodestreamError(f"the {marker.name} marker segment of the codestream is damaged: {why}")


def walk(peek: Peek, at: int, end: int) -> Iterator[MarkerSegment]:
    """Yield the marker segments of a header, then the marker that ends it: SOT, SOD or EOC.

    Every segment that is yielded ends at or before `end`. If the data ends within the header, the iteration stops
    without one of these three markers.

    Parameters
    ----------
    peek : callable
        Called as ``peek(offset, count)``; returns fewer bytes at the end of the data.
    at : int
        Offset of the first marker segment.
    end : int
        Offset at which to stop.

    Raises
    ------
    CodestreamError
        If a marker is missing, or the length of a segment is invalid.
    LimitError
        If the header has more than `MAX_SEGMENTS` marker segments.
    """
    for _ in range(MAX_SEGMENTS):
        head = peek(at, min(4, end - at)) if at < end else b""
        if len(head) < 2:
            return
        marker = int.from_bytes(head[:2], "big")
        if marker in _DELIMITERS:
            yield MarkerSegment(marker, at, at + 2)
            return
        if marker in _WITHOUT_SEGMENT:
            length = 0
        elif marker < _FIRST_MARKER or marker in _MISPLACED:
            raise CodestreamError(f"the codestream is damaged: there is no marker segment at offset {at}")
        elif len(head) < 4:
            return
        else:
            (length,) = struct.unpack_from(">H", head, 2)
            if length < 2:
                raise CodestreamError(
                    f"the codestream is damaged: the marker segment at offset {at} has an invalid length"
                )
        if at + 2 + length > end:
            return
        yield MarkerSegment(marker, at, at + 2 + length)
        at += 2 + length
    raise LimitError(f"a header of the codestream has more than {MAX_SEGMENTS} marker segments")
