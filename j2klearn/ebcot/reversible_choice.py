"""The choice of the steps of the reversible transform for one picture, by an estimate of their bits.

The learned steps help where a component has structure, and cost bits where it is noise, as chroma of film often is.
The weights between components depend on how the noise and the edges of a picture are coloured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.geometry import Rect, ceil_div
from ..core.normalisation import MAX_EXPONENT, Normalisation
from ..core.picture import Picture
from ..core.reversible_steps import BandWeights, Steps, Weights
from ..native.detail_weights import block_bits
from ..transform.colour import reversible_planes
from ..transform.integer.detail_steps import first_sources, nearest, second_sources, unpredicted
from ..transform.integer.reversible import Exploration, ReversibleEngine
from .detail_weights import Blocks, Fit, blocks_of
from .probe import value_range

__all__ = ["Choice", "choose_steps", "every_step", "steps_for"]

Plane = NDArray[Any]

#: Levels that may have weights: coarser ones have too few samples to matter.
_LEVELS = 4

#: Subbands of the two finest levels, which have most of the coefficients. They decide on the learned steps of chroma,
#: and only their weights are refined.
_FINEST = 6

#: Bits of the weights of a level in the segment.
_BITS_OF_LEVEL = 8 * 30

#: Learned steps of Cb and Cr, which take most of the time of a reader, save at least this share of the bits.
_LEAST_GAIN = 0.001

#: If they save this share of all bits without weights, they are taken, and no weights are fitted without them.
_CLEAR_GAIN = 0.005

#: Components with more bits per sample are normalised: they often use a small part of their range.
_LEAST_DEPTH = 8

#: Most rows and columns, spread over a picture, from which its range is measured.
_SIDE = 512


@dataclass(frozen=True)
class Choice:
    """The steps that were chosen for a picture.

    Attributes
    ----------
    steps : Steps
        The steps.
    saving : float
        The share of the bits of the details that they save, by an estimate.
    """

    steps: Steps
    saving: float


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
        values = np.concatenate([_spread(plane, _SIDE).ravel() for plane in planes])
        middle, spread = value_range(values.astype(np.float32))
        exponent = math.floor(math.log2(2.0**depth / max(spread, 1.0)))
        out.append(Normalisation(max(0, min(MAX_EXPONENT, exponent)), round(middle)))
    return tuple(out)


def _spread(plane: Plane, side: int) -> Plane:
    """Return at most `side` rows and columns that are evenly spread over a plane."""
    down, across = (max(1, ceil_div(length, side)) for length in plane.shape)
    return plane[down // 2 :: down, across // 2 :: across]


def steps_for(
    engine: ReversibleEngine, parts: Sequence[Picture], levels: int, threads: int = 1, *, green: bool = False
) -> Steps:
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
    green : bool
        Whether the transform replaces Y by the green component; see `Steps`.
    """
    first = parts[0]
    planes = [list(reversible_planes(part)) for part in parts]
    every = every_step(planes, first.bit_depth, green=green)
    area, levels = Rect(0, 0, first.height, first.width), min(levels, _LEVELS)
    explorations = [engine.explore(own, area, levels, every, first.bit_depth, threads) for own in planes]
    return choose_steps(explorations, every, rct=first.ict).steps


def every_step(parts: Sequence[Sequence[Plane]], depth: int, *, green: bool) -> Steps:
    """Return all learned steps, to explore them.

    Parameters
    ----------
    parts, depth
        As in `rules`.
    green : bool
        Whether the transform replaces Y by the green component; see `Steps`.
    """
    return Steps((True,) * len(parts[0]), normalisation=rules(parts, depth), green=green)


