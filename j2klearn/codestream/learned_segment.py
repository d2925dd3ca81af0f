"""The learned-transform segment, which signals the transform of a learned codestream.

It is stored in COM marker segments with Rcom = 0 (binary), which other JPEG 2000 readers skip. The descriptor is the
last marker segment of the main header; the weights, if embedded, are stored before it in parts. ``docs/format.md``
specifies the layout byte by byte.
"""

from __future__ import annotations

import enum
import math
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..core.geometry import ORIENTATIONS
from ..core.limits import MAX_COMPONENTS, MAX_EMBEDDED_BYTES
from ..core.noise_table import NoiseTable
from ..core.normalisation import RULE_BYTES, Normalisation, read_rules
from ..core.reversible_steps import BandWeights, Steps
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

#: The latest version. Version 1 has neither a noise table nor normalisations, version 2 a noise table, version 3
#: normalisations, version 4 flags beside the opacities, version 5 the steps of the reversible transform, version 6 more
#: weights between components, in finer units, and version 7 their order, and green in the place of Y.
VERSION = 7

_KIND_DESCRIPTOR, _KIND_WEIGHTS = 0, 1
_BASE_CHROMA, _NORMALISED = 16, 32  # the flags
_FIXED = struct.Struct(">4sBBBBbBBBBB32s")
_NOISE = struct.Struct(">BI")  # layers and tiles of the noise table
_MAX_NOISE_BYTES = 60_000  # Lcom is at most 65,535
_BAND_WEIGHTS = {5: 3, 6: 10, 7: 10}  # between the components of the RCT, of a subband, by version
_FINE, _COARSE = (
    64,
    8,
)  # codes of later versions than 5 up to 64 are weights; further codes are this number of units apart
_ORDERED = 7  # the version that names the order of chroma
_WEIGHTS = struct.Struct(">4sBBBB")
_PART_BYTES = 65_000  # weights per segment; Lcom is at most 65,535

MAX_LEVELS = 32


class Transport(enum.IntEnum):
    """The wavelet path of T.800 through which the subbands are coded."""

    IRREVERSIBLE = 0
    REVERSIBLE = 1


class Opacities(enum.IntEnum):
    """The component whose opacities weight the proposals of a component."""

    OWN = 0
    FIRST = 1
    COLOUR = 2  # those of the first component for the first three, its own for each other component


class Colour(enum.IntEnum):
    """The component transform that was applied to the samples: those of T.800 Annex G, and one of version 7.

    GREEN is the RCT too, but the reversible transform replaces Y by the green component.
    """

    NONE = 0
    ICT = 1
    RCT = 2
    GREEN = 3


def _with_checksum(payload: bytes) -> bytes:
    return payload + struct.pack(">I", zlib.crc32(payload))


def _without_checksum(data: bytes) -> bytes:
    if len(data) < 4 or zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "big"):
        raise SegmentError("the learned-transform segment is damaged: its checksum is wrong")
    return data[:-4]


