"""The payload of the profile: a header, checksums, and the segments of an entropy model from coarse to fine.

It is written down byte by byte in ``docs/format.md``. Nothing of it is used before it has been checked.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ...core.geometry import Rect
from ...core.normalisation import RULE_BYTES, Normalisation, read_rules
from ...errors import CodestreamError, SegmentError, UnsupportedError
from ..coefficients.pyramid import MAX_LEVELS, area_of, resolutions
from ..coefficients.quantisation import COARSEST, FINEST, SHIFTS_PER_STEP, step_of

__all__ = ["MOST_HEADER", "Header", "Segments", "read_payload", "write_payload"]

VERSION = 1

_LOSSLESS, _SIGNED, _TRANSFORMED, _DEQUANTISED, _EXPECTED, _NORMALISED = 1, 2, 4, 8, 16, 32
_FLAGS = _LOSSLESS | _SIGNED | _TRANSFORMED | _DEQUANTISED | _EXPECTED | _NORMALISED

_ID = 8
_CRC = struct.Struct(">I")
_STEP = struct.Struct(">h")

#: Bytes that a header has at most.
MOST_HEADER = 4096

_MOST_SIDE = (1 << 32) - 1
_MOST_LENGTH = 1 << 56

#: Resolutions up to this many samples a side share a checksum with the header: nobody wants less of a picture.
_COARSE = 64


@dataclass(frozen=True)
class Header:
    """What a payload says of its picture.

    Attributes
    ----------
    height, width : int
        Size in pixels.
    components, precision : int
        Number of components, and bits per sample, 1 to 16.
    is_signed : bool
        Samples are signed.
    component_transform : bool
        The first three components are RGB, and went through the ICT, without loss through the RCT.
    levels : int
        Decompositions.
    lossless : bool
        The coefficients are those of the reversible 5/3.
    model_prefix : bytes
        The first 8 bytes of the entropy model's id.
    code : int
        Of the quantiser step, in 256ths of an octave; 0 without loss.
    shifts : tuple of (int, int)
        Points of reconstruction in 64ths of a step: of luma, or all components; and of chroma where there is a
        component transform. Empty without loss.
    noise : tuple of int
        For each component what learned de-quantisation goes by (`j2klearn.dequantisation.noise`), 0 for none; empty
        for none at all.
    expected : bool
        Coefficients are where the entropy model expects them (`j2klearn.neural.coefficients.expectation`), `shifts`
        beside that.
    normalisation : tuple of Normalisation
        How each component was normalised; empty if none was. The step is that of normalised components.
    lengths : tuple of int
        Bytes of the segments, from coarse to fine.
    """

    height: int
    width: int
    components: int
    precision: int
    is_signed: bool
    component_transform: bool
    levels: int
    lossless: bool
    model_prefix: bytes
    code: int = 0
    shifts: tuple[tuple[int, int], ...] = ()
    noise: tuple[int, ...] = ()
    expected: bool = False
    normalisation: tuple[Normalisation, ...] = ()
    lengths: tuple[int, ...] = ()

    # what readers ask of every picture, whatever its profile

    layers = 1
    tile_origin = (0, 0)

    @property
    def shape(self) -> tuple[int, int]:
        return self.height, self.width

    @property
    def area(self) -> Rect:
        return area_of(self.shape)

    @property
    def tile_size(self) -> tuple[int, int]:
        return self.shape

    @property
    def precisions(self) -> tuple[int, ...]:
        return (self.precision,) * self.components

    @property
    def signed(self) -> tuple[bool, ...]:
        return (self.is_signed,) * self.components

    @property
    def subsampling(self) -> tuple[tuple[int, int], ...]:
        return ((1, 1),) * self.components

    @property
    def step(self) -> float | None:
        """The quantiser step in grey levels of 8 bits; None without loss."""
        if self.lossless:
            return None
        return step_of(self.code) / float(self.normalisation[0].factor if self.normalisation else 1)

    @property
    def coarse(self) -> int:
        """How many segments share the header's checksum."""
        sides = [max(shape) for shape, _ in resolutions(self.shape, self.levels)]
        return max(1, sum(side <= _COARSE for side in sides))

    def shifts_of(self, component: int) -> tuple[int, int]:
        """Return the points of reconstruction of a component."""
        return self.shifts[1 if self.component_transform and component in (1, 2) else 0]

    def fields(self) -> bytes:
        """Return the fields, which checksums follow."""
        flags = self.lossless * _LOSSLESS | self.is_signed * _SIGNED
        flags |= self.component_transform * _TRANSFORMED | bool(self.noise) * _DEQUANTISED
        flags |= self.expected * _EXPECTED | bool(self.normalisation) * _NORMALISED
        out = bytes([VERSION, flags]) + _number(self.width) + _number(self.height)
        out += bytes([self.components, self.precision, self.levels]) + self.model_prefix
        if not self.lossless:
            out += _STEP.pack(self.code) + b"".join(struct.pack(">bb", *pair) for pair in self.shifts)
        out += bytes(self.noise) + b"".join(rule.to_bytes() for rule in self.normalisation)
        return out + b"".join(_number(length) for length in self.lengths)


def _number(value: int) -> bytes:
    """Return a number in groups of seven bits, all but the last marked, as in PLT (T.800 A.7.3)."""
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))


def write_payload(header: Header, segments: Sequence[bytes]) -> bytes:
    """Return the payload of a picture; the lengths of its header are those of the segments."""
    header = replace(header, lengths=tuple(len(segment) for segment in segments))
    fields = header.fields()
    fields += b"".join(_CRC.pack(zlib.crc32(segment)) for segment in segments[header.coarse :])
    coarse = b"".join(segments[: header.coarse])
    return fields + _CRC.pack(zlib.crc32(fields + coarse)) + b"".join(segments)


