"""The boxes of a JP2 header that say what components mean: colr, pclr, cmap and cdef (T.800 I.5.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.peeking import Peek
from ..errors import CodestreamError
from .boxes import children, walk

__all__ = [
    "ASSOCIATION_NONE",
    "COLOUR",
    "OPACITY",
    "PREMULTIPLIED_OPACITY",
    "WHOLE_PICTURE",
    "Channel",
    "ColourBoxes",
    "Palette",
    "read_colour_boxes",
]

#: Typ of a channel (T.800 Table I.16), and Asoc (Table I.17).
COLOUR, OPACITY, PREMULTIPLIED_OPACITY = 0, 1, 2
WHOLE_PICTURE, ASSOCIATION_NONE = 0, 65535

#: METH of a colour specification box (T.800 Table I.9, T.801 Table M.22).
_ENUMERATED, _RESTRICTED_ICC, _ANY_ICC = 1, 2, 3

_MAX_HEADER = 1 << 26  # bytes of a JP2 header box that are read
_MAX_ENTRIES, _MAX_COLUMNS = 1024, 255  # of a palette (T.800 I.5.3.4)
_MAX_PALETTE_BITS = 16


class Palette(NamedTuple):
    """A palette box.

    Attributes
    ----------
    entries : ndarray, shape (entries, columns), int32
        The values.
    precisions : tuple of int
        Bits of each column.
    signed : tuple of bool
        Whether each column is signed.
    """

    entries: NDArray[np.int32]
    precisions: tuple[int, ...]
    signed: tuple[bool, ...]


class Channel(NamedTuple):
    """The definition of a channel: its number, Typ and Asoc."""

    number: int
    kind: int
    association: int


@dataclass(frozen=True)
class ColourBoxes:
    """What the JP2 header box says about components; the defaults are those of a bare codestream.

    Attributes
    ----------
    space : int or None
        EnumCS, the enumerated colour space (T.800 Table I.10, T.801 Table M.25).
    parameters : bytes
        EP, the parameters of the colour space.
    icc_profile : bytes or None
        The profile that defines the colour space.
    palette : Palette or None
        The palette.
    mapping : tuple of (int, int or None)
        For each channel, the component and the column of the palette, or None where the component is used directly.
    channels : tuple of Channel
        The channel definitions.
    """

    space: int | None = None
    parameters: bytes = b""
    icc_profile: bytes | None = None
    palette: Palette | None = None
    mapping: tuple[tuple[int, int | None], ...] = ()
    channels: tuple[Channel, ...] = ()


def read_colour_boxes(peek: Peek, size: int) -> ColourBoxes:
    """Read the colour boxes of a JP2 file. Of several colour specifications, the first one that is supported counts.

    Parameters
    ----------
    peek : callable
        Called as ``peek(offset, count)``; returns fewer bytes at the end of the file.
    size : int
        Size of the file, in bytes.

    Returns
    -------
    ColourBoxes

    Raises
    ------
    CodestreamError
        If a box is damaged.
    """
    for part in walk(peek, size):
        if part.kind == b"jp2h":
            return _read(peek(part.contents, min(part.end - part.contents, _MAX_HEADER)))
        if part.kind == b"jp2c":
            break
    return ColourBoxes()


def _read(header: bytes) -> ColourBoxes:
    values: dict[str, object] = {}
    for kind, body in children(header):
        if kind == b"colr" and "space" not in values and "icc_profile" not in values:
            if body[:1] == bytes([_ENUMERATED]) and len(body) >= 7:
                values["space"], values["parameters"] = struct.unpack_from(">I", body, 3)[0], body[7:]
            elif body[:1] and body[0] in (_RESTRICTED_ICC, _ANY_ICC) and len(body) > 3:
                values["icc_profile"] = body[3:]
        elif kind == b"pclr":
            values.setdefault("palette", _palette(body))
        elif kind == b"cmap":
            values.setdefault("mapping", _mapping(body))
        elif kind == b"cdef":
            values.setdefault("channels", _channels(body))
    boxes = ColourBoxes(**values)  # type: ignore[arg-type]
    if (boxes.palette is None) != (not boxes.mapping):
        raise CodestreamError("the JP2 header has a palette without a component mapping, or the reverse")
    return boxes


def _palette(body: bytes) -> Palette:
    damaged = CodestreamError("the palette box is damaged")
    if len(body) < 3:
        raise damaged
    count, columns = struct.unpack_from(">HB", body)
    depths = body[3 : 3 + columns]
    if not 1 <= count <= _MAX_ENTRIES or not columns or len(depths) < columns:
        raise damaged
    precisions = tuple((depth & 0x7F) + 1 for depth in depths)
    signed = tuple(depth > 0x7F for depth in depths)
    if max(precisions) > _MAX_PALETTE_BITS:
        raise CodestreamError(f"the palette has {max(precisions)} bits, and j2klearn supports at most 16")
    row = np.dtype(
        [
            (str(i), f">{'i' if sign else 'u'}{1 if bits <= 8 else 2}")
            for i, (bits, sign) in enumerate(zip(precisions, signed, strict=True))
        ]
    )
    values = body[3 + columns : 3 + columns + count * row.itemsize]
    if len(values) < count * row.itemsize:
        raise damaged
    table = np.frombuffer(values, row)
    entries = np.stack([table[str(i)].astype(np.int32) for i in range(columns)], axis=1)
    return Palette(entries, precisions, signed)


def _mapping(body: bytes) -> tuple[tuple[int, int | None], ...]:
    if not body or len(body) % 4 or len(body) // 4 > _MAX_COLUMNS:
        raise CodestreamError("the component mapping box is damaged")
    return tuple(
        (component, column if kind == 1 else None)
        for component, kind, column in struct.iter_unpack(">HBB", body)
    )


def _channels(body: bytes) -> tuple[Channel, ...]:
    count = struct.unpack_from(">H", body)[0] if len(body) >= 2 else 0
    if not count or len(body) < 2 + 6 * count:
        raise CodestreamError("the channel definition box is damaged")
    return tuple(Channel(*values) for values in struct.iter_unpack(">HHH", body[2 : 2 + 6 * count]))
