"""The reversible learned transform: a 5/3 in integers, with learned steps whose predictions are rounded.

Every step adds integers that depend on other coefficients only. So the synthesis restores the samples exactly, on every
machine. Planes are int32, in units of the samples. ``docs/format-integer.md`` defines the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.geometry import Rect
from ...core.normalisation import Normalisation
from ...core.reversible_steps import Steps, Weights
from ...core.subbands import Subbands
from ...core.timing import stage
from ...errors import ModelError
from ...native import wavelet
from ..coding import BASE_REACH
from ..levels import compose, decompose, share_of_level
from .detail_steps import Details, Plane, lift_details
from .engine import native_operator
from .operator import OperatorTwin
from .reversible_base import Base

__all__ = ["Exploration", "ReversibleEngine"]

#: Adds predictions to planes, or subtracts them; see `j2klearn.native.lifting.IntegerOperator.lift`.
Lift = Callable[..., None]


@dataclass(frozen=True)
class Exploration:
    """The subbands of the base wavelet, and the predictions of their details.

    Attributes
    ----------
    components : list of Subbands
        The subbands of each component, int32.
    predictions : list of list of (hl, lh, hh) or None
        For each level, from the finest on, L2H of each component, int32; None for those not predicted.
    fraction_bits : int
        Those of the predictions.
    """

    components: list[Subbands]
    predictions: list[list[Details | None]]
    fraction_bits: int

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
            pyramid.append(_taken(details, predictions, steps, level + 1, self.fraction_bits))
        return [
            Subbands(bands.area, bands.ll, [level[at] for level in pyramid])
            for at, bands in enumerate(self.components)
        ]


def _taken(
    details: Sequence[Details],
    predictions: Sequence[Details | None],
    steps: Steps,
    level: int,
    fraction_bits: int,
) -> list[Details]:
    """Return the details of a level, 1 for the finest, after the steps of the analysis that are taken."""
    taken = [found if learned else None for found, learned in zip(predictions, steps.learned, strict=True)]
    return lift_details(details, taken, _weights(steps, level), steps.chroma, fraction_bits, -1)


def _weights(steps: Steps, level: int) -> Weights | None:
    """Return the weights of a level, 1 for the finest; None if it has none."""
    return steps.weights[level - 1] if level <= len(steps.weights) else None


def _with_green(planes: Sequence[Plane] | Plane, steps: Steps, sign: int = -1) -> list[Plane]:
    """Return the planes of the RCT with the green component for Y, if the steps say so; 1 as `sign` takes it back."""
    first, *others = planes
    if steps.green:  # T.800 equation G-6
        first = first + np.int32(sign) * ((others[0] + others[1]) >> 2)
    return [first, *others]


class ReversibleEngine:
    """The reversible transform with one operator, for coding.

    Parameters
    ----------
    l2h : OperatorTwin
        Predicts HL, LH and HH from LL; every component has its own opacities.
    base : Base
        The base wavelet, and how predictions are rounded.
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

    def __init__(
        self, l2h: OperatorTwin, base: Base, instructions: str = "best", lift: Lift | None = None
    ) -> None:
        if (l2h.inputs, l2h.outputs) != (1, 3):
            raise ModelError("the operator l2h must have 1 input and 3 outputs")
        self.l2h, self.base, self.instructions = l2h, base, instructions
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
        """Return the predictions of HL, LH and HH for the LL of some components, with the base's fraction bits."""
        one = np.float32(1 << self.base.fraction_bits)
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
                prediction *= one / scale
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
        """Decompose a picture by the base wavelet, and predict the details of components with learned steps.

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
            lows, details = self._decomposed(x, finer, threads)
            predictions.append(self._predicted(lows, finer, steps, depth, threads))
            if progress:
                progress(share_of_level(area, level))
            return lows, details

        with stage("analysis"):
            low, pyramid = decompose(_with_green(planes, steps), levels, split)
            low = _with_green(low, steps, 1)
        return Exploration(
            [Subbands(area, low[at], [level[at] for level in pyramid]) for at in range(len(planes))],
            predictions,
            self.base.fraction_bits,
        )

    def _decomposed(
        self, planes: Sequence[Plane] | Plane, area: Rect, threads: int
    ) -> tuple[list[Plane], list[Details]]:
        """Decompose planes by one level of the base wavelet: LL, and the details, of each."""
        lows: list[Plane] = []
        details: list[Details] = []
        for plane in planes:
            ll, hl, lh, hh = wavelet.analyse(
                plane, area.origin, threads, non_separable=self.base.non_separable
            )
            lows.append(ll)
            details.append((hl, lh, hh))
        return lows, details

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
        lows, details = self._decomposed(_with_green(planes, steps), area, threads)
        predictions = self._predicted(lows, area, steps, depth, threads)
        details = _taken(details, predictions, steps, level, self.base.fraction_bits)
        hl, lh, hh = (list(band) for band in zip(*details, strict=True))
        return _with_green(lows, steps, 1), hl, lh, hh

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
        low: Sequence[Plane] = _with_green([bands.ll for bands in components], steps)
        pyramid: list[list[Details]] = [
            list(level) for level in zip(*(bands.details for bands in components), strict=True)
        ]
        components.clear()

        def join(lows: Sequence[Plane], details: list[Details], level: int) -> Sequence[Plane]:
            finer, own = area.resolution(level - 1), level + finest - 1
            predictions = self._predicted(lows, finer, steps, depth, threads)
            bits, weights = self.base.fraction_bits, _weights(steps, own)
            details = lift_details(details, predictions, weights, steps.chroma, bits, 1)
            out: list[Any] = []
            for ll, (hl, lh, hh) in zip(lows, details, strict=True):
                bands = wavelet.synthesise(
                    ll, hl, lh, hh, finer, threads, non_separable=self.base.non_separable
                )
                out.append(bands)
            if progress:
                progress(share_of_level(area, level))
            return out

        with stage("synthesis"):
            return _with_green(compose(low, pyramid, join), steps, 1)
