"""Decoding of a lossless learned file: tier-1, the reversible synthesis and the inverse RCT, all in integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..codestream.learned_segment import Colour
from ..codestream.main_header import read_main_header, with_precision
from ..core.geometry import Rect
from ..core.subbands import Subbands
from ..transform.colour import reversible_pixels
from ..transform.part_areas import PartAreas
from .learned_reader import LearnedReader

__all__ = ["ReversibleReader"]

#: Precision, in bits, at which a carrier is decoded. That of a lower layer may exceed the bits of the whole file.
_CARRIER_BITS = 24


class ReversibleReader(LearnedReader):
    """Decodes a lossless learned file once; see `LearnedReader`.

    The subbands of all layers are restored exactly. Those of fewer layers are what OpenJPEG reconstructs for the 5/3:
    with p bit-planes that are not decoded, half of ``2 ** p`` is added to the magnitude of a coefficient that is not 0.
    """

    half_steps = False

    def _load(self, requests: Sequence[tuple[Rect, int]]) -> None:
        super()._load(requests)
        header = read_main_header(self.codestream)
        self.codestream = with_precision(self.codestream, header, _CARRIER_BITS, signed=True)

    def _part_areas(self, part: Rect, picture: Rect) -> PartAreas:
        reach = self.model.reversible_engine.reach
        return PartAreas.around(part, (reach, reach, reach), picture)

    def _synthesise_part(self, components: list[Subbands], areas: PartAreas, *, reduce: int) -> NDArray[Any]:
        return self._synthesise(list(components), reduce=reduce)

    def _subbands(self, component: int, flat: NDArray[Any], area: Rect, levels: int, reduce: int) -> Subbands:
        return Subbands.from_flat(flat, area, levels)

    def _synthesise(
        self,
        components: list[Subbands],
        advance: Callable[[float], None] | None = None,
        *,
        reduce: int,
    ) -> NDArray[Any]:
        steps, depth = self.descriptor.steps, self.descriptor.precision
        assert steps is not None
        planes = self.model.reversible_engine.synthesise(
            components, steps, depth, reduce + 1, self.threads, advance
        )
        return np.stack(planes)

    def _pixels(self, planes: NDArray[Any]) -> NDArray[Any]:
        rct = self.descriptor.colour != Colour.NONE
        if self.components is not None:
            planes, rct = planes[list(self.components)], False
        signed = self.header.signed[0]
        return reversible_pixels(planes, self.descriptor.precision, rct=rct, signed=signed)
