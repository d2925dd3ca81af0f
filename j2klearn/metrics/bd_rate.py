"""Comparing curves: Bjontegaard's deltas (package bjontegaard), their spread over pictures, losses at equal bytes."""

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

#: Interpolation of log(rate) over quality, monotone between points.
METHOD = "pchip"

#: Fewer points do not make a curve to integrate.
_FEWEST = 4

#: Curves have to share this much of their range of qualities.
_OVERLAP = 0.25

_RESAMPLES = 1000
_CONFIDENCE = 95.0


@dataclass(frozen=True)
class Curve:
    """Rates in bits per pixel, and qualities, both of shape (points,)."""

    rate: NDArray[np.float64]
    quality: NDArray[np.float64]

    @classmethod
    def of(cls, rate: Sequence[float], quality: Sequence[float | None]) -> Curve:
        """Return a curve of the points that are there."""
        pairs = [(r, q) for r, q in zip(rate, quality, strict=True) if q is not None]
        points = np.array(pairs, np.float64).reshape(-1, 2)
        return cls(points[:, 0], points[:, 1])

    def rising(self) -> Curve:
        """Return the points that cost more bits and are better than all before them."""
        keep: list[int] = []
        for at in np.argsort(self.rate, kind="stable"):
            if not keep or (
                self.rate[at] > self.rate[keep[-1]] and self.quality[at] > self.quality[keep[-1]]
            ):
                keep.append(int(at))
        return Curve(self.rate[keep], self.quality[keep])

    def at(self, rates: Sequence[float]) -> Curve:
        """Return the qualities between the points, at given rates; NaN outside of them."""
        rising, wanted = self.rising(), np.asarray(rates, np.float64)
        if len(rising.rate) < 2:
            return Curve(wanted, np.full(len(wanted), np.nan))
        quality = PchipInterpolator(np.log(rising.rate), rising.quality, extrapolate=False)(np.log(wanted))
        return Curve(wanted, quality)


def average(curves: Sequence[Curve]) -> Curve:
    """Return the curve of the mean rates and mean qualities, point by point, of the points that all curves have."""
    rate = np.mean([curve.rate for curve in curves], axis=0)
    quality = np.mean([curve.quality for curve in curves], axis=0)
    there = np.isfinite(quality)
    return Curve(rate[there], quality[there])


def _delta(function: Any, anchor: Curve, test: Curve) -> float | None:
    anchor, test = anchor.rising(), test.rising()
    if min(len(anchor.rate), len(test.rate)) < _FEWEST:
        return None
    shared = min(anchor.quality[-1], test.quality[-1]) - max(anchor.quality[0], test.quality[0])
    whole = max(anchor.quality[-1], test.quality[-1]) - min(anchor.quality[0], test.quality[0])
    if shared < _OVERLAP * whole:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of overlaps above ours
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
    """Return the mean difference of rate at equal quality in per cent; negative where `test` needs fewer bits.

    None where the curves have fewer than four rising points, or hardly any quality in common.
    """
    return _delta(bjontegaard.bd_rate, anchor, test)


def bd_metric(anchor: Curve, test: Curve) -> float | None:
    """Return the mean difference of quality at equal rate, in the units of the metric; None as for `bd_rate`."""
    return _delta(bjontegaard.bd_psnr, anchor, test)


def least_gain(anchor: Curve, test: Curve) -> float | None:
    """Return by how much `test` is better than `anchor` at equal rate where that is least, in the units of the metric.

    Negative where `test` is worse anywhere. Compared at the points of `test` within the anchor's range of rates; None
    if there are none.
    """
    gain = test.quality - anchor.at(test.rate.tolist()).quality
    gain = gain[np.isfinite(gain)]
    return float(gain.min()) if gain.size else None


def _interval(
    anchors: Sequence[Curve], tests: Sequence[Curve], generator: np.random.Generator
) -> list[float] | None:
    """Return the bootstrap confidence interval of the BD-rate of averaged curves over pictures."""
    if len(anchors) < 2:
        return None
    values = []
    for _ in range(_RESAMPLES):
        chosen = generator.integers(0, len(anchors), len(anchors))
        value = bd_rate(average([anchors[i] for i in chosen]), average([tests[i] for i in chosen]))
        if value is not None:
            values.append(value)
    if len(values) < _RESAMPLES / 2:
        return None
    tail = (100 - _CONFIDENCE) / 2
    return [float(v) for v in np.percentile(values, [tail, 100 - tail])]


def read_off(curve: Curve, rates: Sequence[float] | None) -> Curve:
    """Return a curve read off at some rates, or as it is where there are none."""
    return curve if rates is None else curve.at(rates)


def compare(
    anchors: Mapping[str, Curve],
    tests: Mapping[str, Curve],
    rates: Sequence[float] | None = None,
    anchor_rates: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Compare two codecs on the pictures that both have measured.

    Parameters
    ----------
    anchors, tests : mapping of str to Curve
        Curves by picture, with as many points for every picture.
    rates, anchor_rates : sequence of float, optional
        Where the points of `tests`, and of `anchors`, are at rates of their own: their curves are read off at these
        before they are averaged.

    Returns
    -------
    dict
        ``bd_rate`` (per cent, of the averaged curves), its 95 % ``interval`` over pictures, ``bd_metric``,
        ``per_picture`` BD-rates and their ``mean``, ``better_on`` so many ``of`` those that have one, the three
        ``worst`` pictures, and ``least_gain`` (in the metric at equal bytes, at any point, and on which picture).
    """
    pictures = [name for name in anchors if name in tests]
    a = [read_off(anchors[name], anchor_rates) for name in pictures]
    t = [read_off(tests[name], rates) for name in pictures]
    each = {name: bd_rate(anchors[name], tests[name]) for name in pictures}
    known = {name: value for name, value in each.items() if value is not None}
    gains = {name: least_gain(anchors[name], tests[name]) for name in pictures}
    found = {name: value for name, value in gains.items() if value is not None}
    least = min(found, key=found.__getitem__) if found else None
    return {
        "bd_rate": bd_rate(average(a), average(t)) if pictures else None,
        "interval": _interval(a, t, np.random.default_rng(0)) if pictures else None,
        "bd_metric": bd_metric(average(a), average(t)) if pictures else None,
        "better_on": sum(value < 0 for value in known.values()),
        "of": len(known),
        "per_picture": each,
        "mean": float(np.mean(list(known.values()))) if known else None,
        "worst": sorted(known, key=known.__getitem__, reverse=True)[:3],
        "least_gain": None if least is None else {"picture": least, "value": found[least]},
    }
