"""Weights of subbands: coefficients that were multiplied before they were coded, and quantiser steps that divide them.

An encoder that multiplies the coefficients of a subband by a weight counts its errors by the square of the weight. The
header then declares steps that are larger by the inverse of the weight. So any reader reconstructs the coefficients as
they were. A step grows by its mantissa and its exponent (T.800 equation E-3). The exponent also gives the number of
bit-planes of the subband (equation E-2): as many are added again, by guard bits, which all subbands share, and by zero
bit-planes in the packet headers, for the subbands that need fewer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..errors import CodestreamError
from ..native.packets import PacketReader
from .main_header import MainHeader, main_segments, read_main_header
from .markers import Marker
from .quantisation_segments import Qcc, Qcd, QuantisationStyle
from .reduced_header import packet_segments
from .tile_parts import EOC, plt_segments, tile_part, tile_parts, tlm_segments

__all__ = ["Weights", "weights_overhead", "with_weights"]

#: The weights of every component: LL, then HL, LH and HH from the coarsest to the finest level.
Weights = Sequence[Sequence[float]]

_MOST_GUARD_BITS = 7
_MANTISSAS = 2048


def _divided(exponent: int, mantissa: int, weight: float) -> tuple[int, int]:
    """Return exponent and mantissa of a quantiser step divided by a weight."""
    value = (1 + mantissa / _MANTISSAS) / weight
    octaves = math.floor(math.log2(value))
    mantissa = round((value / 2**octaves - 1) * _MANTISSAS)
    return exponent - octaves - mantissa // _MANTISSAS, mantissa % _MANTISSAS


def _new_steps(old: Qcd, weights: Weights) -> list[Qcd]:
    """Return the quantisation of every component; all have the same number of guard bits.

    Raises
    ------
    CodestreamError
        If an exponent or the guard bits would be out of range.
    """
    found = []
    for own in weights:
        steps = zip(old.exponents, old.mantissas, own, strict=True)
        found.append([_divided(exponent, mantissa, weight) for exponent, mantissa, weight in steps])
    grown = max(e - step[0] for steps in found for e, step in zip(old.exponents, steps, strict=True))
    guard_bits = old.guard_bits + max(0, grown)
    exponents = [step[0] for steps in found for step in steps]
    if guard_bits > _MOST_GUARD_BITS or min(exponents) < 0 or max(exponents) > 31:
        raise CodestreamError("the quantiser steps of the codestream cannot be divided by the weights")
    return [
        Qcd(old.style, guard_bits, tuple(step[0] for step in steps), tuple(step[1] for step in steps))
        for steps in found
    ]


def with_weights(codestream: bytes, weights: Weights) -> bytes:
    """Declare that the coefficients of a codestream were multiplied by weights.

    Parameters
    ----------
    codestream : bytes
        A codestream of the 9/7 as OpenJPEG codes it: one tile-part for each tile, and the same quantiser steps for all
        components.
    weights : sequence of sequence of float
        The weights of every component, 1/8 to 1: LL, then HL, LH and HH from the coarsest to the finest level.

    Returns
    -------
    bytes
        The codestream with larger quantiser steps. It has PLT and TLM marker segments if it had them.

    Raises
    ------
    CodestreamError
        If the codestream is of another kind, or the steps cannot be divided by the weights.
    """
    header = read_main_header(codestream)
    old = header.qcd
    if old.style is not QuantisationStyle.EXPOUNDED or header.qcc or header.packed:
        raise CodestreamError("the codestream does not have the same quantiser steps for all components")
    steps = _new_steps(old, weights)
    planes = bytes(
        new.guard_bits + after - old.guard_bits - before
        for new in steps
        for before, after in zip(old.exponents, new.exponents, strict=True)
    )
    parts, lengths = _raised(codestream, header, planes)
    return _head(codestream, header, steps, lengths) + b"".join(parts) + EOC


def _raised(
    codestream: bytes, header: MainHeader, planes: bytes
) -> tuple[list[bytes], list[tuple[int, int]]]:
    """Return the tile-parts with more zero bit-planes, and the tile and the length of each."""
    head, poc = packet_segments(codestream, header)
    parts, lengths = [], []
    with PacketReader(head) as reader:
        for part in tile_parts(codestream):
            data = codestream[part.start : part.end]
            body, packets = reader.raised(part.header.tile, poc + Marker.SOD.code, data, planes)
            segments = part.header.segments
            if part.header.packets is not None:
                segments += plt_segments((packets["end"] - packets["begin"]).tolist())
            parts.append(tile_part(part.header.tile, 0, 1, body, segments))
            lengths.append((part.header.tile, len(parts[-1])))
    return parts, lengths


def _head(codestream: bytes, header: MainHeader, steps: list[Qcd], lengths: list[tuple[int, int]]) -> bytes:
    """Return the main header with new quantiser steps and the lengths of the tile-parts."""
    out = codestream[:2]
    for segment in main_segments(codestream, header.end):
        match segment.marker:
            case Marker.QCD:
                out += steps[0].to_bytes()
                for index, own in enumerate(steps):
                    out += Qcc(index, own).to_bytes(len(steps)) if own != steps[0] else b""
            case Marker.TLM:
                out += tlm_segments(lengths)
                lengths = []
            case _:
                out += codestream[segment.start : segment.end]
    return out


def weights_overhead(weights: Weights, precincts: Sequence[int]) -> int:
    """Return about how many bytes `with_weights` adds to a codestream.

    Parameters
    ----------
    weights : sequence of sequence of float
        The weights of every component.
    precincts : sequence of int
        The number of precincts of a component at each resolution, the lowest one first.
    """
    wide = 1 if len(weights) < 257 else 2
    total = sum(5 + wide + 2 * len(own) for own in weights if own != weights[0])
    lowest = min(weight for own in weights for weight in own)
    for own in weights:
        bits = [math.ceil(math.log2(weight / lowest)) for weight in own]
        resolutions = [bits[:1], *(bits[at : at + 3] for at in range(1, len(bits), 3))]
        total += sum(
            math.ceil(count * sum(some) / 8) for count, some in zip(precincts, resolutions, strict=True)
        )
    return total
