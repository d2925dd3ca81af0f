"""The learned-transform segment: what a codestream says of the transform behind it.

It travels in COM marker segments with Rcom = 0 (binary), which every JPEG 2000 reader skips: the descriptor as the
last segment of the main header, before it, on request, the weights in parts. The layout is written down byte by byte
in ``docs/format.md``.
"""

from __future__ import annotations

import enum
import math
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..core.limits import MAX_COMPONENTS, MAX_EMBEDDED_BYTES
from ..core.noise_table import NoiseTable
from ..errors import OptionError, SegmentError, UnsupportedError

__all__ = [
    "Colour",
    "Descriptor",
    "Opacities",
    "Transport",
    "join_weights",
    "noise_fits",
    "read_comments",
    "split_weights",
]

MAGIC = b"J2KL"
VERSION = 2  # with a noise table; without one the segment is of version 1

_KIND_DESCRIPTOR, _KIND_WEIGHTS = 0, 1
_FIXED = struct.Struct(">4sBBBBbBBBBB32s")
_NOISE = struct.Struct(">BI")  # layers and tiles of the noise table
_MOST_NOISE = 60_000  # bytes of it; Lcom ends at 65,535
_WEIGHTS = struct.Struct(">4sBBBB")
_PART = 65_000  # bytes of weights per segment; Lcom ends at 65,535

MAX_LEVELS = 32


class Transport(enum.IntEnum):
    """How the subbands reach tier-1: through which wavelet of T.800."""

    IRREVERSIBLE = 0
    REVERSIBLE = 1


class Opacities(enum.IntEnum):
    """Whose opacities weigh the proposals of a component."""

    OWN = 0
    FIRST = 1
    COLOUR = 2  # the first component's for the first three, each other one's own


class Colour(enum.IntEnum):
    """The component transform of T.800 Annex G that the samples went through."""

    NONE = 0
    ICT = 1
    RCT = 2


def _sealed(payload: bytes) -> bytes:
    return payload + struct.pack(">I", zlib.crc32(payload))


def _unsealed(data: bytes) -> bytes:
    if len(data) < 4 or zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "big"):
        raise SegmentError("the learned-transform segment is damaged: its checksum does not fit")
    return data[:-4]


@dataclass(frozen=True)
class Descriptor:
    """The descriptor of a learned codestream.

    Attributes
    ----------
    transport : Transport
        Kind of subband transport.
    precision : int
        Bits per sample that the header declares, 1 to 16.
    fraction_bits : int
        Fractional bits of the carrier when it was coded, negative where it was coarser than the samples; for
        information, a reader takes its own.
    levels : int
        Decomposition levels of the learned transform.
    colour : Colour
        Component transform.
    components : int
        Number of components.
    opacities : Opacities
        Whose opacities weigh the proposals of a component.
    model_id : bytes
        SHA-256 that names the model, 32 bytes.
    scales : tuple of float
        Factor of each subband before the transport, LL first, then HL, LH, HH from coarse to fine; empty: all one.
    noise : NoiseTable, optional
        What learned de-quantisation goes by; none is done without it.
    """

    transport: Transport
    precision: int
    fraction_bits: int
    levels: int
    colour: Colour
    components: int
    opacities: Opacities
    model_id: bytes
    scales: tuple[float, ...] = ()
    noise: NoiseTable | None = None

    @property
    def groups(self) -> list[slice]:
        """The components that share the opacities of the first of them."""
        shared = {Opacities.OWN: 1, Opacities.FIRST: self.components, Opacities.COLOUR: 3}[self.opacities]
        first = min(shared, self.components)
        return [slice(0, first), *(slice(at, at + 1) for at in range(first, self.components))]

    def to_bytes(self) -> bytes:
        """Return the payload of the COM marker segment (after Rcom)."""
        noise = b""
        if self.noise is not None:
            _, layers, tiles = self.noise.codes.shape
            noise = _NOISE.pack(layers, tiles) + self.noise.codes.tobytes()
        fixed = _FIXED.pack(
            MAGIC,
            VERSION if noise else 1,
            _KIND_DESCRIPTOR,
            self.transport,
            self.precision,
            self.fraction_bits,
            self.levels,
            self.colour,
            self.components,
            self.opacities,
            len(self.scales),
            self.model_id,
        )
        return _sealed(fixed + struct.pack(f">{len(self.scales)}f", *self.scales) + noise)

    @classmethod
    def from_bytes(cls, data: bytes) -> Descriptor:
        """Read a payload.

        Raises
        ------
        SegmentError
            If the checksum does not fit or a field is out of range.
        UnsupportedError
            If the segment is of a later version.
        """
        payload = _unsealed(data)
        if len(payload) < _FIXED.size:
            raise SegmentError("the learned-transform segment is too short")
        fields = _FIXED.unpack_from(payload)
        _, version, _, transport, precision, fraction, levels, colour, components, source, count, model_id = (
            fields
        )
        if version not in (1, VERSION):
            raise UnsupportedError(
                f"the learned-transform segment is of version {version}, this reads versions up to {VERSION}"
            )
        size = _FIXED.size + 4 * count
        noise = _read_noise(payload[size:], components) if version == VERSION else None
        if len(payload) < size or (noise is None and len(payload) != size):
            raise SegmentError("the learned-transform segment has the wrong length")
        scales = struct.unpack_from(f">{count}f", payload, _FIXED.size)
        if transport not in iter(Transport) or colour not in iter(Colour) or source not in iter(Opacities):
            raise SegmentError(
                "the learned-transform segment names an unknown transport, colour or opacities"
            )
        if not (1 <= precision <= 16 and levels <= MAX_LEVELS and 1 <= components <= MAX_COMPONENTS):
            raise SegmentError(
                "the learned-transform segment has a precision, level or component out of range"
            )
        if count not in (0, 3 * levels + 1) or not all(math.isfinite(s) and 1e-3 <= s <= 1e3 for s in scales):
            raise SegmentError("the learned-transform segment has impossible subband scales")
        return cls(
            transport=Transport(transport),
            precision=precision,
            fraction_bits=fraction,
            levels=levels,
            colour=Colour(colour),
            components=components,
            opacities=Opacities(source),
            model_id=model_id,
            scales=tuple(scales),
            noise=noise,
        )


