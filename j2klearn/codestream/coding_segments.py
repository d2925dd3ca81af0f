"""Marker segments that say how tile-components are coded: COD, COC, RGN and POC (T.800 A.6)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple, Self

from ..core.limits import MAX_COMPONENTS_ORDINARY
from .markers import Marker, damaged

__all__ = ["MAX_LEVELS", "Coc", "Cod", "CodingStyle", "Poc", "Progression", "Rgn", "split_component"]

#: Decomposition levels (T.800 Table A.15).
MAX_LEVELS = 32

_COD = struct.Struct(">BBHB")  # Scod and SGcod
_STYLE = struct.Struct(">5B")  # SPcod or SPcoc without precinct sizes
_POC_BYTE, _POC_WIDE = struct.Struct(">BBHBBB"), struct.Struct(">BHHBHB")

#: Bits of Scod (T.800 Table A.13); the first is the one bit of Scoc too (Table A.23).
_PRECINCTS, _SOP, _EPH = 1, 2, 4

_MAX_BLOCK_EXPONENT, _MAX_BLOCK_EXPONENTS = 10, 12  # T.800 Table A.18
_WHOLE = (15, 15)  # exponents of precincts where none are given
_ORDERS = 5  # progression orders, T.800 Table A.16


@dataclass(frozen=True)
class CodingStyle:
    """How a tile-component is coded: the parameters SPcod and SPcoc (T.800 Table A.15, A.22).

    Attributes
    ----------
    levels : int
        Decomposition levels, 0 to 32.
    code_block : (int, int)
        Exponents of height and width of code-blocks, 2 to 10, together at most 12.
    block_style : int
        Bits of the code-block style (T.800 Table A.19).
    reversible : bool
        The wavelet is the 5-3, not the 9-7.
    precincts : tuple of (int, int)
        Exponents (PPy, PPx) for each resolution, the lowest first; 0 is possible at the lowest resolution alone.
    """

    levels: int
    code_block: tuple[int, int]
    block_style: int
    reversible: bool
    precincts: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, body: bytes, marker: Marker, *, precincts: bool) -> Self:
        """Read SPcod or SPcoc; `precincts` says whether precinct sizes are given."""
        if len(body) < _STYLE.size:
            raise damaged(marker, "it is too short")
        levels, width, height, block_style, wavelet = _STYLE.unpack_from(body)
        sizes = body[_STYLE.size :]
        if levels > MAX_LEVELS:
            raise damaged(marker, f"there are at most {MAX_LEVELS} decomposition levels, not {levels}")
        block = (height & 15) + 2, (width & 15) + 2
        if max(block) > _MAX_BLOCK_EXPONENT or sum(block) > _MAX_BLOCK_EXPONENTS:
            raise damaged(marker, f"code-blocks of 2^{block[0]} x 2^{block[1]} are too large")
        if wavelet > 1:
            raise damaged(marker, f"T.800 does not define the wavelet {wavelet}")
        if len(sizes) != (levels + 1 if precincts else 0):
            raise damaged(marker, "it does not have precinct sizes for every resolution")
        exponents = tuple((size >> 4, size & 15) for size in sizes) or (_WHOLE,) * (levels + 1)
        if not all(all(pair) for pair in exponents[1:]):
            raise damaged(marker, "a precinct of one sample is possible at the lowest resolution alone")
        return cls(levels, block, block_style, wavelet == 1, exponents)


@dataclass(frozen=True)
class Cod:
    """The COD marker segment: coding style default (T.800 A.6.1).

    Attributes
    ----------
    sop, eph : bool
        Packets may have SOP, and do have EPH markers.
    progression : int
        Order of the packets, 0 to 4: LRCP, RLCP, RPCL, PCRL, CPRL.
    layers : int
        Quality layers, 1 to 65,535.
    component_transform : bool
        The first three components are transformed together.
    style : CodingStyle
        Of all components that have no COC.
    """

    sop: bool
    eph: bool
    progression: int
    layers: int
    component_transform: bool
    style: CodingStyle

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read the bytes after Lcod.

        Raises
        ------
        CodestreamError
            If the length does not fit, or a value is out of range.
        """
        if len(body) < _COD.size:
            raise damaged(Marker.COD, "it is too short")
        scod, progression, layers, transform = _COD.unpack_from(body)
        if progression >= _ORDERS:
            raise damaged(Marker.COD, f"T.800 does not define the progression order {progression}")
        if not layers:
            raise damaged(Marker.COD, "there is no quality layer")
        if transform > 1:
            raise damaged(Marker.COD, f"T.800 does not define the component transform {transform}")
        return cls(
            sop=bool(scod & _SOP),
            eph=bool(scod & _EPH),
            progression=progression,
            layers=layers,
            component_transform=bool(transform),
            style=CodingStyle.parse(body[_COD.size :], Marker.COD, precincts=bool(scod & _PRECINCTS)),
        )


