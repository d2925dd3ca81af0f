"""The quantiser of the neural profile: a dead zone, one step for all subbands, and reconstruction points.

Coefficients are normalised first: they are multiplied by the L2 norm of their synthesis basis vector, and by the norm
of the column of the inverse component transform. An error of one in any coefficient then adds as much to the squared
error of the picture as an error of one grey level (of 8 bits) in one luma sample. So all subbands have the same step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...core.geometry import ORIENTATIONS
from ...core.scalars import real_number
from ...core.subbands import Subbands
from ...errors import OptionError
from ...transform.norms import norm_97
from .pyramid import Pyramid
from .reconstruction_points import Details, Distances

__all__ = [
    "COARSEST",
    "DEFAULT_OFFSET",
    "FINEST",
    "centroids",
    "check_step",
    "component_norms",
    "dequantised",
    "model_code",
    "normalise",
    "quality_code",
    "quantised",
    "step_of",
    "subband_norms",
]

#: A step code counts 256ths of an octave. The step codes of entropy models count sixteenths of an octave.
PER_OCTAVE = 256
_PER_MODEL_CODE = 16

#: Codes of the finest and the coarsest step: 1/256 and 245 grey levels of 8 bits.
FINEST, COARSEST = -128 * _PER_MODEL_CODE, 127 * _PER_MODEL_CODE

#: Added to a magnitude before it is rounded down. It is less than a half, since small magnitudes are more frequent.
DEFAULT_OFFSET = 0.4

#: Steps of the qualities 0 and 100, in octaves above one grey level.
_QUALITY_0_OCTAVES, _QUALITY_100_OCTAVES = 7.0, 0.0

#: Indices are smaller than this in magnitude.
_INDEX_LIMIT = 1 << 30

#: Shifts of reconstruction points count in 64ths of a step. The encoder writes shifts of at most half a step.
SHIFTS_PER_STEP = 64
_MAX_SHIFT = 32

# The norms of the columns of the inverse ICT (T.800 G.3.2), relative to that of luma.
_ICT_NORMS = tuple(
    math.sqrt(sum(weight**2 for weight in column) / 3)
    for column in (
        (1.0, 1.0, 1.0),
        (0.0, 0.114 * 1.772 / 0.587, 1.772),
        (1.402, 0.299 * 1.402 / 0.587, 0.0),
    )
)


def step_of(code: int) -> float:
    """Return the step of a code, in grey levels of 8 bits."""
    return float(2.0 ** (code / PER_OCTAVE))


def model_code(code: int) -> int:
    """Return the step code for an entropy model: the nearest sixteenth of an octave."""
    return (code + _PER_MODEL_CODE // 2) // _PER_MODEL_CODE


def quality_code(quality: float) -> int:
    """Return the step code of a quality. Steps fall geometrically from 128 grey levels at 0 to one at 100.

    Raises
    ------
    OptionError
        If `quality` is not a number from 0 to 100.
    """
    quality = real_number("quality", quality, 0, 100)
    return round(
        PER_OCTAVE * (_QUALITY_0_OCTAVES + (_QUALITY_100_OCTAVES - _QUALITY_0_OCTAVES) * quality / 100)
    )


def subband_norms(levels: int, scales: Sequence[float] = (), learned: int = 0) -> list[float]:
    """Return the norms of all subbands of a component: LL, then HL, LH and HH from the coarsest to the finest level.

    Parameters
    ----------
    levels : int
        Number of decomposition levels.
    scales : sequence of float
        Ratios of the norms of a learned transform to those of the 9/7 (`j2klearn.transform.gains`), for the levels of
        the learned transform, in the same order. Empty if all are one.
    learned : int
        Number of the finest levels that the learned transform has. The other levels are those of the 9/7 on its LL.
    """
    ratios = dict(enumerate(_by_level(scales, learned), 1)) if scales else {}
    low = scales[0] if scales else 1.0
    norms = [norm_97("LL", levels) * low]
    for level in range(levels, 0, -1):
        own = ratios.get(level, (low, low, low))
        norms += [norm_97(name, level) * ratio for name, ratio in zip(ORIENTATIONS, own, strict=True)]
    return norms


def _by_level(scales: Sequence[float], levels: int) -> list[tuple[float, float, float]]:
    """Return the ratios of HL, LH and HH of every level, the finest level first."""
    groups = [(scales[i], scales[i + 1], scales[i + 2]) for i in range(1, 3 * levels + 1, 3)]
    return groups[::-1]


def component_norms(components: int, *, ict: bool) -> list[float]:
    """Return the norm of every component: the weight of its error in the picture, relative to an error of luma."""
    return [_ICT_NORMS[index] if ict and index < 3 else 1.0 for index in range(components)]


def normalise(bands: Subbands, norms: Sequence[float], component_norm: float) -> None:
    """Multiply coefficients in place by the norms of their subbands and by that of their component."""
    bands.multiply([norm * component_norm for norm in norms])


def check_step(coefficients: Sequence[Subbands], step: float) -> None:
    """Raise `OptionError` if an index could be 2**30 or more in magnitude, or a coefficient is not a number."""
    for bands in coefficients:
        for band in bands.bands():
            if band.size and not max(float(band.max()), -float(band.min())) / step < _INDEX_LIMIT - 1:
                raise OptionError("the requested quality is too fine for this picture")


def quantised(bands: Subbands, step: float, offset: float = DEFAULT_OFFSET) -> Pyramid:
    """Return the quantiser indices of normalised coefficients.

    Parameters
    ----------
    bands : Subbands
        Normalised coefficients, float32. They are not changed.
    step : float
        The quantiser step. The caller has checked it with `check_step`.
    offset : float
        0 to 0.5, added to the quotient of a detail's magnitude and the step before it is rounded down. LL is rounded
        to the nearest index.
    """
    parts = [_indices(band, step, offset if at else 0.5) for at, band in enumerate(bands.bands())]
    return Pyramid.of(parts)


def _indices(band: NDArray[np.float32], step: float, offset: float) -> NDArray[np.int32]:
    scaled = np.abs(band)
    scaled *= np.float32(1 / step)
    scaled += np.float32(offset)
    np.floor(scaled, out=scaled)
    return np.copysign(scaled, band, out=scaled).astype(np.int32)


def centroids(
    bands: Sequence[Subbands],
    pyramids: Sequence[Pyramid],
    step: float,
    points: Sequence[Details] | None = None,
) -> tuple[int, int]:
    """Return the mean positions of magnitudes in the interval of index 1, and in the intervals of larger indices.

    Parameters
    ----------
    bands : sequence of Subbands
        Normalised coefficients of some components.
    pyramids : sequence of Pyramid
        The indices of these components.
    step : float
        The quantiser step.
    points : sequence of Details, optional
        Distances of the reconstruction points from the indices, see `dequantised`.

    Returns
    -------
    (int, int)
        The distance of the mean from the index, or from the reconstruction point if there are any, in 64ths of a step,
        -32 to 32. Only details count.
    """
    total, count = np.zeros(2), np.zeros(2)
    every: Sequence[Details | None] = [None] * len(bands) if points is None else points
    for part, pyramid, details in zip(bands, pyramids, every, strict=True):
        levels = reversed(_distances_by_level(details, pyramid.levels))
        distances_of = [each for three in levels for each in three]
        groups = zip(part.bands()[1:], pyramid.bands()[1:], distances_of, strict=True)
        for band, index, distances in groups:
            magnitude = np.abs(index)
            for at, chosen in enumerate((magnitude == 1, magnitude > 1)):
                inside = magnitude[chosen]
                count[at] += inside.size
                values = np.abs(band[chosen]) * np.float32(1 / step) - inside
                total[at] += float(values.sum(dtype=np.float64))
                if distances is not None:
                    total[at] -= float((distances[chosen] * np.sign(index[chosen])).sum(dtype=np.float64))
    means = np.rint(SHIFTS_PER_STEP * total / np.maximum(count, 1))
    first, beyond = np.clip(means, -_MAX_SHIFT, _MAX_SHIFT).astype(int)
    return int(first), int(beyond)


def _distances_by_level(points: Details | None, levels: int) -> Sequence[tuple[Distances | None, ...]]:
    """Return the distances of HL, LH and HH of every level, the finest level first; None if there are none."""
    return [(None,) * 3] * levels if points is None else points


def dequantised(
    pyramid: Pyramid, step: float, shifts: tuple[int, int], points: Details | None = None
) -> Subbands:
    """Return normalised coefficients, float32, from quantiser indices.

    Parameters
    ----------
    pyramid : Pyramid
        The indices.
    step : float
        The quantiser step.
    shifts : (int, int)
        Shifts of the reconstruction points away from zero, in 64ths of a step: for indices of magnitude 1, and for
        larger magnitudes. LL is not shifted.
    points : Details, optional
        Distances of the reconstruction points of details from their indices, in steps, the finest level first. The
        shifts are added to them.
    """
    first, beyond = (np.float32(shift / SHIFTS_PER_STEP) for shift in shifts)

    def restored(
        index: NDArray[np.int32], distances: Distances | None = None, *, low: bool = False
    ) -> NDArray[np.float32]:
        out = np.abs(index).astype(np.float32)
        if not low:
            out += np.where(out > 1, beyond, np.where(out > 0, first, np.float32(0)))
        out *= np.float32(step)
        out = np.where(index < 0, -out, out)
        if distances is not None:
            out += distances * np.float32(step)
        return out

    bands = pyramid.subbands()
    details = []
    for three, distances in zip(bands.details, _distances_by_level(points, pyramid.levels), strict=True):
        hl, lh, hh = map(restored, three, distances)
        details.append((hl, lh, hh))
    return Subbands(bands.area, restored(bands.ll, low=True), details)