class _Reader:
    """Takes fields off the front of a header."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        part = self.data[self.at : self.at + count]
        if len(part) < count:
            raise SegmentError("the header of the neural payload is damaged or cut off")
        self.at += count
        return part

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self, most: int) -> int:
        value = 0
        while value <= most:
            byte = self.byte()
            value = value << 7 | byte & 0x7F
            if byte < 0x80 and value <= most:
                return value
        raise SegmentError("the header of the neural payload has a number out of range")


def _read_header(reader: _Reader) -> Header:
    """Read the fields of a header.

    Raises
    ------
    SegmentError
        If it is cut off, or a field is out of range.
    UnsupportedError
        If it is of a later version.
    """
    version, flags = reader.byte(), reader.byte()
    if version != VERSION or flags & ~_FLAGS:
        raise UnsupportedError(
            "the neural payload is of a later version than this j2klearn reads, or is damaged"
        )
    lossless, transformed = bool(flags & _LOSSLESS), bool(flags & _TRANSFORMED)
    width, height = reader.number(_MOST_SIDE), reader.number(_MOST_SIDE)
    components, precision, levels = reader.byte(), reader.byte(), reader.byte()
    prefix = reader.take(_ID)
    code, shifts, noise = 0, [], b""
    if not lossless:
        (code,) = _STEP.unpack(reader.take(_STEP.size))
        for _ in range(2 if transformed else 1):
            first, beyond = struct.unpack(">bb", reader.take(2))
            shifts.append((first, beyond))
    if flags & _DEQUANTISED:
        noise = reader.take(components)
    rules: tuple[Normalisation, ...] = ()
    if flags & _NORMALISED:
        rules = read_rules(reader.take(components * RULE_BYTES))
    sound = width and height and components and 1 <= precision <= 16 and levels <= MAX_LEVELS
    expected = bool(flags & _EXPECTED)
    sound = sound and (not transformed or components >= 3) and not (lossless and (noise or expected or rules))
    sound = sound and FINEST <= code <= COARSEST
    if not sound or any(abs(shift) > SHIFTS_PER_STEP for pair in shifts for shift in pair):
        raise SegmentError("the header of the neural payload has a field out of range")
    return Header(
        height=height,
        width=width,
        components=components,
        precision=precision,
        is_signed=bool(flags & _SIGNED),
        component_transform=transformed,
        levels=levels,
        lossless=lossless,
        model_prefix=prefix,
        code=code,
        shifts=tuple(shifts),
        noise=tuple(noise),
        expected=expected,
        normalisation=rules,
        lengths=tuple(reader.number(_MOST_LENGTH) for _ in range(max(1, levels))),
    )


@dataclass(frozen=True)
class Segments:
    """Where the segments of a payload are, and what their checksums are."""

    starts: tuple[int, ...]  # and where the last one ends, from the beginning of the payload
    checksums: tuple[int, ...]  # of the segments behind the coarse ones
    coarse: bytes  # those that share the header's checksum
    read: Callable[[int, int], bytes]

    def there(self, size: int) -> int:
        """Return how many of the segments a payload of `size` bytes has whole."""
        return sum(end <= size for end in self.starts[1:])

    def first(self, count: int) -> list[bytes]:
        """Return the first `count` segments.

        Raises
        ------
        SegmentError
            If one is damaged.
        """
        bounds = list(itertools.pairwise(self.starts))
        known = len(bounds) - len(self.checksums)
        origin, end = self.starts[0], self.starts[count]
        start = self.starts[min(known, count)]
        data = self.coarse[: start - origin] + (self.read(start, end) if end > start else b"")
        segments = [data[a - origin : b - origin] for a, b in bounds[:count]]
        for segment, checksum in zip(segments[known:], self.checksums, strict=False):
            if zlib.crc32(segment) != checksum:
                raise SegmentError("the neural payload is damaged: the checksum of a segment does not fit")
        return segments


def read_payload(read: Callable[[int, int], bytes], size: int, declared: int) -> tuple[Header, Segments]:
    """Read the header of a payload.

    Parameters
    ----------
    read : callable
        Returns the bytes of the payload from one offset to another, which lie within `size`.
    size : int
        Bytes of it that are there.
    declared : int
        Bytes that there should be.

    Raises
    ------
    SegmentError
        If it is damaged.
    CodestreamError
        If it is cut off before its coarse segments end.
    UnsupportedError
        If it is of a later version.
    """
    head = read(0, min(size, MOST_HEADER))
    reader = _Reader(head)
    header = _read_header(reader)
    later = len(header.lengths) - header.coarse
    checksums = struct.unpack(f">{later}I", reader.take(4 * later))
    fields = head[: reader.at]
    (checksum,) = _CRC.unpack(reader.take(_CRC.size))
    starts = tuple(itertools.accumulate(header.lengths, initial=reader.at))
    if starts[-1] != declared:
        raise SegmentError("the neural payload is damaged: its segments do not add up to its length")
    end = starts[header.coarse]
    if end > size:
        raise CodestreamError("the file ends before anything of its picture is whole")
    coarse = head[reader.at : end] if end <= len(head) else read(reader.at, end)
    if zlib.crc32(fields + coarse) != checksum:
        raise SegmentError("the neural payload is damaged: the checksum of its header does not fit")
    return header, Segments(starts, checksums, coarse, read)
