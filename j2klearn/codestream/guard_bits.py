"""The number of guard bits of a codestream without quantisation (T.800 A.6.4, equation E-2)."""

from __future__ import annotations

from ..errors import SegmentError
from .main_header import read_main_header
from .quantisation_segments import QuantisationStyle

__all__ = ["with_guard_bits"]

_SIGNED = 0x80
_SSIZ = 40  # offset of the first component's Ssiz within the SIZ marker segment, marker included
_MOST_GUARD_BITS = 7


def with_guard_bits(codestream: bytes, precision: int, signed: bool, bits: int = 1) -> bytes:
    """Return a codestream that was coded with more bits per sample, as one of its true precision.

    The exponents of all subbands become smaller by `bits`, and the number of guard bits larger. So the number of
    bit-planes of each subband stays the same.

    Parameters
    ----------
    codestream : bytes
        A codestream of the 5/3.
    precision : int
        Bits per sample to declare.
    signed : bool
        Whether to declare signed samples.
    bits : int
        By how many bits per sample the precision of the codestream is larger.

    Raises
    ------
    SegmentError
        If the subbands are quantised, or an exponent or the guard bits would be out of range.
    """
    header = read_main_header(codestream)
    out = bytearray(codestream)
    for component in range(header.components):
        out[header.siz + _SSIZ + 3 * component] = (precision - 1) | (_SIGNED if signed else 0)
    for start, end in header.quantisation:
        style, guard = out[start] & 0x1F, out[start] >> 5
        if (
            style != QuantisationStyle.NONE
            or guard + bits > _MOST_GUARD_BITS
            or any(out[at] >> 3 < bits for at in range(start + 1, end))
        ):
            raise SegmentError("the guard bits of the codestream cannot be raised")
        out[start] = style | (guard + bits) << 5
        for at in range(start + 1, end):
            out[at] -= bits << 3
    return bytes(out)
