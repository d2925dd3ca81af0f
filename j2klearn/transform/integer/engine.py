"""The engine: the learned transform with operators in integers, in native code. It does not import PyTorch.

Its results depend on the samples alone: not on the processor, the number of threads, or the area that is computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from ...core.geometry import Rect
from ...errors import ModelError
from ...native import wavelet
from ..coding import BASE_REACH, Bands, CodingTransform, Plane, Planes
from ..part_areas import PartAreas
from . import wavelet53
from .operator import OperatorTwin

if TYPE_CHECKING:
    from ...native.lifting import IntegerOperator

__all__ = ["BASES", "Engine", "Twins", "native_operator"]

#: Samples whose subbands one level of base wavelet synthesis reads beyond an area.
_SYNTHESIS_REACH = 4


class _Base(Protocol):
    """One level of a base wavelet on float32 planes; see `j2klearn.native.wavelet`."""

    def analyse(
        self, plane: Plane, origin: tuple[int, int] = ..., threads: int = ..., /
    ) -> tuple[Plane, Plane, Plane, Plane]: ...

    def synthesise(
        self,
        ll: Plane,
        hl: Plane,
        lh: Plane,
        hh: Plane,
        area: Rect,
        threads: int = ...,
        out: Plane | None = ...,
        /,
    ) -> Plane: ...


#: The base wavelets by name.
BASES: dict[str, _Base] = {"9-7": wavelet, "5-3": wavelet53}


@dataclass(frozen=True)
class Twins:
    """The integer operators of a hybrid structure; see `j2klearn.transform.structures.Hybrid`.

    Attributes
    ----------
    base : {"9-7", "5-3"}
        The base wavelet.
    h2l, l2h : OperatorTwin
        The operators of the high-to-low and of the low-to-high step.

    Raises
    ------
    ModelError
        If the base wavelet is unknown, or an operator has the wrong number of inputs or outputs.
    """

    base: str
    h2l: OperatorTwin
    l2h: OperatorTwin

    def __post_init__(self) -> None:
        if self.base not in BASES:
            raise ModelError(f"the engine does not support the base wavelet {self.base!r}")
        for name, sizes in (("h2l", (3, 1)), ("l2h", (1, 3))):
            operator: OperatorTwin = getattr(self, name)
            if (operator.inputs, operator.outputs) != sizes:
                raise ModelError(f"the operator {name} must have {sizes[0]} inputs and {sizes[1]} outputs")


def native_operator(twin: OperatorTwin) -> IntegerOperator:
    """Return an operator as native code computes it."""
    from ...native.lifting import IntegerOperator

    return IntegerOperator(
        first=twin.first,
        blocks=twin.blocks,
        last=twin.last,
        proposals=twin.proposals,
        input_bits=twin.input_bits,
        first_shift=twin.first_shift,
        block_shifts=twin.block_shifts,
        last_shift=twin.last_shift,
        proposal_shift=twin.proposal_shift,
        offset=twin.offset,
        output_bits=twin.output_bits,
    )


class Engine(CodingTransform):
    """A hybrid structure with integer operators, as a transform for coding.

    Parameters
    ----------
    twins : Twins
        The base wavelet and the operators.
    instructions : str
        Instruction set of the operators; the results do not depend on it. See `j2klearn.native.lifting`.
    """

    engine = "native"

    def __init__(self, twins: Twins, instructions: str = "best") -> None:
        self.twins, self.instructions = twins, instructions
        self.reach = 2 * (twins.h2l.radius + twins.l2h.radius) + BASE_REACH
        self._base = BASES[twins.base]
        self._h2l, self._l2h = native_operator(twins.h2l), native_operator(twins.l2h)

    def _lift(
        self,
        operator: IntegerOperator,
        bands: list[list[tuple[Plane, Rect]]],
        sign: int,
        threads: int,
        *,
        low: bool,
        grid: Rect | None = None,
    ) -> None:
        """Take a step: predict LL if `low`, else HL, LH and HH, each from the other subbands; only inside `grid`."""
        lows, highs = [own[:1] for own in bands], [own[1:] for own in bands]
        sources, targets = (highs, lows) if low else (lows, highs)
        operator.lift(
            sources, targets, sign, shared=True, grid=grid, threads=threads, instructions=self.instructions
        )

    def split(
        self, planes: Planes, origin: tuple[int, int], threads: int, learned: int | None = None
    ) -> Bands:
        height, width = planes[0].shape
        rects = Rect(*origin, origin[0] + height, origin[1] + width).decomposed()
        bands = [
            list(zip(self._base.analyse(plane, origin, threads), rects, strict=True)) for plane in planes
        ]
        self._lift(self._h2l, bands[:learned], -1, threads, low=True)
        self._lift(self._l2h, bands[:learned], -1, threads, low=False)
        ll, hl, lh, hh = ([own[at][0] for own in bands] for at in range(4))
        return ll, hl, lh, hh

    def join(self, bands: Bands, area: Rect, threads: int, learned: int | None = None) -> NDArray[np.float32]:
        return self.join_part(bands, PartAreas(area, area, area), threads, learned)

    def part_areas(self, part: Rect, picture: Rect) -> PartAreas:
        # whole cells of 2x2 samples: then all subbands cover the same positions, and the steps read their radius around
        cells = part.grown(_SYNTHESIS_REACH).intersection(picture).evened().intersection(picture)
        details = cells.grown(2 * self.twins.h2l.radius).intersection(picture)
        return PartAreas(cells, details, details.grown(2 * self.twins.l2h.radius).intersection(picture))

    def join_part(
        self, bands: Bands, areas: PartAreas, threads: int, learned: int | None
    ) -> NDArray[np.float32]:
        wanted = areas.synthesised.decomposed()
        rects = areas.low.decomposed()[:1] + areas.details.decomposed()[1:]
        parts = [list(zip(own, rects, strict=True)) for own in zip(*bands, strict=True)]
        self._lift(self._l2h, parts[:learned], 1, threads, low=False)
        self._lift(self._h2l, parts[:learned], 1, threads, low=True, grid=wanted[0])
        out = np.empty((len(parts), *areas.synthesised.shape), np.float32)
        for plane, own in zip(out, parts, strict=True):
            ll, hl, lh, hh = (
                band[inner.slices_in(rect)] for (band, rect), inner in zip(own, wanted, strict=True)
            )
            self._base.synthesise(ll, hl, lh, hh, areas.synthesised, threads, plane)
        return out
