"""The reversible learned transform: the 5/3 of T.800 in integers, with learned steps whose predictions are rounded.

Every step adds integers that depend on other coefficients only. So the synthesis restores the samples exactly, on every
machine. Planes are int32, in units of the samples. ``docs/format-integer.md`` defines the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.geometry import Rect
from ...core.normalisation import Normalisation
from ...core.reversible_steps import Steps, Weights
from ...core.subbands import Subbands
from ...core.timing import stage
from ...errors import ModelError
from ...native import wavelet
from ..coding import BASE_REACH
from ..levels import compose, decompose, share_of_level
from .engine import native_operator
from .operator import OperatorTwin

__all__ = ["CROSS_BITS", "Details", "Exploration", "Plane", "ReversibleEngine", "with_luma"]

Plane = NDArray[np.int32]
Details = tuple[Plane, Plane, Plane]

#: Adds predictions to planes, or subtracts them; see `j2klearn.native.lifting.IntegerOperator.lift`.
Lift = Callable[..., None]

#: Fraction bits of the weights between components.
CROSS_BITS = 4


def with_luma(details: Sequence[Details], weights: Weights, sign: int) -> list[Details]:
    """Predict the details of Cb and Cr from those of Y and Cb, and add or subtract the predictions.

    Parameters
    ----------
    details : sequence of (hl, lh, hh)
        The details of Y, Cb and Cr at one level; those of further components are returned as they are.
    weights : Weights
        The weights of HL, LH and HH.
    sign : {1, -1}
        1 adds (synthesis), -1 subtracts (analysis).

    Returns
    -------
    list of (hl, lh, hh)
        The new details; the arrays of the arguments are not changed.
    """
    luma, blue, red = (list(own) for own in details[:3])
    for at, (in_blue, in_red, blue_in_red) in enumerate(weights):
        before = blue[at]
        if in_blue:
            blue[at] = before + np.int32(sign) * _weighted(luma[at], in_blue)
        if in_red or blue_in_red:
            known = blue[at] if sign > 0 else before
            red[at] = red[at] + np.int32(sign) * _weighted(luma[at], in_red, known, blue_in_red)
    changed = [(own[0], own[1], own[2]) for own in (luma, blue, red)]
    return [*changed, *details[3:]]


def _weighted(first: Plane, weight: int, second: Plane | None = None, other: int = 0) -> Plane:
    total = first * np.int32(weight)
    if second is not None and other:
        total += second * np.int32(other)
    total += np.int32(1 << CROSS_BITS >> 1)
    total >>= CROSS_BITS
    return total


def _base(planes: Sequence[Plane] | Plane, area: Rect, threads: int) -> tuple[list[Plane], list[Details]]:
    """Decompose planes by one level of the 5/3: LL, and the details, of each."""
    lows: list[Plane] = []
    details: list[Details] = []
    for plane in planes:
        ll, hl, lh, hh = wavelet.analyse(plane, area.origin, threads)
        lows.append(ll)
        details.append((hl, lh, hh))
    return lows, details


def _added(details: Details, predictions: Details | None, sign: int) -> Details:
    if predictions is None:
        return details
    hl, lh, hh = (band + np.int32(sign) * found for band, found in zip(details, predictions, strict=True))
    return hl, lh, hh


def _taken(
    details: Sequence[Details], predictions: Sequence[Details | None], steps: Steps, level: int
) -> list[Details]:
    """Return the details of a level, 1 for the finest, after the steps of the analysis that are taken."""
    out = [
        _added(own, found if learned else None, -1)
        for own, found, learned in zip(details, predictions, steps.learned, strict=True)
    ]
    return with_luma(out, steps.weights[level - 1], -1) if level <= len(steps.weights) else out


@dataclass(frozen=True)
class Exploration:
    """The subbands of the 5/3, and the predictions of their details.

    Attributes
    ----------
    components : list of Subbands
        The subbands of each component, int32.
    predictions : list of list of (hl, lh, hh) or None
        For each level, from the finest on, the predictions for each component; None for those not predicted.
    """

    components: list[Subbands]
    predictions: list[list[Details | None]]

    def taking(self, steps: Steps) -> list[Subbands]:
        """Return the subbands of the transform that takes some steps, int32.

        Parameters
        ----------
        steps : Steps
            Its learned steps are among those that were explored.
        """
        pyramid: list[list[Details]] = []
        for level, predictions in enumerate(self.predictions):
            details = [bands.details[level] for bands in self.components]
            pyramid.append(_taken(details, predictions, steps, level + 1))
        return [
            Subbands(bands.area, bands.ll, [level[at] for level in pyramid])
            for at, bands in enumerate(self.components)
        ]


class ReversibleEngine:
    """The reversible transform with one operator, for coding.

    Parameters
    ----------
    l2h : OperatorTwin
        Predicts HL, LH and HH from LL; every component has its own opacities.
    instructions : str
        Instruction set of the operator; the results do not depend on it. See `j2klearn.native.lifting`.
    lift : callable, optional
        Computes the predictions in place of native code, for tests; see `j2klearn.transform.integer.reference.lift`.

    Attributes
    ----------
    reach : int
        Samples of the finer level that one level of synthesis reads beyond an area.

    Raises
    ------
    ModelError
        If the operator has the wrong number of inputs or outputs.
    """

    def __init__(self, l2h: OperatorTwin, instructions: str = "best", lift: Lift | None = None) -> None:
        if (l2h.inputs, l2h.outputs) != (1, 3):
            raise ModelError("the operator l2h must have 1 input and 3 outputs")
        self.l2h, self.instructions = l2h, instructions
        self.reach = 2 * l2h.radius + BASE_REACH
        self._lift = lift or native_operator(l2h).lift

    def _predictions(
        self,
        lows: Sequence[Plane],
        rects: Sequence[Rect],
        depth: int,
        rules: Sequence[Normalisation],
        threads: int,
    ) -> list[list[Plane]]:
        """Return the predictions of HL, LH and HH for the LL of some components."""
        scales = [np.float32(2.0 ** (8 - depth + rule.exponent)) for rule in rules]
        sources = [
            [((low - np.int32(rule.offset)).astype(np.float32) * scale, rects[0])]
            for low, rule, scale in zip(lows, rules, scales, strict=True)
        ]
        targets = [[(np.zeros(rect.shape, np.float32), rect) for rect in rects[1:]] for _ in lows]
        self._lift(sources, targets, 1, shared=False, threads=threads, instructions=self.instructions)
        out = []
        for own, scale in zip(targets, scales, strict=True):
            planes = []
            for prediction, _ in own:
                prediction *= 1 / scale
                prediction += np.float32(0.5)
                np.floor(prediction, out=prediction)
                planes.append(prediction.astype(np.int32))
            out.append(planes)
        return out

    def explore(
        self,
        planes: Sequence[Plane],
        area: Rect,
        levels: int,
        steps: Steps,
        depth: int,
        threads: int = 1,
        progress: Callable[[float], None] | None = None,
    ) -> Exploration:
        """Decompose the components of a picture by the 5/3, and predict the details of those with learned steps.

        LL does not depend on the steps, so they can be chosen when all predictions are known; see `Exploration.taking`.

        Parameters
        ----------
        planes : sequence of ndarray, each (H, W), int32
            Samples of `area`, level shifted.
        area : Rect
            The area of the planes on their grid.
        levels : int
            Number of decomposition levels.
        steps : Steps
            Which components to predict, and their normalisation.
        depth : int
            Bits per sample of the picture.
        threads : int
            Threads of native code.
        progress : callable, optional
            As in `j2klearn.transform.coding.CodingTransform.analyse`.
        """
        predictions: list[list[Details | None]] = []

        def split(x: Sequence[Plane], level: int) -> tuple[list[Plane], list[Details]]:
            finer = area.resolution(level - 1)
            lows, details = _base(x, finer, threads)
            predictions.append(self._predicted(lows, finer, steps, depth, threads))
            if progress:
                progress(share_of_level(area, level))
            return lows, details

        with stage("analysis"):
            low, pyramid = decompose(list(planes), levels, split)
        return Exploration(
            [Subbands(area, low[at], [level[at] for level in pyramid]) for at in range(len(planes))],
            predictions,
        )

    def analyse(
        self,
        planes: Sequence[Plane],
        area: Rect,
        levels: int,
        steps: Steps,
        depth: int,
        threads: int = 1,
        progress: Callable[[float], None] | None = None,
    ) -> list[Subbands]:
        """Decompose the components of a picture by given steps; see `explore` for the parameters.

        Returns
        -------
        list of Subbands
            One per component, int32.
        """
        return self.explore(planes, area, levels, steps, depth, threads, progress).taking(steps)

    def split(
        self,
        planes: Sequence[Plane] | Plane,
        area: Rect,
        level: int,
        steps: Steps,
        depth: int,
        threads: int = 1,
    ) -> tuple[list[Plane], list[Plane], list[Plane], list[Plane]]:
        """Decompose all components of a picture by one level.

        Parameters
        ----------
        planes : sequence of ndarray, each (H, W), int32
            LL of the next finer level, at first the samples, in an area.
        area : Rect
            The area, on the grid of the finer level.
        level : int
            The level, 1 for the finest.
        steps, depth, threads
            As in `explore`.

        Returns
        -------
        ll, hl, lh, hh : list of ndarray
            The subbands of every component, int32.
        """
        lows, details = _base(planes, area, threads)
        details = _taken(details, self._predicted(lows, area, steps, depth, threads), steps, level)
        hl, lh, hh = (list(band) for band in zip(*details, strict=True))
        return lows, hl, lh, hh

    def _predicted(
        self, lows: Sequence[Plane], area: Rect, steps: Steps, depth: int, threads: int
    ) -> list[Details | None]:
        """Return the predictions of HL, LH and HH for each component; None for those without learned steps."""
        out: list[Details | None] = [None] * len(lows)
        chosen = [at for at, learned in enumerate(steps.learned) if learned]
        if not chosen or not area.size:
            return out
        rules = steps.normalisation or (Normalisation(),) * len(lows)
        found = self._predictions(
            [lows[at] for at in chosen], area.decomposed(), depth, [rules[at] for at in chosen], threads
        )
        for at, (hl, lh, hh) in zip(chosen, found, strict=True):
            out[at] = hl, lh, hh
        return out

    def synthesise(
        self,
        components: list[Subbands],
        steps: Steps,
        depth: int,
        finest: int = 1,
        threads: int = 1,
        progress: Callable[[float], None] | None = None,
    ) -> list[Plane]:
        """Synthesise the components of a picture; the inverse of `analyse`.

        Parameters
        ----------
        components : list of Subbands
            Subbands of components that cover the same area, int32. The list is emptied, to free memory early.
        steps, depth, threads, progress
            As in `analyse`.
        finest : int
            The level of the picture that is the finest level of the subbands.

        Returns
        -------
        list of ndarray, each (H, W), int32
            The planes.
        """
        area = components[0].area
        low: list[Plane] = [bands.ll for bands in components]
        pyramid: list[list[Details]] = [
            list(level) for level in zip(*(bands.details for bands in components), strict=True)
        ]
        components.clear()

        def join(lows: list[Plane], details: list[Details], level: int) -> list[Plane]:
            finer, own = area.resolution(level - 1), level + finest - 1
            if own <= len(steps.weights):
                details = with_luma(details, steps.weights[own - 1], 1)
            predictions = self._predicted(lows, finer, steps, depth, threads)
            details = [_added(own, found, 1) for own, found in zip(details, predictions, strict=True)]
            out: list[Any] = []
            for ll, (hl, lh, hh) in zip(lows, details, strict=True):
                out.append(wavelet.synthesise(ll, hl, lh, hh, finer, threads))
            if progress:
                progress(share_of_level(area, level))
            return out

        with stage("synthesis"):
            return compose(low, pyramid, join)
