"""Pixels of pictures whose components differ in size, sign or depth: their geometry (T.800 B.2) and their dtype."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .geometry import Rect, ceil_div

__all__ = ["common_dtype", "pixel_step", "pixels_of", "positions", "samples_needed", "to_grid"]

#: YRsiz and XRsiz of a component: the distance of its samples on the reference grid.
Step = tuple[int, int]


def pixel_step(subsampling: Iterable[Step]) -> Step:
    """Return the distance of pixels on the reference grid: the largest that divides those of all components.

    Components that are all subsampled alike are the picture as they are. Else each sample of a coarser component
    covers several pixels.
    """
    down, across = zip(*set(subsampling), strict=True)
    return math.gcd(*down), math.gcd(*across)


def pixels_of(area: Rect, step: Step) -> Rect:
    """Return the area that a part of the reference grid has in pixels or samples (T.800 equation B-12)."""
    down, across = step
    return Rect(
        ceil_div(area.y0, down), ceil_div(area.x0, across), ceil_div(area.y1, down), ceil_div(area.x1, across)
    )


def to_grid(pixels: Rect, step: Step, whole: Rect) -> Rect:
    """Return a part of the reference grid that has the given pixels, and no others.

    Parameters
    ----------
    pixels : Rect
        Some pixels of the picture.
    step : (int, int)
        Distance of pixels on the reference grid.
    whole : Rect
        Area of the picture on the reference grid; the result lies in it, and is it if `pixels` is the whole picture.
    """
    (down, across), first = step, pixels_of(whole, step)
    return Rect(
        whole.y0 if pixels.y0 == first.y0 else pixels.y0 * down,
        whole.x0 if pixels.x0 == first.x0 else pixels.x0 * across,
        min(pixels.y1 * down, whole.y1),
        min(pixels.x1 * across, whole.x1),
    )


def positions(start: int, end: int, ratio: int, first: int, last: int) -> NDArray[np.int64]:
    """Return which sample of a subsampled component each pixel shows, along one axis.

    A sample lies on a pixel, and is repeated up to the next one (as OpenJPEG and Pillow do it). Pixels before the first
    sample of the component show the first.

    Parameters
    ----------
    start, end : int
        The pixels, end exclusive.
    ratio : int
        Pixels per sample.
    first, last : int
        The first and the last sample of the component.

    Returns
    -------
    ndarray of int64, shape (end - start,)
    """
    return np.clip(np.arange(start, end) // ratio, first, last)


def samples_needed(pixels: Rect, step: Step, sample_step: Step, component: Rect) -> Rect:
    """Return the samples of a component that some pixels show; an empty area if the component is empty.

    Parameters
    ----------
    pixels : Rect
        The pixels, not empty.
    step, sample_step : (int, int)
        Distance of pixels, and of samples of the component, on the reference grid.
    component : Rect
        The samples that the component has.
    """
    if not component.size:
        return Rect(component.y0, component.x0, component.y0, component.x0)
    rows, columns = (sample // pixel for sample, pixel in zip(sample_step, step, strict=True))
    y0, y1 = (
        min(max(at // rows, component.y0), component.y1 - 1)
        for at in (pixels.y0, max(pixels.y1 - 1, pixels.y0))
    )
    x0, x1 = (
        min(max(at // columns, component.x0), component.x1 - 1)
        for at in (pixels.x0, max(pixels.x1 - 1, pixels.x0))
    )
    return Rect(y0, x0, y1 + 1, x1 + 1)


def common_dtype(precisions: Sequence[int], signed: Sequence[bool]) -> np.dtype[Any]:
    """Return the smallest dtype that holds the samples of all components.

    Parameters
    ----------
    precisions : sequence of int
        Bits per sample of each component, at most 16.
    signed : sequence of bool
        Whether the samples of each component are signed.

    Returns
    -------
    dtype
        uint8 or uint16 if no component is signed, else int8, int16 or int32.
    """
    if not any(signed):
        return np.dtype("u1" if max(precisions) <= 8 else "u2")
    bits = max(depth if sign else depth + 1 for depth, sign in zip(precisions, signed, strict=True))
    return np.dtype("i1" if bits <= 8 else "i2" if bits <= 16 else "i4")
