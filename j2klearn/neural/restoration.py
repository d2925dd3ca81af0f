"""Learned de-quantisation in the neural profile: the network of a transform model, told the noise by the header.

The quantiser step says more or less what noise there is. The encoder tries a few codes around it for each component,
by the error that is left in the planes, and writes 0 where none of them helps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..core.geometry import Rect
from ..core.noise_table import NoiseTable
from ..dequantisation.apply import NoiseMap, dequantise
from .coefficients.pyramid import area_of

if TYPE_CHECKING:
    from ..models.model import Model

__all__ = ["choose_noise", "restore"]

Planes = NDArray[np.float32]

#: The side of the piece, from the middle of a picture, by which codes are chosen.
_PIECE = 384

#: Strides of the search, in eighths of an octave.
_STRIDES = (6, 3)

#: As far from the code of the step they go.
_FURTHEST = 24

_PER_OCTAVE = 8
_ONE = 80  # the code of a noise of one grey level


def restore(planes: NDArray[np.float32], noise: Sequence[int], model: Model, *, ict: bool) -> None:
    """Take quantisation noise off the planes of a picture, in place.

    Parameters
    ----------
    planes : ndarray, shape (C, H, W), float32
        Components at full resolution, in units of 8-bit grey levels.
    noise : sequence of int
        The code of each component (`j2klearn.core.noise_table.NoiseTable`); 0 for those that stay as they are.
    model : Model
        The transform model that has the network.
    ict : bool
        The first three components are those of the ICT.
    """
    maps = [_map(code) if code else None for code in noise]
    dequantise(planes, area_of(planes.shape[1:]), model.dequantiser, maps, ict=ict)


def _map(code: int) -> NoiseMap:
    level = NoiseTable(np.array([[[code]]], np.uint8)).log2(0, 1)
    assert level is not None
    centre = np.zeros(1)
    return NoiseMap(level.reshape(1, 1), centre, centre)


def choose_noise(
    original: NDArray[np.float32],
    decoded: NDArray[np.float32],
    steps: Sequence[float],
    model: Model,
    *,
    ict: bool,
) -> list[int]:
    """Return the code of each component that leaves the least error; 0 where de-quantisation does not help.

    Parameters
    ----------
    original, decoded : ndarray, shape (C, H, W), float32
        The planes before the analysis, and as they are decoded.
    steps : sequence of float
        The quantiser step of each component, in grey levels.
    model : Model
        The transform model that has the network.
    ict : bool
        The first three components are those of the ICT.
    """
    area = area_of(original.shape[1:])
    window = (slice(None), *_middle(area).slices_in(area))
    search = _Search(original[window], decoded[window], steps, model, ict)
    codes = [0] * len(steps)
    for part in model.dequantiser.parts(len(steps), ict=ict):
        for at, code in search.best(part.writes).items():
            codes[at] = code
    return codes


def _middle(area: Rect) -> Rect:
    y0, x0 = ((max(0, side - _PIECE) // 2) & ~1 for side in area.shape)
    return Rect(y0, x0, min(area.y1, y0 + _PIECE), min(area.x1, x0 + _PIECE))


@dataclass(frozen=True)
class _Search:
    """For the codes of components, which move together where one network works on them together."""

    original: Planes
    decoded: Planes
    steps: Sequence[float]
    model: Model
    ict: bool

    def best(self, components: Sequence[int]) -> dict[int, int]:
        """Return the codes of components that leave the least error; none where nothing helps."""
        first = {at: round(_ONE + _PER_OCTAVE * float(np.log2(self.steps[at]))) for at in components}

        def codes(shift: int) -> dict[int, int]:
            return {at: int(np.clip(code + shift, 1, 255)) for at, code in first.items()}

        errors: dict[int, float] = {}

        def error(shift: int) -> float:
            if shift not in errors:
                errors[shift] = self._error(components, codes(shift))
            return errors[shift]

        best = 0
        for stride in _STRIDES if self.model.dequantiser.told else ():
            for direction in (stride, -stride):
                moved = False
                while abs(best + direction) <= _FURTHEST and error(best + direction) < error(best):
                    best += direction
                    moved = True
                if moved:
                    break
        return codes(best) if error(best) < self._error(components, {}) else {}

    def _error(self, components: Sequence[int], codes: Mapping[int, int]) -> float:
        """Return the squared error of components in squared steps, with codes for de-quantisation or without."""
        planes = self.decoded
        if codes:
            planes = planes.copy()
            restore(planes, [codes.get(at, 0) for at in range(len(planes))], self.model, ict=self.ict)
        wrong = [
            np.square(self.original[at] - planes[at]).sum(dtype=np.float64) / self.steps[at] ** 2
            for at in components
        ]
        return float(sum(wrong))
