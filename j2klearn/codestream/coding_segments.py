"""Marker segments with the coding parameters of tile-components: COD, COC, RGN and POC (T.800 A.6)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple, Self

from ..core.limits import MAX_COMPONENTS_ORDINARY
from .markers import Marker, damaged

__all__ = ["MAX_LEVELS", "Coc", "Cod", "CodingStyle", "Poc", "Progression", "Rgn", "split_component"]

#: Largest number of decomposition levels (T.800 Table A.15).
MAX_LEVELS = 32

_COD = struct.Struct(">BBHB")  # Scod and SGcod
_STYLE = struct.Struct(">5B")  # SPcod or SPcoc without precinct sizes
_POC_BYTE, _POC_WIDE = struct.Struct(">BBHBBB"), struct.Struct(">BHHBHB")

#: Bits of Scod (T.800 Table A.13). Scoc (Table A.23) has the first of them only.
_PRECINCTS, _SOP, _EPH = 1, 2, 4

_MAX_BLOCK_EXPONENT, _MAX_BLOCK_EXPONENTS = 10, 12  # T.800 Table A.18
_MAX_PRECINCT = (15, 15)  # precinct exponents if none are signalled (T.800 Table A.13)
_PROGRESSION_ORDERS = 5  # T.800 Table A.16


@dataclass(frozen=True)
class CodingStyle:
    """The coding style of a tile-component: the parameters SPcod or SPcoc (T.800 Table A.15, A.22).

    Attributes
    ----------
    levels : int
        Decomposition levels, 0 to 32.
    code_block : (int, int)
        Exponents of the height and the width of code-blocks: 2 to 10 each, with a sum of at most 12.
    block_style : int
        Bits of the code-block style (T.800 Table A.19).
    reversible : bool
        Whether the wavelet is the 5-3, not the 9-7.
    precincts : tuple of (int, int)
        Exponents (PPy, PPx) for each resolution, the lowest first. Only the lowest resolution may have an exponent
        of 0.
    """

    levels: int
    code_block: tuple[int, int]
    block_style: int
    reversible: bool
    precincts: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, body: bytes, marker: Marker, *, precincts: bool) -> Self:
        """Parse SPcod or SPcoc.

        Parameters
        ----------
        body : bytes
            The parameters, up to the end of the marker segment.
        marker : Marker
            COD or COC, for error messages.
        precincts : bool
            Whether precinct sizes are signalled.

        Raises
        ------
        CodestreamError
            If the length is wrong, or a value is out of range.
        """
        if len(body) < _STYLE.size:
            raise damaged(marker, "it is too short")
        levels, width, height, block_style, wavelet = _STYLE.unpack_from(body)
        sizes = body[_STYLE.size :]
        if levels > MAX_LEVELS:
            raise damaged(marker, f"it has {levels} decomposition levels, more than {MAX_LEVELS}")
        block = (height & 15) + 2, (width & 15) + 2
        if max(block) > _MAX_BLOCK_EXPONENT or sum(block) > _MAX_BLOCK_EXPONENTS:
            raise damaged(marker, f"code-blocks of 2^{block[0]} x 2^{block[1]} are too large")
        if wavelet > 1:
            raise damaged(marker, f"T.800 does not define the wavelet {wavelet}")
        if len(sizes) != (levels + 1 if precincts else 0):
            raise damaged(marker, "the number of precinct sizes is not the number of resolutions")
        exponents = tuple((size >> 4, size & 15) for size in sizes) or (_MAX_PRECINCT,) * (levels + 1)
        if not all(all(pair) for pair in exponents[1:]):
            raise damaged(marker, "only the lowest resolution may have a precinct exponent of 0")
        return cls(levels, block, block_style, wavelet == 1, exponents)


@dataclass(frozen=True)
class Cod:
    """The COD marker segment: coding style default (T.800 A.6.1).

    Attributes
    ----------
    sop : bool
        Whether packets may have SOP marker segments.
    eph : bool
        Whether packet headers end with EPH markers.
    progression : int
        Progression order, 0 to 4: LRCP, RLCP, RPCL, PCRL, CPRL.
    layers : int
        Number of quality layers, 1 to 65,535.
    component_transform : bool
        Whether the first three components go through the component transform.
    style : CodingStyle
        The coding style of all components without a COC marker segment.
    """

    sop: bool
    eph: bool
    progression: int
    layers: int
    component_transform: bool
    style: CodingStyle

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Parse the bytes after Lcod.

        Raises
        ------
        CodestreamError
            If the length is wrong, or a value is out of range.
        """
        if len(body) < _COD.size:
            raise damaged(Marker.COD, "it is too short")
        scod, progression, layers, transform = _COD.unpack_from(body)
        if progression >= _PROGRESSION_ORDERS:
            raise damaged(Marker.COD, f"T.800 does not define the progression order {progression}")
        if not layers:
            raise damaged(Marker.COD, "it has no quality layer")
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
    """The COC marker segment: coding style of one component (T.800 A.6.2).

    Attributes
    ----------
    component : int
        Ccoc, the index of the component.
    style : CodingStyle
        Its coding style, which replaces that of COD.
    """

    component: int
    style: CodingStyle

    @classmethod
    def parse(cls, body: bytes, components: int) -> Self:
        """Parse the bytes after Lcoc; `components` is the number of components of the picture.

        Raises
        ------
        CodestreamError
            If the length is wrong, or a value is out of range.
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
        Crgn, the index of the component.
    shift : int
        SPrgn, the number of bit-planes by which its coefficients are shifted up, 0 to 255.
    """

    component: int
    shift: int

    @classmethod
    def parse(cls, body: bytes, components: int) -> Self:
        """Parse the bytes after Lrgn; `components` is the number of components of the picture.

        Raises
        ------
        CodestreamError
            If the length is wrong, or a value is out of range.
        """
        component, body = split_component(body, components, Marker.RGN)
        if len(body) != 2:
            raise damaged(Marker.RGN, "it has the wrong length")
        if body[0]:
            raise damaged(Marker.RGN, f"T.800 does not define the style {body[0]}")
        return cls(component, body[1])


