"""The tables of de-quantisation in integers: the compression of samples over noise, and powers of two.

The tables are part of the file format. The tests compare them with decimals of 40 digits.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COMPRESSION_OCTAVES",
    "COMPRESSION_STEPS",
    "FEATURE_BITS",
    "LARGEST_FEATURE",
    "NOISE_BITS",
    "SAMPLE_BITS",
    "compression",
    "octaves",
    "power",
]

#: Fractional bits of samples over noise, of the inputs of the network, and of log2 of the noise.
SAMPLE_BITS, FEATURE_BITS, NOISE_BITS = 7, 10, 8

#: The compression has this many octaves, and is linear in this many segments of each.
COMPRESSION_OCTAVES, COMPRESSION_STEPS = 17, 32

#: The last node of the compression: the largest input of the network.
LARGEST_FEATURE = 8943

_FACTOR = 0.7


@functools.cache
def compression() -> NDArray[np.int16]:
    """Return the nodes of the compression: ``0.7 * asinh(v)`` with `FEATURE_BITS` fractional bits.

    Returns
    -------
    ndarray, int16, shape (545,)
        Node 32 i + j is that of ``v + 1 = 2 ** i * (1 + j / 32)``.
    """
    # No node is nearer to a half than 0.0005, and asinh of any library is more exact than that.
    nodes = []
    for node in range(COMPRESSION_OCTAVES * COMPRESSION_STEPS + 1):
        octave, step = divmod(node, COMPRESSION_STEPS)
        v = math.ldexp(COMPRESSION_STEPS + step, octave) / COMPRESSION_STEPS - 1
        nodes.append(round(_FACTOR * (1 << FEATURE_BITS) * math.asinh(v)))
    return np.array(nodes, np.int16)


@functools.cache
def octaves() -> NDArray[np.float32]:
    """Return ``2 ** (k / 256)`` for k from 0 to 255, rounded to float32, shape (256,)."""
    bits, precision = 40, 128
    root, roots = 2 << precision, []  # 2 ** (1 / 2), 2 ** (1 / 4) and so on
    for _ in range(NOISE_BITS):
        root = math.isqrt(root << precision)
        roots.append(root)
    powers = []
    for k in range(1 << NOISE_BITS):
        product = 1 << precision
        for at, root in enumerate(roots, 1):
            if k >> (NOISE_BITS - at) & 1:
                product = product * root >> precision
        powers.append(product >> (precision - bits))
    # exact in float64, as the integers have 41 bits
    return np.array(powers, np.float64).astype(np.float32) / np.float32(2.0**bits)


def power(exponent: NDArray[np.int32], more: int = 0) -> NDArray[np.float32]:
    """Return ``2 ** (exponent / 256 + more)``, float32, of integers."""
    exponent = np.asarray(exponent, np.int32)
    fraction = octaves()[exponent & ((1 << NOISE_BITS) - 1)]
    out: NDArray[np.float32] = np.ldexp(fraction, (exponent >> NOISE_BITS) + more)
    return out
