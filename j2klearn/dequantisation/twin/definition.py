"""The definition of de-quantisation in integers, in plain numpy. Native code gives the same results, much faster."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.geometry import Rect
from .network import LARGEST_ACTIVATION, PHASES, DequantiserTwin
from .tables import COMPRESSION_STEPS, SAMPLE_BITS, compression, power

__all__ = ["compressed", "corrected", "features"]

#: Samples over noise are clamped to this, in units of 2^-7; 81 of them fit into 32 bits.
_LARGEST_QUOTIENT = 1 << 24

_ONE = 1 << SAMPLE_BITS
_MEAN_REACH = 4


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
    """Return the inputs of the network.

    Parameters
    ----------
    phases : ndarray, float32, shape (4, h, w)
        The samples of every position.
    noise : ndarray, int16, shape (h, w)
        log2 of the noise in 1/256.

    Returns
    -------
    ndarray, int64, shape (5, h, w)
        With 10 fractional bits: the compressed phases, and a quarter of log2 of the noise.
    """
    height, width = noise.shape
    with np.errstate(over="ignore"):
        u = phases * power(-noise.astype(np.int32), SAMPLE_BITS)
    q = np.rint(np.clip(u, -_LARGEST_QUOTIENT, _LARGEST_QUOTIENT)).astype(np.int64)
    wide = np.pad((q.sum(0) + 2) >> 2, _MEAN_REACH, mode="edge")
    sums = np.zeros((height, width), np.int64)
    for y in range(2 * _MEAN_REACH + 1):
        for x in range(2 * _MEAN_REACH + 1):
            sums += wide[y : y + height, x : x + width]
    mean = np.rint(sums.astype(np.float32) * (np.float32(1) / np.float32(81))).astype(np.int64)
    return np.concatenate([compressed(q - mean), noise[None].astype(np.int64)])


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


def corrected(
    twin: DequantiserTwin, samples: NDArray[np.float32], area: Rect, noise: NDArray[np.int16]
) -> NDArray[np.float32]:
    """Return the corrected samples of a component.

    Parameters
    ----------
    twin : DequantiserTwin
        The network.
    samples : ndarray, float32, shape (area.height, area.width)
        Samples in units of 8-bit grey levels, level shifted.
    area : Rect
        The area of the samples on the grid.
    noise : ndarray, int16, shape (H, W) or (1, 1)
        See `j2klearn.dequantisation.twin.noise.noise_codes`.
    """
    samples = np.where(np.isnan(samples), np.float32(0), samples)
    even = area.evened()
    pads = ((area.y0 - even.y0, even.y1 - area.y1), (area.x0 - even.x0, even.x1 - area.x1))
    wide = np.pad(samples, pads, mode="edge")
    phases = np.stack([wide[at // 2 :: 2, at % 2 :: 2] for at in range(PHASES)])
    noise = np.broadcast_to(noise, phases.shape[1:])

    first, *body, last = twin.convolutions()
    h = _sums(features(phases, noise), *first).clip(0, LARGEST_ACTIVATION)
    for inner, outer in zip(body[::2], body[1::2], strict=True):
        g = _sums(h, *inner).clip(0, LARGEST_ACTIVATION)
        h = (_sums(g, *outer) + h).clip(0, LARGEST_ACTIVATION)
    out = _sums(h, *last).clip(-32768, 32767)

    correction = out.astype(np.float32) * power(noise.astype(np.int32), -twin.output_bits)
    added = np.empty_like(wide)
    for at in range(PHASES):
        added[at // 2 :: 2, at % 2 :: 2] = correction[at]
    result: NDArray[np.float32] = samples + added[area.slices_in(even)]
    return result
