"""Learned de-quantisation in the neural profile: the network of a transform model removes quantisation noise.

The header stores a code of the noise level for every component. The encoder tries a few codes around the one that
follows from the quantiser step and takes the one that leaves the least error in the planes. It writes 0 for a component
for which no code helps.
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

#: Side of the window in the middle of a picture on which codes are compared.
_WINDOW_SIDE = 384

#: Strides of the search, in eighths of an octave.
_STRIDES = (6, 3)

#: Largest distance of a code from the one that follows from the step.
_MAX_SHIFT = 24

_PER_OCTAVE = 8
_GREY_LEVEL_CODE = 80  # the code of a noise of one grey level


def restore(planes: NDArray[np.float32], noise: Sequence[int], model: Model, *, ict: bool) -> None:
    """Remove quantisation noise from the planes of a picture, in place.

    Parameters
    ----------
    planes : ndarray, shape (C, H, W), float32
        Components at full resolution, in units of 8-bit grey levels.
    noise : sequence of int
        The code of each component (`j2klearn.core.noise_table.NoiseTable`), 1 to 255; 0 leaves it unchanged.
    model : Model
        The transform model that contains the network.
    ict : bool
        Whether the first three components are those of the ICT.
    """
    maps = [_noise_map(code) if code else None for code in noise]
    dequantise(planes, area_of(planes.shape[1:]), model.dequantiser, maps, ict=ict)


def _noise_map(code: int) -> NoiseMap:
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
    """Choose the noise code of every component: the one with which de-quantisation leaves the least error.

    Parameters
    ----------
    original, decoded : ndarray, shape (C, H, W), float32
        The planes before the analysis, and the decoded planes before learned de-quantisation.
    steps : sequence of float
        The quantiser step of each component, in grey levels.
    model : Model
        The transform model that contains the network.
    ict : bool
        Whether the first three components are those of the ICT.

    Returns
    -------
    list of int
        A code from 1 to 255 for every component; 0 where de-quantisation does not help.
    """
    area = area_of(original.shape[1:])
    window = (slice(None), *_middle(area, model.dequantiser.side).slices_in(area))
    search = _Search(original[window], decoded[window], steps, model, ict)
    codes = [0] * len(steps)
    for part in model.dequantiser.parts(len(steps), ict=ict):
        for at, code in search.best(part.writes).items():
            codes[at] = code
    return codes


def _middle(area: Rect, multiple: int) -> Rect:
    """Return the window in the middle of an area that begins at a multiple of `multiple` rows and columns."""
    y0, x0 = (max(0, side - _WINDOW_SIDE) // 2 // multiple * multiple for side in area.shape)
    return Rect(y0, x0, min(area.y1, y0 + _WINDOW_SIDE), min(area.x1, x0 + _WINDOW_SIDE))


@dataclass(frozen=True)
class _Search:
    """Searches for noise codes. The codes of components that share one run of the network move together."""

    original: Planes
    decoded: Planes
    steps: Sequence[float]
    model: Model
    ict: bool

    def best(self, components: Sequence[int]) -> dict[int, int]:
        """Return the codes of components that leave the least error; nothing if de-quantisation does not help."""
        first = {
            at: round(_GREY_LEVEL_CODE + _PER_OCTAVE * float(np.log2(self.steps[at]))) for at in components
        }

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
                while abs(best + direction) <= _MAX_SHIFT and error(best + direction) < error(best):
                    best += direction
                    moved = True
                if moved:
                    break
        return codes(best) if error(best) < self._error(components, {}) else {}

    def _error(self, components: Sequence[int], codes: Mapping[int, int]) -> float:
        """Return the squared error of components in squared steps, after de-quantisation if there are codes."""
        planes = self.decoded
        if codes:
            planes = planes.copy()
            restore(planes, [codes.get(at, 0) for at in range(len(planes))], self.model, ict=self.ict)
        errors = [
            np.square(self.original[at] - planes[at]).sum(dtype=np.float64) / self.steps[at] ** 2
            for at in components
        ]
        return float(sum(errors))
