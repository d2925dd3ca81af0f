"""The quantiser of the neural profile: a dead zone, steps that follow from one number, and points of reconstruction.

Coefficients are normalised first: multiplied by the L2 norm of their synthesis basis vector, and of the column of the
inverse component transform, so that an error of one is worth a grey level (of 8 bits) of luma wherever it occurs. All
then have the same step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...core.geometry import ORIENTATIONS
from ...core.subbands import Subbands
from ...errors import OptionError
from ...transform.norms import norm_97
from .pyramid import Pyramid
from .reconstruction_points import Details, Distances

__all__ = [
    "COARSEST",
    "DEFAULT_OFFSET",
    "FINEST",
    "PER_OCTAVE",
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

#: A step code counts 256ths of an octave; those of entropy models count sixteenths.
PER_OCTAVE = 256
_PER_MODEL_CODE = 16

#: Codes of the finest and the coarsest step: 1/256 and 245 grey levels.
FINEST, COARSEST = -128 * _PER_MODEL_CODE, 127 * _PER_MODEL_CODE

#: What is added to a magnitude before it is rounded down: less than a half, as details are nearer to zero than not.
DEFAULT_OFFSET = 0.4

#: Steps of the qualities 0 and 100, in octaves above one grey level.
_WORST, _BEST = 7.0, 0.0

#: Indices of an entropy model are smaller than this.
_MOST = 1 << 30

#: Shifts of the points of reconstruction count in 64ths of a step, and are half a step at most.
SHIFTS_PER_STEP = 64
_MOST_SHIFT = 32

# The norms of the columns of the inverse ICT (T.800 G.3.2) over that of luma.
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
    """Return what an entropy model is told of a step code: the nearest sixteenth of an octave."""
    return (code + _PER_MODEL_CODE // 2) // _PER_MODEL_CODE


def quality_code(quality: float) -> int:
    """Return the step code of a quality: steps fall geometrically from 128 grey levels at 0 to one at 100.

    Raises
    ------
    OptionError
        If it is not a number from 0 to 100.
    """
    if isinstance(quality, bool) or not isinstance(quality, (int, float)) or not 0 <= quality <= 100:
        raise OptionError(f"the quality is a number from 0 to 100, not {quality!r}")
    return round(PER_OCTAVE * (_WORST + (_BEST - _WORST) * quality / 100))


def subband_norms(levels: int, scales: Sequence[float] = (), learned: int = 0) -> list[float]:
    """Return the norms of all subbands of a component: LL, then HL, LH and HH from the coarsest to the finest level.

    Parameters
    ----------
    levels : int
        Number of decompositions.
    scales : sequence of float
        Ratios of the norms of a learned transform to those of the 9/7 in the same order, for its own levels; empty
        where all are one (`j2klearn.transform.gains`).
    learned : int
        How many levels the learned transform has, the finest; all others are the 9/7's on its LL.
    """
    ratios = dict(enumerate(_by_level(scales, learned), 1)) if scales else {}
    low = scales[0] if scales else 1.0
    norms = [norm_97("LL", levels) * low]
    for level in range(levels, 0, -1):
        own = ratios.get(level, (low, low, low))
        norms += [norm_97(name, level) * ratio for name, ratio in zip(ORIENTATIONS, own, strict=True)]
    return norms


def _by_level(scales: Sequence[float], levels: int) -> list[tuple[float, float, float]]:
    """Return the ratios of the details by level, finest first."""
    groups = [(scales[i], scales[i + 1], scales[i + 2]) for i in range(1, 3 * levels + 1, 3)]
    return groups[::-1]


def component_norms(components: int, *, ict: bool) -> list[float]:
    """Return for every component what an error of it is worth in the picture, an error of luma being worth one."""
    return [_ICT_NORMS[index] if ict and index < 3 else 1.0 for index in range(components)]


def normalise(bands: Subbands, norms: Sequence[float], component_norm: float) -> None:
    """Multiply coefficients in place by their norms."""
    bands.multiply([norm * component_norm for norm in norms])


def check_step(coefficients: Sequence[Subbands], step: float) -> None:
    """Raise `OptionError` if an index of coefficients could be 2**30 or more."""
    for bands in coefficients:
        for band in bands.bands():
            if band.size and not max(float(band.max()), -float(band.min())) / step < _MOST - 1:
                raise OptionError("the quality asked for is too fine for this picture")


def quantised(bands: Subbands, step: float, offset: float = DEFAULT_OFFSET) -> Pyramid:
    """Return the quantiser indices of normalised coefficients.

    Parameters
    ----------
    bands : Subbands
        Float32; they are not changed.
    step : float
        The step, one that `check_step` has passed.
    offset : float
        What is added to the magnitudes of details over the step before they are rounded down, 0 to 0.5; LL is rounded
        to the nearest.
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
    """Return where magnitudes are on average within the interval of the index 1, and within those beyond.

    Parameters
    ----------
    bands : sequence of Subbands
        Normalised coefficients of some components.
    pyramids : sequence of Pyramid
        Their indices.
    step : float
        The step.
    points : sequence of Details, optional
        Distances of points of reconstruction from the indices, see `dequantised`.

    Returns
    -------
    (int, int)
        The distance of the mean from the index, or from the point, in 64ths of a step, -32 to 32; of details.
    """
    total, count = np.zeros(2), np.zeros(2)
    told = [None] * len(bands) if points is None else points
    for part, pyramid, details in zip(bands, pyramids, told, strict=True):
        distances_of = [each for three in reversed(_told(details, pyramid.levels)) for each in three]
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
    first, beyond = np.clip(means, -_MOST_SHIFT, _MOST_SHIFT).astype(int)
    return int(first), int(beyond)


def _told(points: Details | None, levels: int) -> Sequence[tuple[Distances | None, ...]]:
    """Return the distances of HL, LH and HH of every level, finest first; None for those that are not told."""
    return [(None,) * 3] * levels if points is None else points


def dequantised(
    pyramid: Pyramid, step: float, shifts: tuple[int, int], points: Details | None = None
) -> Subbands:
    """Return normalised coefficients of quantiser indices.

    Parameters
    ----------
    pyramid : Pyramid
        The indices.
    step : float
        The step.
    shifts : (int, int)
        By how much the points of reconstruction of the index 1 and of those beyond lie farther from zero than the
        index says, in 64ths of a step; those of LL are where it says.
    points : Details, optional
        Distances of the points of details from their indices beside that, in steps, finest level first.
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
    for three, distances in zip(bands.details, _told(points, pyramid.levels), strict=True):
        hl, lh, hh = map(restored, three, distances)
        details.append((hl, lh, hh))
    return Subbands(bands.area, restored(bands.ll, low=True), details)
