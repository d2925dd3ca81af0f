"""Wavefronts: all places of a subband that can be decoded at once when each sees what comes before it in raster order.

A 3x3 raster mask reads three places of the row above and the one to the left. So with t = x + 2 y all places of one t
depend on those of smaller t alone, whatever the number of masked layers, and are decoded together; nothing of the
context is lost. Every layer's outputs are kept for the last four t, which is how far a mask reaches.

The order of places in the file is that of t, and of y within one t.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from .cross_network import TAPS, IntegerFusion, bounded_sum
from .kernels import Kernels

__all__ = ["decoded", "wavefronts"]

_REACH = 4

#: How far back in t, and up in y, the places of a mask are, in its order.
_BACK = ((3, 1), (2, 1), (1, 1), (1, 0), (0, 0))

Plane = NDArray[np.int16]
Values = NDArray[np.int32]


def wavefronts(shape: tuple[int, int]) -> Iterator[tuple[int, int, int, NDArray[np.intp]]]:
    """Yield t, the first row and the row after the last, and the places in the flat subband, of every wavefront."""
    height, width = shape
    if not height or not width:
        return
    for t in range(width + 2 * (height - 1)):
        first, end = max(0, (t - width + 2) // 2), min(height - 1, t // 2) + 1
        if first < end:
            yield t, first, end, t + np.arange(first, end, dtype=np.intp) * (width - 2)


class _Kept:
    """The outputs of a layer for the last wavefronts, zeros wherever there is no place."""

    def __init__(self, height: int, channels: int) -> None:
        self._rows = np.zeros((_REACH, height + 1, channels), np.int16)  # a row of zeros first

    def put(self, t: int, first: int, end: int, outputs: Plane) -> None:
        rows = self._rows[t % _REACH]
        rows[:] = 0
        rows[first + 1 : end + 1] = outputs

    def gathered(self, t: int, first: int, end: int, taps: int) -> Plane:
        """Return what the masks of a wavefront read, (n, taps x channels)."""
        parts = [self._rows[(t - back) % _REACH, first + 1 - up : end + 1 - up] for back, up in _BACK[:taps]]
        return np.concatenate(parts, 1)


class _Pass:
    """A subband on its way through a fusion module, wavefront by wavefront."""

    def __init__(
        self, fusion: IntegerFusion, kernels: Kernels, shape: tuple[int, int], contexts: Sequence[Plane]
    ) -> None:
        self._fusion, self._kernels = fusion, kernels
        height = shape[0]
        self._values = _Kept(height, 1)
        self._inner = [_Kept(height, fusion.features) for _ in range(2 * len(fusion.blocks) + 1)]
        self._contexts = [plane.reshape(-1, fusion.features) for plane in contexts]

    def mixtures(self, t: int, first: int, end: int, places: NDArray[np.intp]) -> Plane:
        """Return the mixtures of a wavefront, (n, 3, K)."""
        fusion, kernels = self._fusion, self._kernels
        contexts = [plane[places] for plane in self._contexts]
        start = kernels.dense(self._values.gathered(t, first, end, TAPS - 1), fusion.first.rows)
        x = bounded_sum(start, contexts[0]) if contexts else start
        kept = iter(self._inner)

        def around(x: Plane) -> Plane:
            layer = next(kept)
            layer.put(t, first, end, x)
            return layer.gathered(t, first, end, TAPS)

        for number, (inner, outer) in enumerate(fusion.blocks, 1):
            added = x + contexts[number] if contexts else x
            if number == len(fusion.blocks):
                added = added + start
            x = kernels.dense(around(x), inner.rows)
            x = kernels.dense(around(x), outer.rows, residual=added)
        x = kernels.dense(around(x), fusion.last.rows)
        for layer in fusion.dense:
            x = kernels.dense(x, layer)
        out = kernels.dense(x, fusion.tail)
        return out.reshape(len(out), 3, fusion.mixtures_count)

    def take(self, t: int, first: int, end: int, compressed: Plane) -> None:
        """Go on, knowing what a wavefront has been decoded to."""
        self._values.put(t, first, end, compressed[:, None])


def decoded(
    fusion: IntegerFusion,
    kernels: Kernels,
    shape: tuple[int, int],
    contexts: Sequence[Plane],
    read: Callable[[Plane], Values],
    compress: Callable[[Values], Plane],
) -> Values:
    """Return a subband (h, w) that is decoded wavefront by wavefront.

    Parameters
    ----------
    fusion : IntegerFusion
        Its module.
    kernels : Kernels
        What computes it.
    shape : (int, int)
        Of the subband.
    contexts : sequence of ndarray
        What `IntegerFusion.contexts` returned.
    read : callable
        Returns the coefficients of some mixtures, (n, 3, K).
    compress : callable
        Returns coefficients compressed.
    """
    values = np.zeros(shape[0] * shape[1], np.int32)
    through = _Pass(fusion, kernels, shape, contexts)
    for t, first, end, places in wavefronts(shape):
        found = read(through.mixtures(t, first, end, places))
        values[places] = found
        through.take(t, first, end, compress(found))
    return values.reshape(shape)
