"""The reversible learned transform: the 5/3 of T.800 in integers, with learned steps whose predictions are rounded.

Every step adds integers that depend on other coefficients only. So the synthesis restores the samples exactly, on every
machine. Planes are int32, in units of the samples. ``docs/format-integer.md`` defines the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...core.geometry import Rect
from ...core.normalisation import Normalisation
from ...core.reversible_steps import WEIGHT_BITS, Steps, Weights
from ...core.subbands import Subbands
from ...core.timing import stage
from ...errors import ModelError
from ...native import wavelet
from ..coding import BASE_REACH
from ..levels import compose, decompose, share_of_level
from .engine import native_operator
from .operator import OperatorTwin

__all__ = [
    "Details",
    "Exploration",
    "Plane",
    "ReversibleEngine",
    "blue_sources",
    "red_sources",
    "with_luma",
]

Plane = NDArray[np.int32]
Details = tuple[Plane, Plane, Plane]
T = TypeVar("T")

#: Adds predictions to planes, or subtracts them; see `j2klearn.native.lifting.IntegerOperator.lift`.
Lift = Callable[..., None]


def with_luma(
    details: Sequence[Details], predictions: Sequence[Details | None], weights: Weights, sign: int
) -> list[Details]:
    """Predict the details of Cb and Cr from those of Y and Cb, and add or subtract the predictions.

    Parameters
    ----------
    details : sequence of (hl, lh, hh)
        The details of Y, Cb and Cr at one level, without the predictions of the operator; those of further components
        are returned as they are.
    predictions : sequence of (hl, lh, hh) or None
        The predictions of the operator for Y, Cb and Cr; None for a component without learned steps.
    weights : Weights
        The weights of HL, LH and HH.
    sign : {1, -1}
        1 adds (synthesis), -1 subtracts (analysis).

    Returns
    -------
    list of (hl, lh, hh)
        The new details; the arrays of the arguments are not changed.
    """
    out = [list(own) for own in details]
    for at, (in_blue, in_red) in enumerate(weights):
        found = [own and own[at] for own in predictions[:3]]
        # Cr is predicted from Cb as it is, not from what is left of it
        before = [own[at] for own in details[:3]]
        if any(in_blue):
            out[1][at] = before[1] + np.int32(sign) * _weighted(blue_sources(before, found, 1), in_blue)
        if any(in_red):
            before[1] = out[1][at] if sign > 0 else before[1]
            out[2][at] = before[2] + np.int32(sign) * _weighted(red_sources(before, found, 1), in_red)
    return [(own[0], own[1], own[2]) for own in out]


def blue_sources(details: Sequence[T], predictions: Sequence[T], one: T) -> list[T]:
    """Return what Cb is predicted from in one subband, in the order of `BandWeights.blue`.

    Parameters
    ----------
    details : sequence
        Y, Cb and Cr.
    predictions : sequence
        The predictions of the operator for them.
    one
        What the constant multiplies.
    """
    return [details[0], predictions[0], predictions[1], one]


def red_sources(details: Sequence[T], predictions: Sequence[T], one: T) -> list[T]:
    """Return what Cr is predicted from in one subband, in the order of `BandWeights.red`; see `blue_sources`."""
    return [details[0], predictions[0], predictions[2], one, details[1], predictions[1]]


def _weighted(sources: Sequence[Plane | int | None], weights: Sequence[int]) -> Plane:
    """Return the weighted sum of sources in whole numbers; the first source is a plane."""
    assert isinstance(sources[0], np.ndarray)
    total = sources[0] * np.int32(weights[0])
    total += np.int32(1 << WEIGHT_BITS >> 1)
    for source, weight in zip(sources[1:], weights[1:], strict=True):
        if weight and source is not None:
            total += source * np.int32(weight)
    total >>= WEIGHT_BITS
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
    taken = [found if learned else None for found, learned in zip(predictions, steps.learned, strict=True)]
    out = [_added(own, found, -1) for own, found in zip(details, taken, strict=True)]
    return with_luma(out, taken, steps.weights[level - 1], -1) if level <= len(steps.weights) else out


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
            predictions = self._predicted(lows, finer, steps, depth, threads)
            if own <= len(steps.weights):
                details = with_luma(details, predictions, steps.weights[own - 1], 1)
            details = [_added(own, found, 1) for own, found in zip(details, predictions, strict=True)]
            out: list[Any] = []
            for ll, (hl, lh, hh) in zip(lows, details, strict=True):
                out.append(wavelet.synthesise(ll, hl, lh, hh, finer, threads))
            if progress:
                progress(share_of_level(area, level))
            return out

        with stage("synthesis"):
            return compose(low, pyramid, join)
