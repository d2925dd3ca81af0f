"""The payload of the profile: a header, checksums, and the segments of an entropy model from coarse to fine.

``docs/format.md`` specifies it byte by byte. Every field and every segment is checked before it is used.
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

#: Most bytes of a header.
MOST_HEADER = 4096

_MAX_SIDE = (1 << 32) - 1
_MAX_LENGTH = 1 << 56

#: Segments of resolutions up to this many samples per side share a checksum with the header. Separate
#: checksums would not help: without these segments there is no useful picture.
_COARSE_SIDE = 64


@dataclass(frozen=True)
class Header:
    """The header of a payload.

    It meets `j2klearn.core.request.PictureHeader`, as `j2klearn.codestream.main_header.MainHeader` does for the EBCOT
    profile, and it has the further attributes of that class that readers use.

    Attributes
    ----------
    height, width : int
        Size in pixels.
    components, precision : int
        Number of components, and bits per sample, 1 to 16.
    is_signed : bool
        Whether samples are signed.
    component_transform : bool
        Whether the first three components are RGB and went through the ICT, or the RCT in a lossless file.
    levels : int
        Number of decomposition levels, 0 to 32.
    lossless : bool
        Whether the coefficients are those of the reversible 5/3.
    model_prefix : bytes
        The first 8 bytes of the entropy model's id.
    code : int
        Code of the quantiser step, in 256ths of an octave; 0 in a lossless file.
    shifts : tuple of (int, int)
        Shifts of the reconstruction points in 64ths of a step (`j2klearn.neural.coefficients.quantisation`): a pair for
        luma and all extra components, and one for chroma if there is a component transform. Empty in a lossless file.
    noise : tuple of int
        Code of the noise level of every component for learned de-quantisation (`j2klearn.core.noise_table`), 0 for a
        component without it. Empty if no component uses it.
    expected : bool
        Whether the entropy model predicts the reconstruction points (`j2klearn.neural.coefficients.expectation`).
        `shifts` are added to them.
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

    # the attributes that readers use of every picture, whatever its profile

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
        """The quantiser step in grey levels of 8 bits; None in a lossless file."""
        if self.lossless:
            return None
        return step_of(self.code) / float(self.normalisation[0].factor if self.normalisation else 1)

    @property
    def coarse(self) -> int:
        """Number of segments that share the checksum of the header."""
        sides = [max(shape) for shape, _ in resolutions(self.shape, self.levels)]
        return max(1, sum(side <= _COARSE_SIDE for side in sides))

    def shifts_of(self, component: int) -> tuple[int, int]:
        """Return the shifts of the reconstruction points of a component, in 64ths of a step."""
        return self.shifts[1 if self.component_transform and component in (1, 2) else 0]

    def fields(self) -> bytes:
        """Return the bytes of all fields before the checksums."""
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
    """Return a number in groups of seven bits as in PLT (T.800 A.7.3): the top bit is set in all but the last byte."""
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))


def write_payload(header: Header, segments: Sequence[bytes]) -> bytes:
    """Return the payload of a picture.

    Parameters
    ----------
    header : Header
        The header. Its lengths are replaced by those of the segments.
    segments : sequence of bytes
        The segments, from coarse to fine.
    """
    header = replace(header, lengths=tuple(len(segment) for segment in segments))
    fields = header.fields()
    fields += b"".join(_CRC.pack(zlib.crc32(segment)) for segment in segments[header.coarse :])
    coarse = b"".join(segments[: header.coarse])
    return fields + _CRC.pack(zlib.crc32(fields + coarse)) + b"".join(segments)


class _Reader:
    """Reads the fields of a header in their order."""

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

    def number(self, limit: int) -> int:
        """Return a number of at most `limit`, in groups of seven bits."""
        value = 0
        while value <= limit:
            byte = self.byte()
            value = value << 7 | byte & 0x7F
            if byte < 0x80 and value <= limit:
                return value
        raise SegmentError("the header of the neural payload has a number out of range")