@dataclass(frozen=True)
class Coc:
    """The COC marker segment: coding style of one component (T.800 A.6.2)."""

    component: int
    style: CodingStyle

    @classmethod
    def parse(cls, body: bytes, components: int) -> Self:
        """Read the bytes after Lcoc, in a picture of so many components.

        Raises
        ------
        CodestreamError
            If the length does not fit, or a value is out of range.
        """
        component, body = split_component(body, components, Marker.COC)
        if not body:
            raise damaged(Marker.COC, "it is too short")
        style = CodingStyle.parse(body[1:], Marker.COC, precincts=bool(body[0] & _PRECINCTS))
        return cls(component, style)


@dataclass(frozen=True)
class Rgn:
    """The RGN marker segment: region of interest of one component (T.800 A.6.3).

    Attributes
    ----------
    component : int
        Crgn.
    shift : int
        SPrgn, the bit-planes by which its coefficients are raised, 0 to 255.
    """

    component: int
    shift: int

    @classmethod
    def parse(cls, body: bytes, components: int) -> Self:
        """Read the bytes after Lrgn, in a picture of so many components.

        Raises
        ------
        CodestreamError
            If the length does not fit, or a value is out of range.
        """
        component, body = split_component(body, components, Marker.RGN)
        if len(body) != 2:
            raise damaged(Marker.RGN, "its length does not fit")
        if body[0]:
            raise damaged(Marker.RGN, f"T.800 does not define the style {body[0]}")
        return cls(component, body[1])


class Progression(NamedTuple):
    """A progression order change (T.800 Table A.32); the ends are exclusive."""

    first_resolution: int
    first_component: int
    end_layer: int
    end_resolution: int
    end_component: int
    order: int


@dataclass(frozen=True)
class Poc:
    """The POC marker segment: progression order changes (T.800 A.6.6), at least one."""

    progressions: tuple[Progression, ...]

    @classmethod
    def parse(cls, body: bytes, components: int) -> Self:
        """Read the bytes after Lpoc, in a picture of so many components.

        Raises
        ------
        CodestreamError
            If the length does not fit, or a value is out of range.
        """
        entry = _POC_BYTE if _narrow(components) else _POC_WIDE
        if not body or len(body) % entry.size:
            raise damaged(Marker.POC, "its length does not fit")
        most = 256 if _narrow(components) else MAX_COMPONENTS_ORDINARY
        changes = []
        for values in entry.iter_unpack(body):
            change = Progression(*values)
            if not change.end_component:  # the number that the field is too small for
                change = change._replace(end_component=most)
            if not (
                change.first_resolution < change.end_resolution <= MAX_LEVELS + 1
                and change.first_component < change.end_component <= most
                and change.end_layer
                and change.order < _ORDERS
            ):
                raise damaged(Marker.POC, "a progression order change is out of range")
            changes.append(change)
        return cls(tuple(changes))


def _narrow(components: int) -> bool:
    """Return whether the index of a component has one byte, not two."""
    return components < 257


def split_component(body: bytes, components: int, marker: Marker) -> tuple[int, bytes]:
    """Return the component that a marker segment is for, and the bytes after it.

    Raises
    ------
    CodestreamError
        If the picture, of so many components, has no such one.
    """
    width = 1 if _narrow(components) else 2
    component = int.from_bytes(body[:width], "big")
    if len(body) < width or component >= components:
        raise damaged(marker, "there is no such component")
    return component, body[width:]
