"""The precision that a codestream declares, with guard bits in the place of further bits per sample (T.800 A.6.4).

The carrier of a learned picture exceeds the range of the samples and has fractional bits. It is therefore coded as
signed samples of more bits than the picture has. Other readers must get an ordinary picture: when a file is written,
its header is changed to declare the precision of the picture: every exponent in QCD and QCC is lowered by the headroom,
and the number of guard bits is raised by the same number. So the number of bit-planes (T.800 equation E-2) stays the
same, and the quantiser steps (E-3) scale with the declared precision. Samples that need more guard bits than OpenJPEG
writes are coded in the same way.
"""

from __future__ import annotations

from ..errors import SegmentError
from .main_header import HEADROOM, MainHeader, read_main_header, with_precision, without_comments
from .quantisation_segments import QuantisationStyle

__all__ = ["to_declared", "with_guard_bits"]

_MOST_GUARD_BITS = 7


def with_guard_bits(codestream: bytes, precision: int, signed: bool, bits: int = 1) -> bytes:
    """Return a codestream of the 5/3 that was coded with more bits per sample, as one of its true precision.

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
    return _with_guard_bits(codestream, header, precision, signed, bits, QuantisationStyle.NONE)


def to_declared(
    codestream: bytes,
    header: MainHeader,
    precision: int,
    signed: bool = False,
    style: QuantisationStyle = QuantisationStyle.EXPOUNDED,
    headroom: int = HEADROOM,
) -> bytes:
    """Change the header of a coded carrier so that it declares samples of `precision` bits.

    The carrier has `headroom` bits more than the picture, which become guard bits. The COM marker segments, which
    OpenJPEG has written, are removed.

    Parameters
    ----------
    codestream : bytes
        The carrier as OpenJPEG has coded it.
    header : MainHeader
        Its main header.
    precision : int
        Bits per sample of the picture.
    signed : bool
        Whether the samples of the picture are signed.
    style : QuantisationStyle
        ``EXPOUNDED`` for the 9/7, ``NONE`` for the 5/3.
    headroom : int
        Bits per sample of the carrier in addition to `precision`, `HEADROOM` to `MOST_HEADROOM`.

    Raises
    ------
    SegmentError
        If the quantisation has another style, or an exponent or the guard bits would be out of range.
    """
    return without_comments(_with_guard_bits(codestream, header, precision, signed, headroom, style), header)


def _with_guard_bits(
    codestream: bytes, header: MainHeader, precision: int, signed: bool, bits: int, style: QuantisationStyle
) -> bytes:
    out = bytearray(with_precision(codestream, header, precision, signed))
    size = (
        1 if style == QuantisationStyle.NONE else 2
    )  # bytes of a subband; the first begins with the exponent
    for start, end in header.quantisation:
        guard, exponents = (out[start] >> 5) + bits, range(start + 1, end, size)
        if (
            out[start] & 0x1F != style
            or (end - start - 1) % size
            or guard > _MOST_GUARD_BITS
            or any(out[at] >> 3 < bits for at in exponents)
        ):
            raise SegmentError("the guard bits of the codestream cannot be raised")
        out[start] = style | guard << 5
        for at in exponents:
            out[at] -= bits << 3
    return bytes(out)
