"""Codestreams whose components differ in size, sign, depth or levels, made of codestreams of one component each."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import j2klearn
from j2klearn.codestream.main_header import main_segments, read_main_header
from j2klearn.codestream.markers import Marker
from j2klearn.codestream.tile_parts import EOC, tile_part, tile_parts
from j2klearn.core.geometry import Rect, ceil_div
from j2klearn.jp2.boxes import SIGNATURE, box, codestream_header

__all__ = ["Plane", "combined", "in_jp2", "plane_area", "upsampled"]


@dataclass(frozen=True)
class Plane:
    """A component: its samples, their depth, YRsiz and XRsiz, and its decomposition levels."""

    samples: NDArray[Any]
    depth: int
    step: tuple[int, int] = (1, 1)
    levels: int = 2

    @property
    def signed(self) -> bool:
        return self.samples.dtype.kind == "i"


def plane_area(area: Rect, step: tuple[int, int]) -> Rect:
    """Return the samples of a component in an area of the reference grid (T.800 equation B-12)."""
    return Rect(*(ceil_div(v, step[i % 2]) for i, v in enumerate((area.y0, area.x0, area.y1, area.x1))))


def combined(
    area: Rect,
    planes: Sequence[Plane],
    tile: tuple[int, int] | None = None,
    **options: Any,
) -> bytes:
    """Return a codestream of some components, in the progression CPRL.

    The tile size has to be a multiple of every subsampling factor, since tiles begin at (0, 0).
    """
    size = tile or (area.y1, area.x1)
    streams = []
    for plane in planes:
        here = plane_area(area, plane.step)
        assert plane.samples.shape == here.shape
        streams.append(
            j2klearn.encode(
                plane.samples,
                bit_depth=plane.depth,
                lossless=True,
                model=None,
                jp2=False,
                levels=plane.levels,
                progression="CPRL",
                plt=False,
                tlm=False,
                offset=here.origin,
                tile_size=tuple(ceil_div(side, step) for side, step in zip(size, plane.step, strict=True)),
                **options,
            )
        )
    bodies: dict[int, bytes] = {}
    for stream in streams:
        for part in tile_parts(stream):
            bodies[part.header.tile] = bodies.get(part.header.tile, b"") + stream[part.start : part.end]
    head = _main_header(area, size, planes, streams)
    parts = [tile_part(number, 0, 1, body) for number, body in sorted(bodies.items())]
    return head + b"".join(parts) + EOC


def _main_header(
    area: Rect, tile: tuple[int, int], planes: Sequence[Plane], streams: Sequence[bytes]
) -> bytes:
    siz = struct.pack(">H8IH", 0, area.x1, area.y1, area.x0, area.y0, tile[1], tile[0], 0, 0, len(planes))
    for plane in planes:
        siz += bytes([plane.depth - 1 | (0x80 if plane.signed else 0), plane.step[1], plane.step[0]])
    out = Marker.SOC.code + _segment(Marker.SIZ, siz)
    for number, stream in enumerate(streams):
        header = read_main_header(stream)
        bodies = {s.marker: stream[s.body] for s in main_segments(stream, header.end)}
        cod, qcd = bodies[Marker.COD], bodies[Marker.QCD]
        if number == 0:
            out += _segment(Marker.COD, cod) + _segment(Marker.QCD, qcd)
        else:
            out += _segment(Marker.COC, bytes([number, cod[0] & 1]) + cod[5:])
            out += _segment(Marker.QCC, bytes([number]) + qcd)
    return out


def _segment(marker: Marker, body: bytes) -> bytes:
    return marker.code + struct.pack(">H", len(body) + 2) + body


def in_jp2(codestream: bytes, more: bytes = b"") -> bytes:
    """Return a JP2 file with the codestream; a bits per component box has the depths (T.800 I.5.3.2).

    `more` are further boxes in the JP2 header box.
    """
    header = read_main_header(codestream)
    depths = [depth - 1 | 0x80 * sign for depth, sign in zip(header.precisions, header.signed, strict=True)]
    ihdr = box(b"ihdr", struct.pack(">IIHBBBB", *header.area.shape, header.components, 255, 7, 0, 0))
    colr = box(b"colr", struct.pack(">BBBI", 1, 0, 0, 16 if header.components > 2 else 17))
    jp2h = box(b"jp2h", ihdr + box(b"bpcc", bytes(depths)) + colr + more)
    ftyp = box(b"ftyp", b"jp2 \x00\x00\x00\x00jp2 ")
    return SIGNATURE + ftyp + jp2h + codestream_header(len(codestream)) + codestream


def upsampled(plane: NDArray[Any], own: Rect, step: tuple[int, int], pixels: Rect) -> NDArray[Any]:
    """Return what pixels show of a component whose samples lie `step` pixels apart, `own` being their area."""
    out = np.empty(pixels.shape, plane.dtype)
    for y in range(pixels.y0, pixels.y1):
        for x in range(pixels.x0, pixels.x1):
            row = min(max(y // step[0], own.y0), own.y1 - 1)
            column = min(max(x // step[1], own.x0), own.x1 - 1)
            out[y - pixels.y0, x - pixels.x0] = plane[row - own.y0, column - own.x0]
    return out