def choose_steps(explorations: Sequence[Exploration], every: Steps, *, rct: bool) -> Choice:
    """Choose the steps for a picture.

    Parameters
    ----------
    explorations : sequence of Exploration
        The subbands of the picture, or of windows of one size, and the predictions for all components.
    every : Steps
        The steps that were explored.
    rct : bool
        Whether the first three components are those of the RCT.
    """
    count = len(explorations[0].components)
    levels = min(len(explorations[0].predictions), _LEVELS)
    bands = [_Band(explorations, level, at) for level in range(levels) for at in range(3)]
    before, after = (
        [
            sum(band.bits(own[index]) for own, band in zip(planes, bands, strict=True))
            for index in range(count)
        ]
        for planes in ([band.details for band in bands], [band.left for band in bands])
    )
    learned = [new < old for old, new in zip(before, after, strict=True)]
    plain = max(sum(before), 1.0)
    if not rct:
        return Choice(replace(every, learned=tuple(learned)), 1 - sum(map(min, before, after)) / plain)
    # what is rounded costs least if the component with fewer bits comes first
    every = replace(every, red_first=before[1] > before[2])

    def fitted(use: bool, bands: Sequence[_Band]) -> list[_Chroma]:
        return [band.fitted((learned[0], use, use), every.chroma) for band in bands]

    chosen, use = fitted(True, bands[:_FINEST]), True
    if sum(before[1:3]) - sum(after[1:3]) < _CLEAR_GAIN * plain:
        few = fitted(False, bands[:_FINEST])
        luma = sum(band.bits((band.left if learned[0] else band.details)[0]) for band in bands[:_FINEST])
        bits = sum(band.bits for band in few)
        use = bits - sum(band.bits for band in chosen) > _LEAST_GAIN * (bits + luma)
        chosen = chosen if use else few
    learned[1:3] = [use, use]
    chosen += fitted(use, bands[_FINEST:])
    for band in chosen[:_FINEST]:
        band.refine()
    weights: list[Weights] = []
    for level in range(levels):
        hl, lh, hh = chosen[3 * level : 3 * level + 3]
        weights.append((hl.weights, lh.weights, hh.weights))
    while weights and sum(own.saved for own in chosen[3 * len(weights) - 3 :][:3]) <= _BITS_OF_LEVEL:
        weights.pop()
    weighted = chosen[: 3 * len(weights)]
    bits = sum(band.bits for band in weighted) + sum(band.plain for band in chosen[len(weighted) :])
    bits += sum(map(min, before[:1] + before[3:], after[:1] + after[3:]))
    red_first = every.red_first and bool(weights)
    steps = replace(every, learned=tuple(learned), weights=tuple(weights), red_first=red_first)
    return Choice(steps, 1 - bits / plain)


class _Band:
    """Blocks of one subband of all components, in every part of a picture.

    Attributes
    ----------
    details : list of ndarray
        The coefficients of each component.
    predictions : list of ndarray
        L2H of each component, with fraction bits.
    left : list of ndarray
        The coefficients less L2H in whole numbers.
    scale : float
        All coefficients for each one of the blocks.
    """

    def __init__(self, explorations: Sequence[Exploration], level: int, at: int) -> None:
        def joined(planes: Iterable[Plane]) -> Blocks:
            return np.concatenate([blocks_of(plane, len(explorations)) for plane in planes], axis=1)

        self.details, self.predictions = list[Blocks](), list[Blocks]()
        for index in range(len(explorations[0].components)):
            self.details.append(joined(part.components[index].details[level][at] for part in explorations))
            found = [part.predictions[level][index] for part in explorations]
            self.predictions.append(joined(own[at] for own in found if own is not None))
        self._fraction_bits = explorations[0].fraction_bits
        self.left = [
            own - nearest(found, self._fraction_bits)
            for own, found in zip(self.details, self.predictions, strict=True)
        ]
        size = sum(part.components[0].details[level][at].size for part in explorations)
        self.scale = size / max(self.details[0].size, 1)

    def bits(self, blocks: Blocks) -> float:
        """Estimate the bits of all coefficients of a component from its blocks."""
        return self.scale * block_bits(blocks)

    def fitted(self, learned: tuple[bool, bool, bool], chroma: tuple[int, int]) -> _Chroma:
        """Fit the weights of chroma in this order, if Y, Cb and Cr have these learned steps."""
        bits, order = self._fraction_bits, (0, *chroma)
        none = np.zeros_like(self.details[0])
        found = [self.predictions[at] if learned[at] else none for at in order]
        own = [unpredicted(self.details[at], found[place], bits) for place, at in enumerate(order)]
        one = none + (1 << bits)
        first = Fit(own[1], first_sources(own, found, one), bits)
        second = Fit(own[2], second_sources(own, found, one), bits)
        plain = sum(self.bits((self.left if learned[at] else self.details)[at]) for at in chroma)
        return _Chroma(first, second, self.scale, plain)


class _Chroma:
    """The weights of chroma in one subband.

    Parameters
    ----------
    first, second : Fit
        Those of its two components.
    scale : float
        All coefficients for each one of the blocks.
    plain : float
        An estimate of the bits of all coefficients without weights.
    """

    def __init__(self, first: Fit, second: Fit, scale: float, plain: float) -> None:
        self._first, self._second, self._scale, self.plain = first, second, scale, plain

    @property
    def weights(self) -> BandWeights:
        return BandWeights(self._first.weights, self._second.weights)  # type: ignore[arg-type]

    @property
    def bits(self) -> float:
        """An estimate of the bits of all coefficients."""
        return self._scale * (self._first.bits + self._second.bits)

    @property
    def saved(self) -> float:
        """How much less that is than without weights."""
        return self.plain - self.bits

    def refine(self) -> None:
        """Refine the weights of both; see `Fit.refine`."""
        self._first.refine()
        self._second.refine()
