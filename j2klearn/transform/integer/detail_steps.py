"""The steps of the reversible transform on the details of one level: predictions are added, or subtracted.

Each coefficient is predicted by L2H of its component, and in Cb and Cr by a weighted sum of what is known of the other
components. The sum of both is rounded once. Reversible models of old have L2H in whole numbers, others in eighths.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ...core.reversible_steps import WEIGHT_BITS, BandWeights, Weights

__all__ = ["Details", "Plane", "first_sources", "lift_details", "nearest", "second_sources", "unpredicted"]

Plane = NDArray[np.int32]
Details = tuple[Plane, Plane, Plane]
T = TypeVar("T")

#: The place of L2H of the component itself among the sources of chroma.
_OWN = 2


def first_sources(unpredicted: Sequence[T], predictions: Sequence[T], one: T) -> list[T]:
    """Return what the first component of chroma is predicted from, in the order of `BandWeights.first`.

    Parameters
    ----------
    unpredicted : sequence
        What L2H leaves of Y, and of the two components of chroma in their order.
    predictions : sequence
        L2H of these components.
    one
        What the constant multiplies.
    """
    return [unpredicted[0], predictions[0], predictions[1], one]


def second_sources(unpredicted: Sequence[T], predictions: Sequence[T], one: T) -> list[T]:
    """Return what the second one is predicted from, in the order of `BandWeights.second`; see `first_sources`."""
    return [unpredicted[0], predictions[0], predictions[2], one, unpredicted[1], predictions[1]]


def nearest(prediction: Plane, fraction_bits: int) -> Plane:
    """Return predictions with so many fraction bits as whole numbers; halves are rounded up."""
    return (prediction + np.int32(1 << fraction_bits >> 1)) >> fraction_bits if fraction_bits else prediction


def unpredicted(detail: Plane, prediction: Plane | None, fraction_bits: int) -> Plane:
    """Return a detail less its L2H, if there is one, with fraction bits."""
    scaled = detail << fraction_bits
    return scaled if prediction is None else scaled - prediction


def _weighted(sources: Sequence[Plane | int | None], weights: Sequence[int], fraction_bits: int) -> Plane:
    """Return the weighted sum of sources in whole numbers, halves rounded up; the first source is a plane."""
    assert isinstance(sources[0], np.ndarray)
    shift = WEIGHT_BITS + fraction_bits
    total = sources[0] * np.int32(weights[0])
    total += np.int32(1 << shift >> 1)
    for source, weight in zip(sources[1:], weights[1:], strict=True):
        if weight and source is not None:
            total += source * np.int32(weight)
    total >>= shift
    return total


def lift_details(
    details: Sequence[Details],
    predictions: Sequence[Details | None],
    weights: Weights | None,
    chroma: tuple[int, int],
    fraction_bits: int,
    sign: int,
) -> list[Details]:
    """Add the predictions of the details of all components, or subtract them.

    Parameters
    ----------
    details : sequence of (hl, lh, hh)
        The details of each component at one level; the first three are Y, Cb and Cr if there are weights.
    predictions : sequence of (hl, lh, hh) or None
        L2H of each component, int32 with fraction bits; None for a component without learned steps.
    weights : Weights or None
        The weights of HL, LH and HH between Y, Cb and Cr.
    chroma : (int, int)
        The components of chroma in their order.
    fraction_bits : int
        Those of the predictions.
    sign : {1, -1}
        1 adds (synthesis), -1 subtracts (analysis).

    Returns
    -------
    list of (hl, lh, hh)
        The new details; the arrays of the arguments are not changed.
    """
    bands = []
    for at in range(3):
        own = [band[at] for band in details]
        found = [band and band[at] for band in predictions]
        bands.append(_lifted(own, found, weights and weights[at], chroma, fraction_bits, np.int32(sign)))
    return [(hl, lh, hh) for hl, lh, hh in zip(*bands, strict=True)]


def _lifted(
    details: Sequence[Plane],
    predictions: Sequence[Plane | None],
    weights: BandWeights | None,
    chroma: tuple[int, int],
    fraction_bits: int,
    sign: np.int32,
) -> list[Plane]:
    """Lift one subband of all components; see `lift_details`."""
    out = [
        own if found is None else own + sign * nearest(found, fraction_bits)
        for own, found in zip(details, predictions, strict=True)
    ]
    if weights is None or not (any(weights.first) or any(weights.second)):
        return out
    one = 1 << fraction_bits
    order = (0, *chroma)
    whole = out if sign > 0 else details  # the coefficients of the base wavelet, as far as they are known
    known: list[Plane | int | None] = [unpredicted(whole[0], predictions[0], fraction_bits), None, None]
    found: list[Plane | int | None] = [predictions[at] for at in order]
    steps = ((weights.first, first_sources), (weights.second, second_sources))
    for place, (own_weights, sources) in enumerate(steps, 1):
        at = order[place]
        if any(own_weights):
            every = list(own_weights)
            every[_OWN] += 1 << WEIGHT_BITS
            out[at] = details[at] + sign * _weighted(sources(known, found, one), every, fraction_bits)
        known[place] = unpredicted(whole[at], predictions[at], fraction_bits)
    return out