def _read_header(reader: _Reader) -> Header:
    """Read the fields of a header.

    Raises
    ------
    SegmentError
        If the header is cut off, or a field is out of range.
    UnsupportedError
        If the payload is of a later version.
    """
    version, flags = reader.byte(), reader.byte()
    if version != VERSION or flags & ~_FLAGS:
        raise UnsupportedError(
            "the neural payload is damaged, or is of a later version than this j2klearn supports"
        )
    lossless, transformed = bool(flags & _LOSSLESS), bool(flags & _TRANSFORMED)
    width, height = reader.number(_MAX_SIDE), reader.number(_MAX_SIDE)
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
    valid = width and height and components and 1 <= precision <= 16 and levels <= MAX_LEVELS
    expected = bool(flags & _EXPECTED)
    valid = valid and (not transformed or components >= 3) and not (lossless and (noise or expected or rules))
    valid = valid and FINEST <= code <= COARSEST
    if not valid or any(abs(shift) > SHIFTS_PER_STEP for pair in shifts for shift in pair):
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
        lengths=tuple(reader.number(_MAX_LENGTH) for _ in range(max(1, levels))),
    )


@dataclass(frozen=True)
class Segments:
    """The positions and checksums of the segments of a payload.

    Attributes
    ----------
    starts : tuple of int
        Offset of every segment from the beginning of the payload, and the end of the last one.
    checksums : tuple of int
        CRC-32 of every segment after the coarse ones.
    coarse : bytes
        The coarse segments, which share the checksum of the header and have been verified with it.
    read : callable
        Returns the bytes of the payload from one offset to another.
    """

    starts: tuple[int, ...]
    checksums: tuple[int, ...]
    coarse: bytes
    read: Callable[[int, int], bytes]

    def there(self, size: int) -> int:
        """Return how many segments, from the first on, are complete in the first `size` bytes of the payload."""
        return sum(end <= size for end in self.starts[1:])

    def first(self, count: int) -> list[bytes]:
        """Read the first `count` segments and verify their checksums.

        Raises
        ------
        SegmentError
            If a segment is damaged.
        """
        bounds = list(itertools.pairwise(self.starts))
        coarse = len(bounds) - len(self.checksums)
        origin, end = self.starts[0], self.starts[count]
        start = self.starts[min(coarse, count)]
        data = self.coarse[: start - origin] + (self.read(start, end) if end > start else b"")
        segments = [data[a - origin : b - origin] for a, b in bounds[:count]]
        for segment, checksum in zip(segments[coarse:], self.checksums, strict=False):
            if zlib.crc32(segment) != checksum:
                raise SegmentError("the neural payload is damaged: the checksum of a segment does not match")
        return segments


def read_payload(read: Callable[[int, int], bytes], size: int, declared: int) -> tuple[Header, Segments]:
    """Read and verify the header of a payload.

    Parameters
    ----------
    read : callable
        Returns the bytes of the payload from one offset to another. It is only called with offsets up to `size`.
    size : int
        Number of bytes of the payload that are in the file.
    declared : int
        Number of bytes that the payload should have.

    Raises
    ------
    SegmentError
        If the header or a coarse segment is damaged.
    CodestreamError
        If the payload is cut off before its coarse segments end.
    UnsupportedError
        If the payload is of a later version.
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
        raise SegmentError(
            "the neural payload is damaged: the lengths of its segments do not add up to its length"
        )
    end = starts[header.coarse]
    if end > size:
        raise CodestreamError("the file is cut off before the lowest resolution of its picture is complete")
    coarse = head[reader.at : end] if end <= len(head) else read(reader.at, end)
    if zlib.crc32(fields + coarse) != checksum:
        raise SegmentError("the neural payload is damaged: the checksum of its header does not match")
    return header, Segments(starts, checksums, coarse, read)
