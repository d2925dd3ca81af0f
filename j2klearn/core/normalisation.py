"""The normalisation of components whose samples use a small part of their range."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import SegmentError
from .subbands import Subbands

__all__ = [
    "MAX_EXPONENT",
    "RULE_BYTES",
    "Normalisation",
    "normalise",
    "normalised_bands",
    "read_rules",
    "restore",
    "restore_bands",
]

#: The largest exponent of a factor: samples have 16 bits at most.
MAX_EXPONENT = 15

#: The largest offset: chroma of 16 bits needs one bit more than the samples.
_MAX_OFFSET = 1 << 17

_FIELDS = struct.Struct(">Bi")

#: Bytes of the normalisation of a component in a file.
RULE_BYTES = _FIELDS.size


@dataclass(frozen=True)
class Normalisation:
    """The normalisation of one component: it is shifted, then multiplied by a power of two.

    The learned operators were trained on pictures that fill their range. They are not linear, so samples that differ by
    a few grey levels need it.

    Attributes
    ----------
    exponent : int
        The component is multiplied by ``2 ** exponent``, 0 to 15.
    offset : int
        Subtracted before, in units of the samples.
    """

    exponent: int = 0
    offset: int = 0

    def shift(self, bit_depth: int) -> np.float32:
        """Return the offset in units of 8-bit grey levels."""
        return np.float32(self.offset * 2.0 ** (8 - bit_depth))

    def to_bytes(self) -> bytes:
        """Return the exponent (1 byte) and the offset (4 bytes, signed), big-endian."""
        return _FIELDS.pack(self.exponent, self.offset)

    @property
    def factor(self) -> np.float32:
        """The factor of the component."""
        return np.float32(2.0**self.exponent)


def read_rules(data: bytes) -> tuple[Normalisation, ...]:
    """Return the normalisations of all components, as `Normalisation.to_bytes` writes them.

    Raises
    ------
    SegmentError
        If a field is out of range.
    """
    rules = tuple(Normalisation(*fields) for fields in _FIELDS.iter_unpack(data))
    if not all(rule.exponent <= MAX_EXPONENT and abs(rule.offset) <= _MAX_OFFSET for rule in rules):
        raise SegmentError("the normalisation of a component is out of range")
    return rules


def normalise(planes: NDArray[np.float32], rules: Sequence[Normalisation], bit_depth: int) -> None:
    """Normalise components in place.

    Parameters
    ----------
    planes : ndarray, shape (C, H, W), float32
        Components in units of 8-bit grey levels, level shifted.
    rules : sequence of Normalisation
        One per component; empty for none.
    bit_depth : int
        Bits per sample.
    """
    for plane, rule in zip(planes, rules, strict=False):
        plane -= rule.shift(bit_depth)
        plane *= rule.factor


def restore(planes: NDArray[np.float32], rules: Sequence[Normalisation], bit_depth: int) -> None:
    """Undo `normalise` in place."""
    for plane, rule in zip(planes, rules, strict=False):
        plane *= 1 / rule.factor
        plane += rule.shift(bit_depth)


def normalised_bands(bands: Subbands, rule: Normalisation, bit_depth: int, *, low: bool = True) -> None:
    """Normalise the subbands of a component in place; its low-pass gain is one, so only LL is shifted.

    Parameters
    ----------
    bands : Subbands
        Subbands of a component.
    rule : Normalisation
        The normalisation of the component.
    bit_depth : int
        Bits per sample.
    low : bool
        Whether LL is a subband of the component. False: it is left unchanged.
    """
    first, *details = bands.bands()
    if low:
        first -= rule.shift(bit_depth)
        first *= rule.factor
    for band in details:
        band *= rule.factor


def restore_bands(bands: Subbands, rule: Normalisation, bit_depth: int) -> None:
    """Undo `normalised_bands` in place."""
    first, *details = bands.bands()
    first *= 1 / rule.factor
    first += rule.shift(bit_depth)
    for band in details:
        band *= 1 / rule.factor
