"""Convert pixels to component planes and back (T.800 Annex G): level shift, scaling, and the ICT or the RCT.

Lossy coding uses float32 planes in units of 8-bit grey levels for every bit depth, so that one model serves all bit
depths. Lossless coding uses int32 planes in units of the samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.picture import Picture, Samples, _dtype, sample_range
from ..core.timing import stage
from ..native import pixels as native

__all__ = ["interleaved", "inverse_transform", "pixels", "planes", "reversible_pixels", "reversible_planes"]

# The inverse ICT: T.800 equations G-12 to G-14.
_INVERSE = (
    (1.0, 0.0, 1.402),
    (1.0, -0.114 * 1.772 / 0.587, -0.299 * 1.402 / 0.587),
    (1.0, 1.772, 0.0),
)

Planes = NDArray[np.float32]


def inverse_transform() -> tuple[tuple[float, float, float], ...]:
    """Return the 3x3 matrix of the inverse ICT (T.800 G-12 to G-14): rows R, G, B; columns Y, Cb, Cr."""
    return _INVERSE


@stage("colour")
def planes(picture: Picture) -> Planes:
    """Convert a picture to the component planes of lossy coding.

    Parameters
    ----------
    picture : Picture
        The picture. If `picture.ict` is true, the first three components go through the ICT.

    Returns
    -------
    ndarray, shape (C, H, W), float32
        Components in units of 8-bit grey levels. Unsigned samples are level shifted.
    """
    samples = picture.samples.reshape(picture.height, picture.width, -1)
    return native.planes(samples, picture.bit_depth, ict=picture.ict)


@stage("colour")
def reversible_planes(picture: Picture) -> NDArray[np.int32]:
    """Convert a picture to the component planes of lossless coding.

    The RCT (T.800 G.2) replaces R, G and B by floor((R + 2 G + B) / 4), B - G and R - G. The differences need one bit
    more than the samples.

    Parameters
    ----------
    picture : Picture
        The picture. If `picture.ict` is true, the first three components go through the RCT.

    Returns
    -------
    ndarray, shape (C, H, W), int32
        Components in units of the samples. Unsigned samples are level shifted.
    """
    shift = 0 if picture.signed else 1 << (picture.bit_depth - 1)
    samples = picture.samples.reshape(picture.height, picture.width, -1)
    out = np.empty((picture.components, picture.height, picture.width), np.int32)
    order = list(range(picture.components))
    if picture.ict:
        order[:3] = [2, 0, 1]  # red and blue where their differences from green are wanted
    for index, at in enumerate(order):
        np.subtract(samples[:, :, index], shift, out=out[at], dtype=np.int32)
    if picture.ict:
        green = out[0].copy()
        out[1:3] -= green
        np.add(out[1], out[2], out=out[0])
        out[0] >>= 2
        out[0] += green
    return out


@stage("colour")
def reversible_pixels(
    components: NDArray[np.int32], bit_depth: int, *, rct: bool, signed: bool = False
) -> Samples:
    """Convert the planes of lossless coding to pixels, clipped to the bit depth; the inverse of `reversible_planes`.

    Parameters
    ----------
    components : ndarray, shape (C, H, W), int32
        The planes.
    bit_depth : int
        Bits per sample of the result, 1 to 16.
    rct : bool
        Whether the first three planes are those of the RCT (T.800 G.2).
    signed : bool
        Whether the samples are signed.

    Returns
    -------
    ndarray, shape (H, W) or (H, W, C)
        Samples: uint8 or int8 for bit depths up to 8, else uint16 or int16.
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
def pixels(
    components: Planes, bit_depth: int, *, ict: bool, signed: bool = False, threads: int = 1
) -> Samples:
    """Convert the planes of lossy coding to pixels, rounded and clipped to the bit depth; the inverse of `planes`.

    Parameters
    ----------
    components : ndarray, shape (C, H, W), float32
        The planes, in units of 8-bit grey levels.
    bit_depth : int
        Bits per sample of the result, 1 to 16.
    ict : bool
        Whether the first three planes are Y, Cb and Cr.
    signed : bool
        Whether the samples are signed.
    threads : int
        Most threads to use.

    Returns
    -------
    ndarray, shape (H, W) or (H, W, C)
        Samples: uint8 or int8 for bit depths up to 8, else uint16 or int16.
    """
    out = native.pixels(components, bit_depth, ict=ict, signed=signed, threads=threads)
    samples: Samples = out.view(_dtype(bit_depth, signed=signed))
    return samples[:, :, 0] if len(components) == 1 else samples


def interleaved(samples: NDArray[np.int32], bit_depth: int, *, signed: bool = False) -> Samples:
    """Return decoded samples as pixels.

    Parameters
    ----------
    samples : ndarray, shape (C, H, W), int32
        The samples of every component, in the range of the bit depth.
    bit_depth, signed
        As in `pixels`.

    Returns
    -------
    ndarray, shape (H, W) or (H, W, C)
        As in `pixels`.
    """
    count, height, width = samples.shape
    out = np.empty((height, width, count), _dtype(bit_depth, signed=signed))
    for index, plane in enumerate(samples):
        out[:, :, index] = plane
    return out[:, :, 0] if count == 1 else out