class Progression(NamedTuple):
    """A progression order change (T.800 Table A.32).

    Attributes
    ----------
    first_resolution, first_component : int
        RSpoc and CSpoc, the first resolution and the first component.
    end_layer, end_resolution, end_component : int
        LYEpoc, REpoc and CEpoc, the ends of the layers, resolutions and components, exclusive.
    order : int
        Ppoc, the progression order, 0 to 4 as in `Cod`.
    """

    first_resolution: int
    first_component: int
    end_layer: int
    end_resolution: int
    end_component: int
    order: int


@dataclass(frozen=True)
class Poc:
    """The POC marker segment: at least one progression order change (T.800 A.6.6)."""

    progressions: tuple[Progression, ...]

    @classmethod
    def parse(cls, body: bytes, components: int) -> Self:
        """Parse the bytes after Lpoc; `components` is the number of components of the picture.

        Raises
        ------
        CodestreamError
            If the length is wrong, or a value is out of range.
        """
        entry = _POC_BYTE if _one_byte_index(components) else _POC_WIDE
        if not body or len(body) % entry.size:
            raise damaged(Marker.POC, "it has the wrong length")
        largest_end = 256 if _one_byte_index(components) else MAX_COMPONENTS_ORDINARY
        changes = []
        for values in entry.iter_unpack(body):
            change = Progression(*values)
            if not change.end_component:  # 0 stands for the largest value (T.800 Table A.32)
                change = change._replace(end_component=largest_end)
            if not (
                change.first_resolution < change.end_resolution <= MAX_LEVELS + 1
                and change.first_component < change.end_component <= largest_end
                and change.end_layer
                and change.order < _PROGRESSION_ORDERS
            ):
                raise damaged(Marker.POC, "a progression order change has a value out of range")
            changes.append(change)
        return cls(tuple(changes))


def _one_byte_index(components: int) -> bool:
    """Return whether the index of a component is coded in one byte, not two."""
    return components < 257


def split_component(body: bytes, components: int, marker: Marker) -> tuple[int, bytes]:
    """Parse the index of the component at the start of a marker segment.

    Parameters
    ----------
    body : bytes
        The bytes after the length of the marker segment.
    components : int
        Number of components of the picture.
    marker : Marker
        The marker, for error messages.

    Returns
    -------
    int, bytes
        The index, and the bytes after it.

    Raises
    ------
    CodestreamError
        If the picture has no component with this index.
    """
    width = 1 if _one_byte_index(components) else 2
    component = int.from_bytes(body[:width], "big")
    if len(body) < width or component >= components:
        raise damaged(marker, "there is no such component")
    return component, body[width:]
