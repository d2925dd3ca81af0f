"""The definition of an operator in integers, in numpy. Tests hold the native engine against it; it is slow.

All sums are computed in float64, which holds these integers exactly. ``docs/format-integer.md`` has the same in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.geometry import Rect
from .operator import (
    ACTIVATION_LIMIT,
    LIKELIHOOD_LIMIT,
    OPACITY_BITS,
    RECIPROCAL_BITS,
    SAMPLE_LIMIT,
    OperatorTwin,
)

__all__ = ["Samples", "lift", "opacities", "predict", "samples"]

#: Samples of a plane, shape (h, w), and the cells of the grid that they cover.
Samples = tuple[NDArray[np.float32], Rect]

Integers = NDArray[np.int64]


def samples(x: NDArray[np.float32], twin: OperatorTwin) -> Integers:
    """Return source samples as integers with `input_bits` fraction bits; NaN becomes 0."""
    finite = np.clip(np.nan_to_num(x.astype(np.float64), nan=0.0), -SAMPLE_LIMIT, SAMPLE_LIMIT)
    scaled = np.rint(finite * 2.0**twin.input_bits)
    return np.clip(scaled, -SAMPLE_LIMIT, SAMPLE_LIMIT).astype(np.int64)


def _shifted(x: Integers, shift: int) -> Integers:
    return (x + (1 << shift >> 1)) >> shift


def _convolve(x: Integers, weights: NDArray[np.int16], shift: int) -> Integers:
    """Return the shifted sums of a convolution that reads nothing beyond `x`, shape (inputs, h, w)."""
    side = weights.shape[-1]
    height, width = x.shape[1] - side + 1, x.shape[2] - side + 1
    wide, out = x.astype(np.float64), np.zeros((len(weights), height, width))
    for y in range(side):
        for c in range(side):
            out += np.tensordot(
                weights[:, :, y, c].astype(np.float64), wide[:, y : y + height, c : c + width], 1
            )
    return _shifted(out.astype(np.int64), shift)


def _cropped(x: Integers, margin: int) -> Integers:
    return x[:, margin : x.shape[1] - margin, margin : x.shape[2] - margin]


def opacities(twin: OperatorTwin, source: Integers) -> Integers:
    """Return the opacities, shape (K, h, w), for source samples of shape (I, h + 2 * radius, w + 2 * radius)."""
    h = np.clip(
        _convolve(_cropped(source, twin.radius - twin.opacity_radius), twin.first, twin.first_shift),
        0,
        ACTIVATION_LIMIT,
    )
    pairs = list(zip(twin.blocks, twin.block_shifts, strict=True))
    for first, second in zip(pairs[::2], pairs[1::2], strict=True):
        g = np.clip(_convolve(h, *first), 0, ACTIVATION_LIMIT)
        h = np.clip(_convolve(g, *second) + _cropped(h, 2), 0, ACTIVATION_LIMIT)
    likelihood = np.clip(_convolve(h, twin.last, twin.last_shift), 0, LIKELIHOOD_LIMIT - twin.offset)
    likelihood += twin.offset
    reciprocal = (1 << RECIPROCAL_BITS) // likelihood.sum(0)
    return _shifted(likelihood * reciprocal, RECIPROCAL_BITS - OPACITY_BITS)


def predict(twin: OperatorTwin, source: Integers, weights: Integers) -> Integers:
    """Return the predictions, shape (O, h, w), for source samples and opacities; see `opacities`."""
    proposals = _convolve(
        _cropped(source, twin.radius - twin.proposal_radius), twin.proposals, twin.proposal_shift
    )
    proposals = np.clip(proposals, -SAMPLE_LIMIT, SAMPLE_LIMIT)
    grouped = proposals.reshape(twin.outputs, twin.count, *proposals.shape[1:])
    return _shifted((grouped * weights).sum(1), OPACITY_BITS)


def _window(plane: Samples, window: Rect) -> NDArray[np.float32]:
    """Cut a window of cells out of a plane; outside the plane the border samples are repeated."""
    x, rect = plane
    if not rect.size:
        return np.zeros(window.shape, np.float32)
    rows = np.clip(np.arange(window.y0, window.y1), rect.y0, rect.y1 - 1) - rect.y0
    columns = np.clip(np.arange(window.x0, window.x1), rect.x0, rect.x1 - 1) - rect.x0
    return x[np.ix_(rows, columns)]


def lift(
    twin: OperatorTwin,
    sources: Sequence[Sequence[Samples]],
    targets: Sequence[Sequence[Samples]],
    sign: int,
    *,
    shared: bool,
    **_: Any,
) -> None:
    """Add the predictions to the targets, or subtract them, in place.

    Parameters
    ----------
    twin : OperatorTwin
        The operator.
    sources, targets : sequence of sequence of (ndarray, Rect)
        For each component, the planes of the inputs and of the outputs on one grid.
    sign : {1, -1}
        1 adds, -1 subtracts.
    shared : bool
        Whether the opacities of the first component serve all components.
    """
    rects = [rect for planes in (*sources, *targets) for _, rect in planes]
    grid = Rect(
        min(rect.y0 for rect in rects),
        min(rect.x0 for rect in rects),
        max(rect.y1 for rect in rects),
        max(rect.x1 for rect in rects),
    )
    if not grid.size:
        return
    window = grid.grown(twin.radius)
    weights = None
    for own, changed in zip(sources, targets, strict=True):
        source = np.stack([samples(_window(plane, window), twin) for plane in own])
        if weights is None or not shared:
            weights = opacities(twin, source)
        for prediction, (target, rect) in zip(predict(twin, source, weights), changed, strict=True):
            target += (
                np.float32(sign)
                * np.float32(2.0**-twin.output_bits)
                * prediction[rect.slices_in(grid)].astype(np.float32)
            )
