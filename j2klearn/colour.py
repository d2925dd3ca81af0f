"""Pixels to components and back: level shift, scaling to the 8-bit range, and the ICT or the RCT (T.800 Annex G).

Components of lossy coding are float32 planes in units of 8-bit grey levels whatever the bit depth, so that one model
serves all; those of lossless coding are int32 planes in units of the samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError, OptionError
from .limits import MAX_COMPONENTS
from .stages import stage

__all__ = [
    "Picture",
    "inverse_transform",
    "pixels",
    "planes",
    "reversible_pixels",
    "reversible_planes",
    "sample_range",
]

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

Samples = NDArray[Any]
Planes = NDArray[np.float32]

_DTYPES = (np.uint8, np.uint16, np.int8, np.int16)

_STRIP = 1 << 20  # samples worked on at once


def inverse_transform() -> tuple[tuple[float, float, float], ...]:
    """Return the matrix of the inverse ICT: RGB from Y, Cb and Cr."""
    return _INVERSE


class Picture:
    """A picture handed in for coding, checked.

    Parameters
    ----------
    image : array_like
        (H, W) or (H, W, C) with C of 1 to 255; uint8, uint16, int8 or int16.
    bit_depth : int, optional
        Bits per sample in use, 1 to 16; all those of the dtype if not given.
    colorspace : {"rgb", "grey"}, optional
        What the first three or the first component are; RGB from three components on, if not given.
    alpha : bool, optional
        The component after the colours is the opacity. If not given it is where it is the only one there.
    component_transform : bool, optional
        RGB goes through the component transform; it does if not given.

    Raises
    ------
    InputError
        If it is anything else, empty, or holds samples beyond the bit depth.
    OptionError
        If the components do not fit `colorspace`, `alpha` or `component_transform`.
    """

    def __init__(
        self,
        image: object,
        bit_depth: int | None = None,
        *,
        colorspace: str | None = None,
        alpha: bool | None = None,
        component_transform: bool | None = None,
    ) -> None:
        samples: NDArray[Any] = np.asarray(image)
        if samples.ndim == 3 and samples.shape[2] == 1:
            samples = samples[:, :, 0]
        if samples.ndim not in (2, 3) or (samples.ndim == 3 and samples.shape[2] > MAX_COMPONENTS):
            raise InputError(
                f"a picture has the shape (H, W) or (H, W, C), C up to {MAX_COMPONENTS}, not {samples.shape}"
            )
        if samples.size == 0:
            raise InputError(f"the picture is empty: its shape is {samples.shape}")
        names = "uint8, uint16, int8 or int16"
        if samples.dtype.kind == "f" and np.isnan(samples).any():
            raise InputError(f"the picture holds NaN, and its dtype has to be {names}")
        if samples.dtype not in _DTYPES:
            raise InputError(f"the dtype of a picture is {names}, not {samples.dtype}")
        widest = 8 * samples.dtype.itemsize
        depth = widest if bit_depth is None else bit_depth
        if isinstance(depth, bool) or not isinstance(depth, int) or not 1 <= depth <= widest:
            raise InputError(f"the bit depth of {samples.dtype} samples is 1 to {widest}, not {bit_depth!r}")
        self.signed = samples.dtype.kind == "i"
        if depth < widest:
            low, high = sample_range(depth, signed=self.signed)
            for sample in (int(samples.min()), int(samples.max())):
                if not low <= sample <= high:
                    raise InputError(
                        f"the picture holds the sample {sample}, which needs more than {depth} bits"
                    )
        self.samples: Samples = samples
        self.bit_depth = depth
        self._set_colours(colorspace, alpha, component_transform)

    def _set_colours(self, colorspace: str | None, alpha: bool | None, transform: bool | None) -> None:
        if colorspace not in (None, "rgb", "grey"):
            raise OptionError(f"the colorspace is 'rgb' or 'grey', not {colorspace!r}")
        rgb = self.components >= 3 if colorspace is None else colorspace == "rgb"
        self.colours = 3 if rgb else 1
        extra = self.components - self.colours
        if extra < 0:
            raise OptionError(f"RGB has three components, and the picture has {self.components}")
        if alpha and not extra:
            raise OptionError(f"a picture of {self.components} component(s) has none left for alpha")
        if transform and not rgb:
            raise OptionError("the component transform is for RGB")
        self.alpha = extra == 1 if alpha is None else alpha
        self.ict = rgb if transform is None else transform

    @property
    def height(self) -> int:
        return int(self.samples.shape[0])

    @property
    def width(self) -> int:
        return int(self.samples.shape[1])

    @property
    def components(self) -> int:
        return int(self.samples.shape[2]) if self.samples.ndim == 3 else 1


def sample_range(bit_depth: int, *, signed: bool) -> tuple[int, int]:
    """Return the lowest and the highest sample of `bit_depth` bits."""
    half = 1 << (bit_depth - 1)
    return (-half, half - 1) if signed else (0, 2 * half - 1)


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


def _dtype(bit_depth: int, *, signed: bool) -> np.dtype[Any]:
    return np.dtype(("i" if signed else "u") + ("1" if bit_depth <= 8 else "2"))


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