@dataclass(frozen=True)
class Descriptor:
    """The descriptor of a learned codestream, all fields of the segment.

    Attributes
    ----------
    transport : Transport
        Wavelet path through which the subbands are coded.
    precision : int
        Bits per sample that the SIZ marker segment declares, 1 to 16.
    fraction_bits : int
        Fractional bits of the coded carrier, negative if the carrier was coarser than the samples. For information
        only: a reader chooses its own.
    levels : int
        Number of decomposition levels of the learned transform, 0 to 32.
    colour : Colour
        Component transform that was applied.
    components : int
        Number of components, 1 to 255.
    opacities : Opacities
        The component whose opacities weight the proposals of a component.
    model_id : bytes
        SHA-256 digest that identifies the model, 32 bytes.
    scales : tuple of float
        Factor by which each subband was multiplied before it was coded, 0.001 to 1000: LL, then HL, LH, HH from the
        coarsest to the finest level. Empty: all factors are 1.
    noise : NoiseTable, optional
        Noise levels for the learned de-quantisation. None: no de-quantisation.
    normalisation : tuple of Normalisation
        How each component was normalised before the learned transform. Empty: no component was.
    base_chroma : bool
        Whether the finest level of chroma, that is of components that use the opacities of another one, has the base
        wavelet alone, without learned steps.
    steps : Steps, optional
        The steps of the reversible transform. Reversible transport has them, and no scales, noise or normalisation.
    layers : int
        For reversible transport: the number of layers, 1 to 255, that together hold the exact samples. 0: unknown.
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
    normalisation: tuple[Normalisation, ...] = ()
    base_chroma: bool = False
    steps: Steps | None = None
    layers: int = 0

    @property
    def groups(self) -> list[slice]:
        """Groups of components; the first component of each provides the opacities for all of the group."""
        shared = {Opacities.OWN: 1, Opacities.FIRST: self.components, Opacities.COLOUR: 3}[self.opacities]
        first = min(shared, self.components)
        return [slice(0, first), *(slice(at, at + 1) for at in range(first, self.components))]

    def to_bytes(self) -> bytes:
        """Return the payload of the COM marker segment: the bytes after Rcom."""
        noise = b""
        if self.noise is not None:
            _, layers, tiles = self.noise.codes.shape
            noise = _NOISE.pack(layers, tiles) + self.noise.codes.tobytes()
        version, opacities, fraction_bits = 2 if noise else 1, int(self.opacities), self.fraction_bits
        if self.steps is not None:
            version, noise = _pack_steps(self.steps)
            fraction_bits = self.layers - (self.layers >> 7 << 8)  # the same byte
        if self.normalisation or self.base_chroma:
            version, noise = 3, noise or _NOISE.pack(0, 0)
            noise += b"".join(rule.to_bytes() for rule in self.normalisation)
        if self.base_chroma:
            version, opacities = 4, opacities | _BASE_CHROMA | (_NORMALISED if self.normalisation else 0)
        fixed = _FIXED.pack(
            MAGIC,
            version,
            _KIND_DESCRIPTOR,
            self.transport,
            self.precision,
            fraction_bits,
            self.levels,
            self.colour,
            self.components,
            opacities,
            len(self.scales),
            self.model_id,
        )
        return _with_checksum(fixed + struct.pack(f">{len(self.scales)}f", *self.scales) + noise)

    @classmethod
    def from_bytes(cls, data: bytes) -> Descriptor:
        """Parse the payload of a COM marker segment.

        Raises
        ------
        SegmentError
            If the checksum is wrong, or a field is out of range.
        UnsupportedError
            If the segment has a later version.
        """
        payload = _without_checksum(data)
        if len(payload) < _FIXED.size:
            raise SegmentError("the learned-transform segment is too short")
        fields = _FIXED.unpack_from(payload)
        _, version, _, transport, precision, fraction, levels, colour, components, source, count, model_id = (
            fields
        )
        if not 1 <= version <= VERSION:
            raise UnsupportedError(
                f"the learned-transform segment has version {version}, but j2klearn reads versions up to {VERSION}"
            )
        flags = source & (_BASE_CHROMA | _NORMALISED) if version == 4 else 0
        source -= flags
        start = end = _FIXED.size + 4 * count
        noise: NoiseTable | None = None
        rules: tuple[Normalisation, ...] = ()
        steps: Steps | None = None
        layers = 0
        if version == 3 or flags & _NORMALISED:
            end, rules = _read_normalisation(payload, start, components)
        elif version >= 2:
            end = len(payload)
        if version in _BAND_WEIGHTS:
            steps = _read_steps(payload[start:], version, components, levels, colour)
            layers, fraction = fraction & 0xFF, 0
        elif version >= 2 and not (version >= 3 and payload[start:end] == _NOISE.pack(0, 0)):
            noise = _read_noise(payload[start:end], components)
        elif version == 1 and len(payload) != start:
            raise SegmentError("the learned-transform segment has the wrong length")
        scales = struct.unpack_from(f">{count}f", payload, _FIXED.size)
        if transport not in iter(Transport) or colour not in iter(Colour) or source not in iter(Opacities):
            raise SegmentError(
                "the learned-transform segment names an unknown transport, colour or opacities"
            )
        if not (1 <= precision <= 16 and levels <= MAX_LEVELS and 1 <= components <= MAX_COMPONENTS):
            raise SegmentError(
                "the learned-transform segment has a precision, levels or components out of range"
            )
        if count not in (0, 3 * levels + 1) or not all(math.isfinite(s) and 1e-3 <= s <= 1e3 for s in scales):
            raise SegmentError("the learned-transform segment has invalid subband scales")
        if (
            (transport == Transport.REVERSIBLE) != (steps is not None)
            or (steps is not None and count)
            or (colour == Colour.GREEN and version < _ORDERED)
        ):
            raise SegmentError("the version of the learned-transform segment does not fit its transport")
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
            normalisation=rules,
            base_chroma=bool(flags & _BASE_CHROMA),
            steps=steps,
            layers=layers,
        )


def _weight_of(code: int) -> int:
    """Return the weight in 1/64 for a code of version 6 or 7."""
    further = max(abs(code) - _FINE, 0) * (_COARSE - 1)
    return code + (further if code > 0 else -further)


def _code_of(weight: int) -> int:
    further = max(abs(weight) - _FINE, 0) // _COARSE * (_COARSE - 1)
    return weight - (further if weight > 0 else -further)


def _pack_steps(steps: Steps) -> tuple[int, bytes]:
    """Return the version that can hold the steps, and their bytes."""
    bands = [band for level in steps.weights for band in level]
    codes = [weight / 4 for first, second in bands for weight in (first[0], second[0], second[4])]
    version = 5
    simple = all(not any((*first[1:], *second[1:4], second[5])) for first, second in bands)
    if not simple or any(code != int(code) or not -128 <= code <= 127 for code in codes):
        version = 6
    if steps.red_first or steps.green:
        version = _ORDERED
    if version > 5:
        codes = [_code_of(weight) for band in bands for weight in (*band.first, *band.second)]
    packed = struct.pack(f">{len(codes)}b", *map(int, codes))
    rules = b"".join(rule.to_bytes() for rule in steps.normalisation)
    order = [int(steps.red_first)] if version >= _ORDERED else []
    return version, bytes([*steps.learned, *order, len(steps.weights)]) + packed + rules


def _band_weights(codes: tuple[int, ...]) -> BandWeights:
    """Return the weights of a subband for their codes in a segment."""
    if len(codes) == _BAND_WEIGHTS[5]:
        blue, red, blue_in_red = (4 * code for code in codes)  # version 5 has sixteenths
        return BandWeights((blue, 0, 0, 0), (red, 0, 0, 0, blue_in_red, 0))
    a, b, c, d, *second = (_weight_of(code) for code in codes)
    e, f, g, h, i, j = second
    return BandWeights((a, b, c, d), (e, f, g, h, i, j))


def _read_steps(data: bytes, version: int, components: int, levels: int, colour: int) -> Steps:
    """Read the steps of the reversible transform, which end the payload."""
    switches = components + (1 if version >= _ORDERED else 0)
    learned, order = data[:components], data[components:switches]
    count = data[switches] if len(data) > switches else 0
    size, start = _BAND_WEIGHTS[version], switches + 1
    end = start + size * len(ORIENTATIONS) * count
    if len(data) not in (end, end + RULE_BYTES * components) or max(learned + order, default=0) > 1:
        raise SegmentError("the learned-transform segment has invalid steps")
    rct = colour in (Colour.RCT, Colour.GREEN)
    if count > (levels if rct else 0) or any(order) > rct:
        raise SegmentError(
            "the learned-transform segment has weights of levels or components that are not there"
        )
    values = struct.unpack(f">{end - start}b", data[start:end])
    bands = [_band_weights(values[at : at + size]) for at in range(0, len(values), size)]
    weights = tuple(
        (bands[at], bands[at + 1], bands[at + 2]) for at in range(0, len(bands), len(ORIENTATIONS))
    )
    rules = read_rules(data[end:])
    return Steps(tuple(map(bool, learned)), weights, rules, any(order), colour == Colour.GREEN)


def _read_normalisation(payload: bytes, start: int, components: int) -> tuple[int, tuple[Normalisation, ...]]:
    """Return the offset and the content of the normalisations, which end the payload."""
    at = len(payload) - components * RULE_BYTES
    if at < start + _NOISE.size:
        raise SegmentError("the learned-transform segment has the wrong length")
    return at, read_rules(payload[at:])


def _read_noise(data: bytes, components: int) -> NoiseTable:
    if len(data) < _NOISE.size:
        raise SegmentError("the learned-transform segment has the wrong length")
    layers, tiles = _NOISE.unpack_from(data)
    if not layers or not tiles or len(data) != _NOISE.size + components * layers * tiles:
        raise SegmentError("the learned-transform segment has the wrong length")
    codes = np.frombuffer(data, np.uint8, offset=_NOISE.size)
    return NoiseTable(codes.reshape(components, layers, tiles))


def noise_fits(components: int, layers: int, tiles: int) -> bool:
    """Return whether a noise table of this size fits into the segment."""
    return layers <= 255 and components * layers * tiles <= _MAX_NOISE_BYTES


def split_weights(weights: bytes) -> list[bytes]:
    """Split a model file into payloads of COM marker segments.

    Raises
    ------
    OptionError
        If the file has more than `MAX_EMBEDDED_BYTES` bytes.
    """
    if len(weights) > MAX_EMBEDDED_BYTES:
        raise OptionError(
            f"the model file has {len(weights)} bytes, but a picture can carry at most {MAX_EMBEDDED_BYTES}"
        )
    parts = [weights[i : i + _PART_BYTES] for i in range(0, len(weights), _PART_BYTES)]
    return [
        _with_checksum(_WEIGHTS.pack(MAGIC, 1, _KIND_WEIGHTS, index, len(parts)) + part)
        for index, part in enumerate(parts)
    ]


def join_weights(payloads: Iterable[bytes]) -> bytes | None:
    """Join the parts of an embedded model file.

    Parameters
    ----------
    payloads : iterable of bytes
        Payloads as `split_weights` returns them, in any order.

    Returns
    -------
    bytes or None
        The model file; None if there are no payloads.

    Raises
    ------
    SegmentError
        If a part is damaged or missing, or the file has more than `MAX_EMBEDDED_BYTES` bytes.
    """
    parts: dict[int, bytes] = {}
    expected = 0
    for data in payloads:
        payload = _without_checksum(data)
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
    """Parse the descriptor and the embedded model file from the binary comments of a main header.

    Parameters
    ----------
    comments : iterable of bytes
        The data of all COM marker segments with Rcom = 0.

    Returns
    -------
    Descriptor or None, bytes or None
        The descriptor and the model file; None if the main header has none.

    Raises
    ------
    SegmentError
        If the learned-transform segment is damaged, or there are several.
    UnsupportedError
        If the segment has a later version.
    """
    ours = [data for data in comments if data.startswith(MAGIC) and len(data) > len(MAGIC) + 1]
    by_kind: dict[int, list[bytes]] = {_KIND_DESCRIPTOR: [], _KIND_WEIGHTS: []}
    for data in ours:
        by_kind.setdefault(data[len(MAGIC) + 1], []).append(data)
    if not ours:
        return None, None
    if len(by_kind) > 2 or len(by_kind[_KIND_DESCRIPTOR]) != 1:
        raise SegmentError("the codestream does not have exactly one valid learned-transform segment")
    return Descriptor.from_bytes(by_kind[_KIND_DESCRIPTOR][0]), join_weights(by_kind[_KIND_WEIGHTS])
