"""The quantisation marker segments QCD and QCC (T.800 A.6.4 and A.6.5)."""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from typing import Self

from .coding_segments import MAX_LEVELS, split_component
from .markers import Marker, damaged

__all__ = ["Qcc", "Qcd", "QuantisationStyle"]

_MAX_BANDS = 3 * MAX_LEVELS + 1


class QuantisationStyle(enum.IntEnum):
    """How the quantiser steps are signalled (T.800 Table A.28)."""

    NONE = 0
    DERIVED = 1
    EXPOUNDED = 2


@dataclass(frozen=True)
class Qcd:
    """The QCD marker segment: quantisation default (T.800 A.6.4).

    Attributes
    ----------
    style : QuantisationStyle
        No quantisation, one step from which the others are derived, or one step for each subband.
    guard_bits : int
        Number of guard bits, 0 to 7.
    exponents, mantissas : tuple of int
        Exponent, 0 to 31, and mantissa, 0 to 2047, of each step (T.800 equation E-3): 1 to 97 steps, LL first.
    """

    style: QuantisationStyle
    guard_bits: int
    exponents: tuple[int, ...]
    mantissas: tuple[int, ...]

    @classmethod
    def parse(cls, body: bytes, marker: Marker = Marker.QCD) -> Self:
        """Parse the bytes after Lqcd, or those of a QCC marker segment after Cqcc.

        Parameters
        ----------
        body : bytes
            The bytes.
        marker : Marker
            QCD or QCC, for error messages.

        Raises
        ------
        CodestreamError
            If the length is wrong, or a value is out of range.
        """
        if len(body) < 2:
            raise damaged(marker, "it is too short")
        number, guard_bits, data = body[0] & 0x1F, body[0] >> 5, body[1:]
        if number > max(QuantisationStyle):
            raise damaged(marker, f"T.800 does not define the quantisation style {number}")
        style = QuantisationStyle(number)
        width = 1 if style is QuantisationStyle.NONE else 2
        count = len(data) // width
        if len(data) % width or count > _MAX_BANDS or (style is QuantisationStyle.DERIVED and count != 1):
            raise damaged(marker, "it has the wrong length")
        if width == 1:
            return cls(style, guard_bits, tuple(value >> 3 for value in data), (0,) * count)
        steps = struct.unpack(f">{count}H", data)
        return cls(style, guard_bits, tuple(s >> 11 for s in steps), tuple(s & 0x7FF for s in steps))

    def to_bytes(self) -> bytes:
        """Return the marker segment of expounded steps, marker included."""
        return Marker.QCD.code + struct.pack(">H", len(self._body()) + 2) + self._body()

    def _body(self) -> bytes:
        steps = (e << 11 | m for e, m in zip(self.exponents, self.mantissas, strict=True))
        return bytes([self.style | self.guard_bits << 5]) + struct.pack(f">{len(self.exponents)}H", *steps)


@dataclass(frozen=True)
class Qcc:
    """The QCC marker segment: quantisation of one component (T.800 A.6.5).

    Attributes
    ----------
    component : int
        Cqcc, the index of the component.
    quantisation : Qcd
        Its quantisation, which replaces that of QCD.
    """

    component: int
    quantisation: Qcd

    @classmethod
    def parse(cls, body: bytes, components: int) -> Self:
        """Parse the bytes after Lqcc; `components` is the number of components of the picture.

        Raises
        ------
        CodestreamError
            If the length is wrong, or a value is out of range.
        """
        component, body = split_component(body, components, Marker.QCC)
        return cls(component, Qcd.parse(body, Marker.QCC))

    def to_bytes(self, components: int) -> bytes:
        """Return the marker segment of expounded steps, marker included."""
        index = struct.pack(">B" if components < 257 else ">H", self.component)
        body = index + self.quantisation._body()
        return Marker.QCC.code + struct.pack(">H", len(body) + 2) + body
