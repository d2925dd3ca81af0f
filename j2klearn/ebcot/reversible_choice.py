"""The choice of the steps of the reversible transform for one picture, by an estimate of their bits.

The learned steps help where a component has structure, and cost bits where it is noise, as chroma of film often is.
The weights between components depend on how the noise and the edges of a picture are coloured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.geometry import Rect
from ..core.normalisation import MAX_EXPONENT, Normalisation
from ..core.picture import Picture
from ..core.reversible_steps import Steps, Weights
from ..core.subbands import Subbands
from ..transform.colour import reversible_planes
from ..transform.integer.reversible import Exploration, ReversibleEngine, with_luma
from .probe import value_range

__all__ = ["choose_steps", "estimated_bits", "rules", "steps_for"]

Plane = NDArray[Any]

#: Side of the blocks whose mean magnitude stands for the contexts of tier-1.
_BLOCK = 8

#: Levels that have weights: coarser ones have too few samples to matter.
_LEVELS = 3

#: Components with more bits per sample are normalised: they often use a small part of their range.
_LEAST_DEPTH = 8

#: Rows and columns of the middle of a picture from which the steps are chosen.
_SIDE = 512

#: The weights that are tried first, and the steps by which the best one is then refined, in sixteenths.
_WEIGHTS, _REFINEMENTS = (0, -16, -8, 8, 16), (4, 2)


def estimated_bits(band: Plane) -> float:
    """Estimate the bits of the coefficients of a subband.

    Each block of 8 x 8 counts as samples of a two-sided geometric distribution with the mean magnitude of the block.

    Parameters
    ----------
    band : ndarray, shape (h, w), int32
        The coefficients.
    """
    if not band.size:
        return 0.0
    sums = np.abs(band).astype(np.float32)
    for axis in (0, 1):
        starts = np.arange(0, band.shape[axis], _BLOCK)
        sums = np.add.reduceat(sums, starts, axis)
    rows, columns = (
        np.minimum(_BLOCK, side - np.arange(0, side, _BLOCK)).astype(np.float32) for side in band.shape
    )
    counts = rows[:, None] * columns
    mean = sums / counts
    # the entropy of a geometric distribution, and the signs of the coefficients that are not zero
    bits = np.log2(1 + mean) + mean * np.log2(1 + 1 / np.maximum(mean, 1e-6)) + np.minimum(mean, 1)
    return float((bits * counts).sum())


def _best(cost: Callable[[int], float]) -> int:
    """Return the weight of the least cost, 0 if there is a tie."""
    seen: dict[int, float] = {}

    def least(weights: Sequence[int]) -> int:
        for weight in weights:
            if weight not in seen:
                seen[weight] = cost(weight)
        return min(weights, key=seen.__getitem__)

    best = least(_WEIGHTS)
    for step in _REFINEMENTS:
        best = least((best, best - step, best + step))
    return best


def _weights(luma: Plane, blue: Plane, red: Plane) -> tuple[int, int, int]:
    """Return the weights of Y in Cb, of Y in Cr and of Cb in Cr for one subband."""

    def bits(changed: int, weights: tuple[int, int, int]) -> float:
        details = [(own, own[:0], own[:0]) for own in (luma, blue, red)]
        none = (0, 0, 0)
        return estimated_bits(with_luma(details, (weights, none, none), -1)[changed][0])

    in_blue = _best(lambda weight: bits(1, (weight, 0, 0)))
    blue_in_red = _best(lambda weight: bits(2, (0, 0, weight)))
    in_red = _best(lambda weight: bits(2, (0, weight, blue_in_red)))
    return in_blue, in_red, blue_in_red


def rules(parts: Sequence[Sequence[Plane]], depth: int) -> tuple[Normalisation, ...]:
    """Return the normalisation with which the range of each component is more than half of that of 8-bit samples.

    Parameters
    ----------
    parts : sequence of sequence of ndarray, each (H, W), int32
        The components of the picture, or of some windows of it.
    depth : int
        Bits per sample.

    Returns
    -------
    tuple of Normalisation
        Empty for pictures of up to 8 bits.
    """
    if depth <= _LEAST_DEPTH:
        return ()
    out = []
    for planes in zip(*parts, strict=True):
        values = np.concatenate([_middle(plane, _SIDE).ravel() for plane in planes])
        middle, spread = value_range(values.astype(np.float32))
        exponent = math.floor(math.log2(2.0**depth / max(spread, 1.0)))
        out.append(Normalisation(max(0, min(MAX_EXPONENT, exponent)), round(middle)))
    return tuple(out)


def _middle(plane: Plane, side: int) -> Plane:
    """Return at most `side` rows and columns of the middle of a plane."""
    y0, x0 = (max(0, (length - side) // 2) for length in plane.shape)
    return plane[y0 : y0 + side, x0 : x0 + side]


def steps_for(engine: ReversibleEngine, parts: Sequence[Picture], levels: int, threads: int = 1) -> Steps:
    """Choose the steps for a picture that does not fit into memory.

    Parameters
    ----------
    engine : ReversibleEngine
        The transform.
    parts : sequence of Picture
        Windows of the picture, all of one size.
    levels : int
        Decomposition levels of the picture.
    threads : int
        Threads of native code.
    """
    first = parts[0]
    planes = [list(reversible_planes(part)) for part in parts]
    every = Steps((True,) * first.components, normalisation=rules(planes, first.bit_depth))
    area, levels = Rect(0, 0, first.height, first.width), min(levels, _LEVELS)
    explorations = [engine.explore(own, area, levels, every, first.bit_depth, threads) for own in planes]
    return choose_steps(explorations, every.normalisation, rct=first.ict)


def choose_steps(
    explorations: Sequence[Exploration], normalisation: tuple[Normalisation, ...], *, rct: bool
) -> Steps:
    """Choose the steps for a picture.

    Parameters
    ----------
    explorations : sequence of Exploration
        The subbands of the picture, or of windows of one size, and the predictions for all components.
    normalisation : tuple of Normalisation
        Their normalisation.
    rct : bool
        Whether the first three components are those of the RCT.
    """
    count = len(explorations[0].components)
    levels = min(len(explorations[0].predictions), _LEVELS)
    # for each component, its subbands in every part
    without, with_steps = (
        list(zip(*(part.taking(Steps((use,) * count)) for part in explorations), strict=True))
        for use in (False, True)
    )

    def details(parts: Sequence[Subbands], level: int) -> list[Plane]:
        side = _SIDE >> (level + 1)
        return [
            np.concatenate([_middle(bands.details[level][at], side) for bands in parts]) for at in range(3)
        ]

    def total(parts: Sequence[Subbands]) -> float:
        return sum(estimated_bits(band) for level in range(levels) for band in details(parts, level))

    learned = tuple(total(new) < total(old) for new, old in zip(with_steps, without, strict=True))
    weights: list[Weights] = []
    if rct:
        chosen = [new if use else old for use, new, old in zip(learned, with_steps, without, strict=True)]
        for level in range(levels):
            hl, lh, hh = (
                _weights(*own) for own in zip(*(details(c, level) for c in chosen[:3]), strict=True)
            )
            weights.append((hl, lh, hh))
        while weights and not np.any(weights[-1]):
            weights.pop()
    return Steps(learned, tuple(weights), normalisation)
