"""Compare rate-quality curves: Bjontegaard deltas (package bjontegaard), confidence intervals, losses at equal rate."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bjontegaard
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

__all__ = ["METHOD", "Curve", "average", "bd_metric", "bd_rate", "compare", "least_gain", "read_off"]

#: Interpolation of log(rate) over quality: piecewise cubic Hermite, monotone between the points.
METHOD = "pchip"

#: Curves of fewer points are not integrated.
_MIN_POINTS = 4

#: Minimum overlap of the quality ranges of two curves, as a fraction of their union.
_MIN_OVERLAP = 0.25

_RESAMPLES = 1000  # of the bootstrap
_CONFIDENCE = 95.0  # per cent


@dataclass(frozen=True)
class Curve:
    """A rate-quality curve.

    Attributes
    ----------
    rate : ndarray, shape (points,)
        Rates in bits per pixel.
    quality : ndarray, shape (points,)
        Values of a metric at these rates, for example PSNR in dB.
    """

    rate: NDArray[np.float64]
    quality: NDArray[np.float64]

    @classmethod
    def of(cls, rate: Sequence[float], quality: Sequence[float | None]) -> Curve:
        """Return the curve of the points whose quality is not None."""
        pairs = [(r, q) for r, q in zip(rate, quality, strict=True) if q is not None]
        points = np.array(pairs, np.float64).reshape(-1, 2)
        return cls(points[:, 0], points[:, 1])

    def rising(self) -> Curve:
        """Return the curve of the points that have a higher rate and a higher quality than all points before them."""
        keep: list[int] = []
        for at in np.argsort(self.rate, kind="stable"):
            if not keep or (
                self.rate[at] > self.rate[keep[-1]] and self.quality[at] > self.quality[keep[-1]]
            ):
                keep.append(int(at))
        return Curve(self.rate[keep], self.quality[keep])

    def at(self, rates: Sequence[float]) -> Curve:
        """Return the curve interpolated at `rates`; the quality is NaN outside the range of the points."""
        rising, wanted = self.rising(), np.asarray(rates, np.float64)
        if len(rising.rate) < 2:
            return Curve(wanted, np.full(len(wanted), np.nan))
        quality = PchipInterpolator(np.log(rising.rate), rising.quality, extrapolate=False)(np.log(wanted))
        return Curve(wanted, quality)


def average(curves: Sequence[Curve]) -> Curve:
    """Return the curve of the mean rates and mean qualities, point by point.

    All curves have the same number of points. A point whose quality is not finite in one of them is left out.
    """
    rate = np.mean([curve.rate for curve in curves], axis=0)
    quality = np.mean([curve.quality for curve in curves], axis=0)
    there = np.isfinite(quality)
    return Curve(rate[there], quality[there])


def _delta(function: Any, anchor: Curve, test: Curve) -> float | None:
    anchor, test = anchor.rising(), test.rising()
    if min(len(anchor.rate), len(test.rate)) < _MIN_POINTS:
        return None
    shared = min(anchor.quality[-1], test.quality[-1]) - max(anchor.quality[0], test.quality[0])
    whole = max(anchor.quality[-1], test.quality[-1]) - min(anchor.quality[0], test.quality[0])
    if shared < _MIN_OVERLAP * whole:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the overlap was checked above
        value = function(
            anchor.rate,
            anchor.quality,
            test.rate,
            test.quality,
            method=METHOD,
            require_matching_points=False,
            min_overlap=0,
        )
    return float(value) if np.isfinite(value) else None


def bd_rate(anchor: Curve, test: Curve) -> float | None:
    """Return the mean rate difference at equal quality, in per cent; negative if `test` needs fewer bits.

    None if one of the curves has fewer than four rising points, or their quality ranges overlap by less than a quarter.
    """
    return _delta(bjontegaard.bd_rate, anchor, test)


def bd_metric(anchor: Curve, test: Curve) -> float | None:
    """Return the mean quality difference at equal rate, in the units of the metric; None as for `bd_rate`."""
    return _delta(bjontegaard.bd_psnr, anchor, test)


def least_gain(anchor: Curve, test: Curve) -> float | None:
    """Return the smallest quality gain of `test` over `anchor` at equal rate, in the units of the metric.

    It is negative if `test` is worse at any point. The curves are compared at the points of `test` that lie in the rate
    range of `anchor`; None if no point does.
    """
    gain = test.quality - anchor.at(test.rate.tolist()).quality
    gain = gain[np.isfinite(gain)]
    return float(gain.min()) if gain.size else None


def _interval(
    anchors: Sequence[Curve], tests: Sequence[Curve], generator: np.random.Generator
) -> list[float] | None:
    """Return the bootstrap confidence interval, over pictures, of the BD-rate of averaged curves."""
    if len(anchors) < 2:
        return None
    values: list[float] = []
    known: dict[tuple[int, ...], float | None] = {}  # the order of the pictures does not matter
    for _ in range(_RESAMPLES):
        chosen = tuple(sorted(generator.integers(0, len(anchors), len(anchors)).tolist()))
        if chosen not in known:
            known[chosen] = bd_rate(
                average([anchors[i] for i in chosen]), average([tests[i] for i in chosen])
            )
        value = known[chosen]
        if value is not None:
            values.append(value)
    if len(values) < _RESAMPLES / 2:
        return None
    tail = (100 - _CONFIDENCE) / 2
    return [float(v) for v in np.percentile(values, [tail, 100 - tail])]


def read_off(curve: Curve, rates: Sequence[float] | None) -> Curve:
    """Return the curve interpolated at `rates`, or the curve itself if `rates` is None."""
    return curve if rates is None else curve.at(rates)


def compare(
    anchors: Mapping[str, Curve],
    tests: Mapping[str, Curve],
    rates: Sequence[float] | None = None,
    anchor_rates: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Compare two codecs on the pictures that were measured with both.

    Parameters
    ----------
    anchors, tests : mapping of str to Curve
        Curves by picture, with the same number of points for every picture.
    rates, anchor_rates : sequence of float, optional
        Common rates at which the curves of `tests`, or of `anchors`, are interpolated before they are averaged.
        Needed if the points of a codec lie at different rates for each picture.

    Returns
    -------
    dict
        ``bd_rate`` of the averaged curves in per cent; its 95 % confidence ``interval`` over pictures; ``bd_metric`` of
        the averaged curves; ``per_picture``, the BD-rate of each picture, and their ``mean``; ``better_on``, the number
        of pictures with a negative BD-rate, ``of``, the number of pictures that have a BD-rate; ``worst``, the three
        pictures with the highest BD-rate; ``least_gain``, the smallest gain at equal rate and its picture.
    """
    pictures = [name for name in anchors if name in tests]
    a = [read_off(anchors[name], anchor_rates) for name in pictures]
    t = [read_off(tests[name], rates) for name in pictures]
    each = {name: bd_rate(anchors[name], tests[name]) for name in pictures}
    defined = {name: value for name, value in each.items() if value is not None}
    gains = {name: least_gain(anchors[name], tests[name]) for name in pictures}
    found = {name: value for name, value in gains.items() if value is not None}
    least = min(found, key=found.__getitem__) if found else None
    return {
        "bd_rate": bd_rate(average(a), average(t)) if pictures else None,
        "interval": _interval(a, t, np.random.default_rng(0)) if pictures else None,
        "bd_metric": bd_metric(average(a), average(t)) if pictures else None,
        "better_on": sum(value < 0 for value in defined.values()),
        "of": len(defined),
        "per_picture": each,
        "mean": float(np.mean(list(defined.values()))) if defined else None,
        "worst": sorted(defined, key=defined.__getitem__, reverse=True)[:3],
        "least_gain": None if least is None else {"picture": least, "value": found[least]},
    }