def _read_noise(data: bytes, components: int) -> NoiseTable:
    if len(data) < _NOISE.size:
        raise SegmentError("the learned-transform segment has the wrong length")
    layers, tiles = _NOISE.unpack_from(data)
    if not layers or not tiles or len(data) != _NOISE.size + components * layers * tiles:
        raise SegmentError("the learned-transform segment has the wrong length")
    codes = np.frombuffer(data, np.uint8, offset=_NOISE.size)
    return NoiseTable(codes.reshape(components, layers, tiles))


def noise_fits(components: int, layers: int, tiles: int) -> bool:
    """Tell whether a noise table of that size has room in the segment."""
    return layers <= 255 and components * layers * tiles <= _MOST_NOISE


def split_weights(weights: bytes) -> list[bytes]:
    """Cut a model file into payloads of COM marker segments.

    Raises
    ------
    OptionError
        If it is too large to be carried.
    """
    if len(weights) > MAX_EMBEDDED_BYTES:
        raise OptionError(
            f"the model file has {len(weights)} bytes, and pictures carry none of more than {MAX_EMBEDDED_BYTES}"
        )
    parts = [weights[i : i + _PART] for i in range(0, len(weights), _PART)]
    return [
        _sealed(_WEIGHTS.pack(MAGIC, 1, _KIND_WEIGHTS, index, len(parts)) + part)
        for index, part in enumerate(parts)
    ]


def join_weights(payloads: Iterable[bytes]) -> bytes | None:
    """Put the parts of an embedded model file together; None where there are none."""
    parts: dict[int, bytes] = {}
    expected = 0
    for data in payloads:
        payload = _unsealed(data)
        if len(payload) < _WEIGHTS.size:
            raise SegmentError("a part of the embedded model is too short")
        _, _, _, index, expected = _WEIGHTS.unpack_from(payload)
        parts[index] = payload[_WEIGHTS.size :]
    if not parts:
        return None
    if sorted(parts) != list(range(expected)):
        raise SegmentError("parts of the embedded model are missing")
    weights = b"".join(parts[index] for index in range(expected))
    if len(weights) > MAX_EMBEDDED_BYTES:
        raise SegmentError(f"the embedded model is larger than {MAX_EMBEDDED_BYTES} bytes")
    return weights


def read_comments(comments: Iterable[bytes]) -> tuple[Descriptor | None, bytes | None]:
    """Find the descriptor and the embedded model file among the binary comments of a main header."""
    ours = [data for data in comments if data.startswith(MAGIC) and len(data) > len(MAGIC) + 1]
    by_kind: dict[int, list[bytes]] = {_KIND_DESCRIPTOR: [], _KIND_WEIGHTS: []}
    for data in ours:
        by_kind.setdefault(data[len(MAGIC) + 1], []).append(data)
    if not ours:
        return None, None
    if len(by_kind) > 2 or len(by_kind[_KIND_DESCRIPTOR]) != 1:
        raise SegmentError("the codestream does not have exactly one sound learned-transform segment")
    return Descriptor.from_bytes(by_kind[_KIND_DESCRIPTOR][0]), join_weights(by_kind[_KIND_WEIGHTS])
