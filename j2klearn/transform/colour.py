"""Pixels to components and back: level shift, scaling to the 8-bit range, and the ICT or the RCT (T.800 Annex G).

Components of lossy coding are float32 planes in units of 8-bit grey levels whatever the bit depth, so that one model
serves all; those of lossless coding are int32 planes in units of the samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.picture import Picture, Samples, _dtype, sample_range
from ..core.timing import stage

__all__ = ["inverse_transform", "pixels", "planes", "reversible_pixels", "reversible_planes"]

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

Planes = NDArray[np.float32]


_STRIP = 1 << 20  # samples worked on at once


def inverse_transform() -> tuple[tuple[float, float, float], ...]:
    """Return the matrix of the inverse ICT: RGB from Y, Cb and Cr."""
    return _INVERSE


@stage("colour")
def planes(picture: Picture) -> Planes:
    """Return the components of a picture as (C, H, W) float32, level shifted if unsigned; of RGB Y, Cb and Cr."""
    scale = np.float32(2.0 ** (8 - picture.bit_depth))
    shift = np.float32(0 if picture.signed else 128)
    samples = picture.samples.reshape(picture.height, picture.width, -1)
    weights = np.array(_FORWARD, np.float32) * scale
    out = np.empty((picture.components, picture.height, picture.width), np.float32)
    rows = max(1, _STRIP // picture.width)
    for top in range(0, picture.height, rows):
        strip = samples[top : top + rows].astype(np.float32)
        for index, plane in enumerate(out[:, top : top + rows]):
            if picture.ict and index < 3:
                # not by np.matmul, whose sums depend on where in a strip a sample lies
                np.multiply(strip[..., 0], weights[index, 0], out=plane)
                plane += strip[..., 1] * weights[index, 1]
                plane += strip[..., 2] * weights[index, 2]
            else:
                np.multiply(strip[..., index], scale, out=plane)
            if index == 0 or not (picture.ict and index < 3):
                plane -= shift
    return out


@stage("colour")
def reversible_planes(picture: Picture) -> NDArray[np.int32]:
    """Return the components of a picture without loss, as (C, H, W) int32: level shifted if unsigned, RGB by the RCT.

    The RCT (T.800 G.2) makes of R, G and B the sum (R + 2 G + B) / 4, rounded down, and the differences B - G and
    R - G, which take one bit more than the samples.
    """
    shift = 0 if picture.signed else 1 << (picture.bit_depth - 1)
    samples = picture.samples.reshape(picture.height, picture.width, -1)
    out = np.empty((picture.components, picture.height, picture.width), np.int32)
    for index, plane in enumerate(out):
        np.subtract(samples[:, :, index], shift, out=plane, dtype=np.int32)
    if picture.ict:
        red, green, blue = out[0].copy(), out[1].copy(), out[2]
        out[0] = (red + 2 * green + blue) >> 2
        out[1] = blue - green
        out[2] = red - green
    return out


@stage("colour")
def reversible_pixels(
    components: NDArray[np.int32], bit_depth: int, *, rct: bool, signed: bool = False
) -> Samples:
    """Return the picture of integer planes, clipped to the bit depth; the inverse of `reversible_planes`.

    Parameters
    ----------
    components : ndarray, shape (C, H, W), int32
        The planes.
    bit_depth : int
        Bits per sample of the result: up to 8 gives uint8 or int8, more uint16 or int16.
    rct : bool
        The first three planes have been through the RCT.
    signed : bool
        The samples are signed.
    """
    count, height, width = components.shape
    shift = 0 if signed else 1 << (bit_depth - 1)
    out = np.empty((height, width, count), _dtype(bit_depth, signed=signed))
    planes: list[NDArray[np.int32]] = list(components)
    if rct:
        luma, blue_green, red_green = planes[:3]
        green = luma - ((blue_green + red_green) >> 2)
        planes[:3] = [red_green + green, green, blue_green + green]
    for index, plane in enumerate(planes):
        out[:, :, index] = np.clip(plane + shift, *sample_range(bit_depth, signed=signed))
    return out[:, :, 0] if count == 1 else out


@stage("colour")
def pixels(components: Planes, bit_depth: int, *, ict: bool, signed: bool = False) -> Samples:
    """Return the picture of component planes, rounded and clipped; the inverse of `planes`.

    Parameters
    ----------
    components : ndarray, shape (C, H, W), float32
        The planes.
    bit_depth : int
        Bits per sample of the result: up to 8 gives uint8 or int8, more uint16 or int16.
    ict : bool
        The first three planes are Y, Cb and Cr.
    signed : bool
        The samples are signed.
    """
    count, height, width = components.shape
    dtype = _dtype(bit_depth, signed=signed)
    scale, shift = np.float32(2.0 ** (bit_depth - 8)), np.float32(0 if signed else 128)
    least, most = (np.float32(bound) for bound in sample_range(bit_depth, signed=signed))
    out = np.empty((height, width, count), dtype)
    rows = max(1, _STRIP // max(1, width))
    for top in range(0, height, rows):
        strips = components[:, top : top + rows]
        for index in range(count):
            if ict and index < 3:
                value = strips[0].copy()
                for weight, strip in zip(_INVERSE[index][1:], strips[1:3], strict=True):
                    if weight:
                        value += np.float32(weight) * strip
                value += shift
            else:
                value = strips[index] + shift
            value *= scale
            np.rint(value, out=value)
            np.clip(value, least, most, out=value)
            out[top : top + rows, :, index] = value
    return out[:, :, 0] if count == 1 else out
