"""The definition of de-quantisation in integers, in plain numpy. Native code gives the same results, much faster."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...core.geometry import Rect
from ..positions import MEAN_REACH
from .network import LARGEST_ACTIVATION, DequantiserTwin
from .tables import COMPRESSION_STEPS, SAMPLE_BITS, compression, power

__all__ = ["compressed", "corrected", "features"]

#: Samples over noise are clamped to this, in units of 2^-7; a window of 81 means of them fits into 32 bits.
_LARGEST_QUOTIENT = 1 << 24

_ONE = 1 << SAMPLE_BITS


def compressed(v: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return ``0.7 * asinh(v)``, with 10 fractional bits, of integers with 7 fractional bits."""
    nodes = compression().astype(np.int64)
    x = np.minimum(np.abs(v), _LARGEST_QUOTIENT - 1 - _ONE) + _ONE
    octave = np.frexp(x.astype(np.float64))[1].astype(np.int64) - 1  # 2^octave <= x < 2^(octave + 1)
    segments = (x << (24 - octave)) - (1 << 24)  # the fraction within the octave, in 2^-24
    node = (octave - SAMPLE_BITS) * COMPRESSION_STEPS + (segments >> 19)
    place = (segments >> 5) & 0x3FFF
    size = ((nodes[node] << 14) + (nodes[node + 1] - nodes[node]) * place + 0x2000) >> 14
    out: NDArray[np.int64] = np.where(v < 0, -size, size)
    return out


def features(phases: NDArray[np.float32], noise: NDArray[np.int16]) -> NDArray[np.int64]:
    """Return the inputs of the network that come from one component.

    Parameters
    ----------
    phases : ndarray, float32, shape (4, h, w) or (16, h, w)
        The samples of every position.
    noise : ndarray, int16, shape (h, w)
        log2 of the noise in 1/256.

    Returns
    -------
    ndarray, int64, shape (4, h, w) or (16, h, w)
        The compressed phases, with 10 fractional bits.
    """
    height, width = noise.shape
    side = math.isqrt(len(phases))
    reach, shift = MEAN_REACH[side], side  # 4 phases are 2^2, 16 are 2^4
    window = 2 * reach + 1
    with np.errstate(over="ignore"):
        u = phases * power(-noise.astype(np.int32), SAMPLE_BITS)
    q = np.rint(np.clip(u, -_LARGEST_QUOTIENT, _LARGEST_QUOTIENT)).astype(np.int64)
    wide = np.pad((q.sum(0) + (1 << (shift - 1))) >> shift, reach, mode="edge")
    sums = np.zeros((height, width), np.int64)
    for y in range(window):
        for x in range(window):
            sums += wide[y : y + height, x : x + width]
    mean = np.rint(sums.astype(np.float32) * (np.float32(1) / np.float32(window**2))).astype(np.int64)
    return compressed(q - mean)


def _sums(
    x: NDArray[np.int64], weights: NDArray[np.int16], bias: NDArray[np.int32], shift: int
) -> NDArray[np.int64]:
    """Return a convolution of 3x3 with zeros beyond the border, shifted right by `shift` and rounded."""
    _, height, width = x.shape
    wide = np.pad(x.astype(np.float64), ((0, 0), (1, 1), (1, 1)))
    out = np.zeros((len(weights), height * width))  # exact: the sums are below 2^31
    for y in range(3):
        for at in range(3):
            plane = wide[:, y : y + height, at : at + width].reshape(len(x), -1)
            out += weights[:, :, y, at].astype(np.float64) @ plane
    sums = out.astype(np.int64) + bias.astype(np.int64)[:, None] + ((1 << shift) >> 1)
    return (sums >> shift).reshape(len(weights), height, width)


def _phases(plane: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    return np.stack([plane[at // side :: side, at % side :: side] for at in range(side * side)])


def corrected(
    twin: DequantiserTwin,
    samples: NDArray[np.float32],
    area: Rect,
    noises: Sequence[NDArray[np.int16]],
) -> NDArray[np.float32]:
    """Return the corrected samples of the components that a network writes.

    Parameters
    ----------
    twin : DequantiserTwin
        The network; it reads R components and corrects the last K of them.
    samples : ndarray, float32, shape (R, area.height, area.width)
        Samples in units of 8-bit grey levels, level shifted.
    area : Rect
        The area of the samples on the grid.
    noises : sequence of ndarray, int16, shape (H, W) or (1, 1)
        The noise of each of the K components; see `j2klearn.dequantisation.twin.noise.noise_codes`.

    Returns
    -------
    ndarray, float32, shape (K, area.height, area.width)
    """
    samples = np.where(np.isnan(samples), np.float32(0), samples)
    side = twin.side
    phases = side * side
    whole = area.aligned(side)
    pads = ((0, 0), (area.y0 - whole.y0, whole.y1 - area.y1), (area.x0 - whole.x0, whole.x1 - area.x1))
    wide = np.pad(samples, pads, mode="edge")
    positions = whole.height // side, whole.width // side
    noises = [np.broadcast_to(noise, positions) for noise in noises]

    # a component that is only read is divided by the geometric mean of the others' noise
    mean = (noises[0].astype(np.int32) + noises[-1]) >> 1
    guide = [mean.astype(np.int16)] * (len(samples) - len(noises))
    read = [features(_phases(plane, side), noise) for plane, noise in zip(wide, guide + noises, strict=True)]
    first, *body, last = twin.convolutions()
    h = _sums(np.concatenate([*read, np.stack(noises)]), *first).clip(0, LARGEST_ACTIVATION)
    for inner, outer in zip(body[::2], body[1::2], strict=True):
        g = _sums(h, *inner).clip(0, LARGEST_ACTIVATION)
        h = (_sums(g, *outer) + h).clip(0, LARGEST_ACTIVATION)
    outputs = _sums(h, *last).clip(-32768, 32767).astype(np.float32)

    result = samples[len(samples) - len(noises) :].copy()
    for index, noise in enumerate(noises):
        correction = outputs[phases * index :] * power(noise.astype(np.int32), -twin.output_bits)
        added = np.empty_like(wide[0])
        for at in range(phases):
            added[at // side :: side, at % side :: side] = correction[at]
        result[index] += added[area.slices_in(whole)]
    return result
