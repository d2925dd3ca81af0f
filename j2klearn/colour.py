"""Pixels to components and back: level shift, scaling to the 8-bit range, and the ICT (T.800 Annex G).

Components are float32 planes in units of 8-bit grey levels whatever the bit depth, so that one model serves all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .stages import stage

__all__ = ["Picture", "pixels", "planes"]

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
Planes = NDArray[np.float32]

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


@stage("colour")
def planes(picture: Picture) -> Planes:
    """Return the components of a picture as (C, H, W) float32, level shifted; of a colour picture Y, Cb and Cr."""
    scale = np.float32(2.0 ** (8 - picture.bit_depth))
    samples = picture.samples.reshape(picture.height, picture.width, -1)
    weights = np.array(_FORWARD if picture.components == 3 else [[1.0]], np.float32) * scale
    out = np.empty((picture.components, picture.height, picture.width), np.float32)
    rows = max(1, _STRIP // picture.width)
    for top in range(0, picture.height, rows):
        strip = samples[top : top + rows].astype(np.float32)
        for index, row in enumerate(weights):
            out[index, top : top + rows] = strip @ row
        out[0, top : top + rows] -= np.float32(128)
    return out


@stage("colour")
def pixels(components: Planes, bit_depth: int, *, ict: bool) -> Samples:
    """Return the picture of component planes, rounded and clipped; the inverse of `planes`.

    Parameters
    ----------
    components : ndarray, shape (C, H, W), float32
        The planes.
    bit_depth : int
        Bits per sample of the result: up to 8 gives uint8, more uint16.
    ict : bool
        The planes are Y, Cb and Cr.
    """
    count, height, width = components.shape
    dtype = np.uint8 if bit_depth <= 8 else np.uint16
    scale, most = np.float32(2.0 ** (bit_depth - 8)), np.float32((1 << bit_depth) - 1)
    out = np.empty((height, width, count), dtype)
    rows = max(1, _STRIP // max(1, width))
    for top in range(0, height, rows):
        strips = components[:, top : top + rows]
        for index in range(count):
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
            np.clip(value, 0, most, out=value)
            out[top : top + rows, :, index] = value
    return out[:, :, 0] if count == 1 else out
