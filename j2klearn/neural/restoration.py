"""Learned de-quantisation in the neural profile: the network of a transform model, told the noise by the header.

The quantiser step says more or less what noise there is. The encoder tries a few codes around it for each component,
by the error that is left in the planes, and writes 0 where none of them helps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..dequantise import NoiseMap, dequantise
from ..geometry import Rect
from ..noise import NoiseTable
from .pyramid import area_of

if TYPE_CHECKING:
    from ..model import Model

__all__ = ["choose_noise", "restore"]

Plane = NDArray[np.float32]

#: The side of the piece, from the middle of a picture, by which codes are chosen.
_PIECE = 768

#: Strides of the search, in eighths of an octave.
_STRIDES = (6, 3)

_PER_OCTAVE = 8
_ONE = 80  # the code of a noise of one grey level


def restore(planes: NDArray[np.float32], noise: Sequence[int], model: Model) -> None:
    """Take quantisation noise off the planes of a picture, in place.

    Parameters
    ----------
    planes : ndarray, shape (C, H, W), float32
        Components at full resolution, in units of 8-bit grey levels.
    noise : sequence of int
        The code of each component (`j2klearn.noise.NoiseTable`); 0 for those that stay as they are.
    model : Model
        The transform model that has the network.
    """
    area = area_of(planes.shape[1:])
    for plane, code in zip(planes, noise, strict=True):
        if code:
            _apply(plane, area, code, model)


def _apply(plane: Plane, area: Rect, code: int, model: Model) -> None:
    level = NoiseTable(np.array([[[code]]], np.uint8)).log2(0, 1)
    assert level is not None
    centre = np.zeros(1)
    dequantise(plane, area, model.dequantiser, NoiseMap(level.reshape(1, 1), centre, centre))


def choose_noise(
    original: NDArray[np.float32], decoded: NDArray[np.float32], steps: Sequence[float], model: Model
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
    """
    piece = _middle(area_of(original.shape[1:]))
    window = (slice(None), *piece.slices_in(area_of(original.shape[1:])))
    planes = zip(original[window], decoded[window], steps, strict=True)
    return [_best(before, after, step, piece, model) for before, after, step in planes]


def _middle(area: Rect) -> Rect:
    y0, x0 = ((max(0, side - _PIECE) // 2) & ~1 for side in area.shape)
    return Rect(y0, x0, min(area.y1, y0 + _PIECE), min(area.x1, x0 + _PIECE))


def _best(original: Plane, decoded: Plane, step: float, area: Rect, model: Model) -> int:
    errors: dict[int, float] = {0: _error(original, decoded)}

    def error(code: int) -> float:
        if code not in errors:
            plane = np.ascontiguousarray(decoded).copy()
            _apply(plane, area, code, model)
            errors[code] = _error(original, plane)
        return errors[code]

    best = int(np.clip(round(_ONE + _PER_OCTAVE * float(np.log2(step))), 1, 255))
    for stride in _STRIDES if model.dequantiser.told else ():
        for direction in (stride, -stride):
            moved = False
            while 1 <= best + direction <= 255 and error(best + direction) < error(best):
                best += direction
                moved = True
            if moved:
                break
    return best if error(best) < errors[0] else 0


def _error(first: Plane, second: Plane) -> float:
    return float(np.square(first - second).sum(dtype=np.float64))
