"""A simple entropy model that replaces a learned one, shared by the tests of the code around entropy models."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from j2klearn.core.geometry import Rect
from j2klearn.core.subbands import Subbands
from j2klearn.errors import CodestreamError
from j2klearn.neural.coefficients.pyramid import Pyramid, default_levels
from j2klearn.neural.coefficients.quantisation import quantised
from j2klearn.neural.coefficients.reconstruction_points import Points


class Deflate:
    """Codes the indices of every resolution with zlib."""

    def __init__(self, transform: Any = "9-7", **more: Any) -> None:
        self.config = {"kind": "test", "transform": transform, **more}
        self.name = f"deflate {transform}"
        self.beside = ()
        self.id = hashlib.sha256(json.dumps(self.config, sort_keys=True).encode()).digest()
        self.encoded: list[int] = []  # the step code of each call of `encode`
        self.decoded: list[int] = []  # the number of segments of each call of `decode`
        self.chosen: list[float] = []  # the step of each call of `choose`

    def levels(self, shape: tuple[int, int]) -> int:
        return default_levels(shape)

    def choose(
        self, coefficients: Sequence[Subbands], step: float, step_code: int, **_: Any
    ) -> list[Pyramid]:
        self.chosen.append(step)
        return [quantised(bands, step) for bands in coefficients]

    def encode(
        self,
        pyramids: Sequence[Pyramid],
        step_code: int,
        *,
        related: bool = True,
        threads: int = 1,
        progress: Callable[[float], None] | None = None,
    ) -> list[bytes]:
        self.encoded.append(step_code)
        out = []
        levels = pyramids[0].levels
        for at in range(max(1, levels)):
            bands = [band for pyramid in pyramids for band in _resolution(pyramid, at)]
            out.append(zlib.compress(b"".join(band.astype("<i4").tobytes() for band in bands), 9))
            if progress:
                progress((at + 1) / max(1, levels))
        return out

    def decode(
        self,
        segments: Sequence[bytes],
        shape: tuple[int, int],
        components: int,
        step_code: int,
        *,
        related: bool = True,
        threads: int = 1,
        progress: Callable[[float], None] | None = None,
        points: Points | None = None,
    ) -> list[Pyramid]:
        self.decoded.append(len(segments))
        levels, area = self.levels(shape), Rect(0, 0, *shape)
        bands: list[list[Any]] = [[] for _ in range(components)]
        for at, segment in enumerate(segments):
            level = levels - at
            shapes = [area.subband(name, level).shape for name in ("HL", "LH", "HH")] if levels else []
            if not at:
                shapes.insert(0, area.resolution(levels).shape)
            data = np.frombuffer(zlib.decompress(segment), "<i4").astype(np.int32)
            if data.size != components * sum(h * w for h, w in shapes):
                raise CodestreamError("a segment has the wrong size")
            for component in bands:
                for h, w in shapes:
                    part, data = np.split(data, [h * w])
                    component.append(part.reshape(h, w))
            if progress:
                progress((at + 1) / len(segments))
        return [Pyramid.of(component) for component in bands]


def _resolution(pyramid: Pyramid, at: int) -> list[Any]:
    details = list(pyramid.details[::-1][at]) if pyramid.details else []
    return [pyramid.ll, *details] if not at else details


LOSSY, LOSSLESS = Deflate(), Deflate("5-3")
