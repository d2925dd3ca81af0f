"""Pixels to components and back: level shift, scaling to the 8-bit range, and the ICT (T.800 Annex G).

Components are float32 planes in units of 8-bit grey levels whatever the bit depth, so that one model serves all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError

__all__ = ["Picture", "component", "pixels"]

# T.800 equations G-9 to G-11, and G-12 to G-14
_FORWARD = (
    (0.299, 0.587, 0.114),
    (-0.299 / 1.772, -0.587 / 1.772, 0.5),
    (0.5, -0.587 / 1.402, -0.114 / 1.402),
)
_INVERSE = (
    (1.0, 0.0, 1.402),
    (1.0, -0.114 * 1.772 / 0.587, -0.299 * 1.402 / 0.587),
    (1.0, 1.772, 0.0),
)

Samples = NDArray[np.uint8] | NDArray[np.uint16]
Plane = NDArray[np.float32]

_STRIP = 1 << 20  # samples worked on at once


class Picture:
    """A picture handed in for coding, checked.

    Parameters
    ----------
    image : array_like
        (H, W) or (H, W, C) with C of 1 or 3, uint8 or uint16.
    bit_depth : int, optional
        Bits per sample in use: 8 to 16, 8 for uint8 and 16 for uint16 if not given.

    Raises
    ------
    InputError
        If it is anything else, empty, or holds samples above the bit depth.
    """

    def __init__(self, image: object, bit_depth: int | None = None) -> None:
        samples: NDArray[Any] = np.asarray(image)
        if samples.ndim == 3 and samples.shape[2] == 1:
            samples = samples[:, :, 0]
        if samples.ndim not in (2, 3) or (samples.ndim == 3 and samples.shape[2] != 3):
            raise InputError(f"a picture has the shape (H, W), (H, W, 1) or (H, W, 3), not {samples.shape}")
        if samples.size == 0:
            raise InputError(f"the picture is empty: its shape is {samples.shape}")
        if samples.dtype.kind == "f" and np.isnan(samples).any():
            raise InputError("the picture holds NaN, and its dtype has to be uint8 or uint16")
        if samples.dtype not in (np.uint8, np.uint16):
            raise InputError(f"the dtype of a picture is uint8 or uint16, not {samples.dtype}")
        widest = 8 * samples.dtype.itemsize
        depth = widest if bit_depth is None else bit_depth
        if not isinstance(depth, int) or not 8 <= depth <= widest:
            raise InputError(f"the bit depth of {samples.dtype} samples is 8 to {widest}, not {bit_depth!r}")
        if depth < widest and int(samples.max()) >= 1 << depth:
            raise InputError(
                f"the picture holds the sample {int(samples.max())}, which needs more than {depth} bits"
            )
        self.samples: Samples = samples
        self.bit_depth = depth

    @property
    def height(self) -> int:
        return int(self.samples.shape[0])

    @property
    def width(self) -> int:
        return int(self.samples.shape[1])

    @property
    def components(self) -> int:
        return self.samples.shape[2] if self.samples.ndim == 3 else 1


def component(picture: Picture, index: int) -> Plane:
    """Return one component as (H, W) float32, level shifted; of a colour picture Y, Cb or Cr."""
    scale, shift = 2.0 ** (8 - picture.bit_depth), 128.0
    samples = picture.samples
    out = np.empty(samples.shape[:2], np.float32)
    rows = max(1, _STRIP // picture.width)
    for top in range(0, picture.height, rows):
        strip = samples[top : top + rows].astype(np.float32)
        if samples.ndim == 3:
            weights = np.array(_FORWARD[index], np.float32) * np.float32(scale)
            strip = strip @ weights
        else:
            strip *= scale
        out[top : top + rows] = strip - shift if index == 0 else strip
    return out


def pixels(planes: Sequence[Plane], bit_depth: int, *, ict: bool) -> Samples:
    """Return the picture of component planes, rounded and clipped; the inverse of `component`.

    Parameters
    ----------
    planes : sequence of ndarray
        (H, W) float32 each.
    bit_depth : int
        Bits per sample of the result: up to 8 gives uint8, more uint16.
    ict : bool
        The planes are Y, Cb and Cr.
    """
    height, width = planes[0].shape
    dtype = np.uint8 if bit_depth <= 8 else np.uint16
    scale, top_value = np.float32(2.0 ** (bit_depth - 8)), np.float32((1 << bit_depth) - 1)
    out = np.empty((height, width, len(planes)), dtype)
    rows = max(1, _STRIP // max(1, width))
    for top in range(0, height, rows):
        strips = [plane[top : top + rows] for plane in planes]
        for index in range(len(planes)):
            if ict:
                value = strips[0].copy()
                for weight, strip in zip(_INVERSE[index][1:], strips[1:], strict=True):
                    if weight:
                        value += np.float32(weight) * strip
                value += np.float32(128)
            else:
                value = strips[index] + np.float32(128)
            value *= scale
            np.rint(value, out=value)
            np.clip(value, 0, top_value, out=value)
            out[top : top + rows, :, index] = value
    return out[:, :, 0] if len(planes) == 1 else out
