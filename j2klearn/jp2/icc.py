"""ICC profiles: what a profile is for, and whether a JP2 file may name it as its colour space (T.800 I.5.3.3)."""

from __future__ import annotations

import struct
from typing import NamedTuple

__all__ = ["IccProfile", "read_profile"]

#: Length of the header of a profile, in bytes, and of one entry of the tag table (ICC.1, 7.2 and 7.3).
_HEADER, _ENTRY = 128, 12
_MAX_TAGS = 1000

_INPUT, _DISPLAY = b"scnr", b"mntr"
_GREY, _RGB, _XYZ = b"GRAY", b"RGB ", b"XYZ "

#: The tags of a monochrome profile and of a three-component matrix-based profile, besides those of every profile.
_NEEDED = {
    _GREY: {b"kTRC"},
    _RGB: {b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"},
}

#: First letters of the tags with tables of several components: from the device, to the device, and with floats.
_TABLES = (b"A2B", b"B2A", b"D2B", b"B2D")


class IccProfile(NamedTuple):
    """The header of an ICC profile (ICC.1, 7.2), and the signatures of its tags.

    Attributes
    ----------
    device_class : bytes
        ``b"scnr"`` input, ``b"mntr"`` display, ``b"prtr"`` output, and others.
    colour_space : bytes
        Colour space of the samples: ``b"GRAY"``, ``b"RGB "``, ``b"CMYK"``, ``b"Lab "``, and others.
    connection_space : bytes
        Profile connection space: ``b"XYZ "`` or ``b"Lab "``.
    tags : frozenset of bytes
        Signatures of the tags.
    """

    device_class: bytes
    colour_space: bytes
    connection_space: bytes
    tags: frozenset[bytes]

    @property
    def tables(self) -> bool:
        """Whether the profile has tables of several components (LUT)."""
        return any(tag.startswith(_TABLES) for tag in self.tags)

    @property
    def restricted(self) -> bool:
        """Whether a colour specification box may hold the profile with METH 2.

        T.800 I.5.3.3 allows monochrome and three-component matrix-based input profiles. Their connection space is XYZ.
        Readers and jpylyzer accept display profiles of the same form, which are far more common.
        """
        return (
            self.device_class in (_INPUT, _DISPLAY)
            and self.connection_space == _XYZ
            and self.colour_space in _NEEDED
            and _NEEDED[self.colour_space] <= self.tags
            and not self.tables
        )


def read_profile(data: bytes) -> IccProfile | None:
    """Read the header and the tag table of an ICC profile.

    Parameters
    ----------
    data : bytes
        The profile.

    Returns
    -------
    IccProfile or None
        None if `data` is not a profile, or not of the length that its header says.
    """
    if len(data) < _HEADER + 4 or data[36:40] != b"acsp":
        return None
    (size,) = struct.unpack_from(">I", data)
    (count,) = struct.unpack_from(">I", data, _HEADER)
    if size != len(data) or count > _MAX_TAGS or _HEADER + 4 + count * _ENTRY > size:
        return None
    tags = []
    for number in range(count):
        tag, start, length = struct.unpack_from(">4sII", data, _HEADER + 4 + number * _ENTRY)
        if start + length > size:
            return None
        tags.append(tag)
    return IccProfile(data[12:16], data[16:20], data[20:24], frozenset(tags))
