"""Conversion of the enumerated colour spaces of JP2 and JPX (T.800 Table I.10, T.801 Table M.25) to sRGB and CIELab."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CMYK",
    "CMYK_SPACES",
    "GREY_SPACES",
    "LAB",
    "RGB_CONVERSIONS",
    "SRGB",
    "LabScale",
    "cmyk_to_rgb",
    "ycck_to_cmyk",
]

Floats = NDArray[np.float64]

BILEVEL_BLACK_IS_ONE, BILEVEL_WHITE_IS_ONE = 0, 15
YCBCR_709, YCBCR_601_FULL, YCBCR_601 = 1, 3, 4
CMY, CMYK, YCCK, LAB = 11, 12, 13, 14
SRGB, GREY, SYCC, ESRGB, ESYCC = 16, 17, 18, 20, 24

#: Spaces of one component, and whether 0 is white.
GREY_SPACES = {GREY: False, BILEVEL_BLACK_IS_ONE: True, BILEVEL_WHITE_IS_ONE: False}
CMYK_SPACES = (CMYK, YCCK)

_BT601, _BT709 = (0.299, 0.114), (0.2126, 0.0722)  # luma coefficients of red and blue


def _from_luma(y: Floats, cb: Floats, cr: Floats, weights: tuple[float, float]) -> Floats:
    """Return RGB of luma (0 to 1) and colour differences (-0.5 to 0.5), shape (..., 3)."""
    red, blue = weights
    r = y + 2 * (1 - red) * cr
    b = y + 2 * (1 - blue) * cb
    g = (y - red * r - blue * b) / (1 - red - blue)
    return np.stack([r, g, b], axis=-1)


def _full_range(codes: Floats, depth: int, signed: Sequence[bool]) -> Floats:
    """Convert YCC with all codes in use: sYCC, e-sYCC, YCbCr(2)."""
    top, half = (1 << depth) - 1, 1 << (depth - 1)
    y, cb, cr = (
        (codes[..., i] + offset) / top
        for i, offset in enumerate(
            (half if signed[0] else 0, 0 if signed[1] else -half, 0 if signed[2] else -half)
        )
    )
    return _from_luma(y, cb, cr, _BT601)


def _video_range(weights: tuple[float, float]) -> Callable[[Floats, int, Sequence[bool]], Floats]:
    """Return the conversion of YCbCr whose luma has the codes 16 to 235 of 8 bits."""

    def convert(codes: Floats, depth: int, signed: Sequence[bool]) -> Floats:
        scale, half = 2.0 ** (depth - 8), 2.0 ** (depth - 1)
        y, cb, cr = (codes[..., i] + (half if sign else 0) for i, sign in enumerate(signed))
        return _from_luma((y / scale - 16) / 219, (cb / scale - 128) / 224, (cr / scale - 128) / 224, weights)

    return convert


def _cmy(codes: Floats, depth: int, signed: Sequence[bool]) -> Floats:
    return 1 - codes / ((1 << depth) - 1)


def _esrgb(codes: Floats, depth: int, signed: Sequence[bool]) -> Floats:
    """Convert e-sRGB (PIMA 7667), whose codes of 10 bits are 384 for 0 and 894 for 1."""
    return (codes / 2.0 ** (depth - 10) - 384) / 510


#: For each space of three components, the conversion of codes, shape (..., 3), with the bit depth and the signs, to
#: RGB with the values 0 to 1. The results can be out of gamut.
RGB_CONVERSIONS: dict[int, Callable[[Floats, int, Sequence[bool]], Floats]] = {
    YCBCR_709: _video_range(_BT709),
    YCBCR_601_FULL: _full_range,
    YCBCR_601: _video_range(_BT601),
    CMY: _cmy,
    SYCC: _full_range,
    ESRGB: _esrgb,
    ESYCC: _full_range,
}


def ycck_to_cmyk(codes: Floats, depth: int, signed: Sequence[bool]) -> Floats:
    """Return CMYK, 0 to 1, of YCCK codes, shape (..., 4)."""
    inks = 1 - _full_range(codes, depth, signed)
    return np.concatenate([inks, codes[..., 3:] / ((1 << depth) - 1)], axis=-1)


def cmyk_to_rgb(inks: Floats) -> Floats:
    """Return RGB of CMYK, both 0 to 1, without a profile: each ink takes away its complement."""
    return (1 - inks[..., :3]) * (1 - inks[..., 3:])


_D50, _D65 = (0.96422, 1.0, 0.82521), (0.95047, 1.0, 1.08883)
_ILLUMINANTS = {0x00443530: _D50, 0x00443635: _D65}

#: XYZ relative to D65, to linear sRGB (IEC 61966-2-1), and the adaptation of Bradford from D50 to D65.
_TO_SRGB = np.array(
    [
        [3.2404542, -1.5371385, -0.4985314],
        [-0.969266, 1.8760108, 0.041556],
        [0.0556434, -0.2040259, 1.0572252],
    ]
)
_D50_TO_D65 = np.array(
    [
        [0.9555766, -0.0230393, 0.0631636],
        [-0.0282895, 1.0099416, 0.0210077],
        [0.0122982, -0.020483, 1.3299098],
    ]
)


class LabScale(NamedTuple):
    """How codes stand for CIELab (T.801 M.11.7.4.1): ``L = (code - offset) * range / (2 ** depth - 1)``.

    The same holds for a and b.

    Attributes
    ----------
    ranges : (float, float, float)
        Range of L, a and b.
    offsets : (float, float, float) or None
        The codes of 0. None: those of the default scale.
    icc : bool
        Whether the scale is that of ICC profiles, where a and b go from -128 to 127.
    illuminant : int
        The illuminant, as in the EP field.
    """

    ranges: tuple[float, float, float] = (100, 170, 200)
    offsets: tuple[float, float, float] | None = None
    icc: bool = False
    illuminant: int = 0x00443530

    @classmethod
    def of_parameters(cls, parameters: bytes) -> LabScale:
        """Return the scale in the EP field, or the default scale if the field is empty."""
        if len(parameters) < 28:
            return cls()
        rl, ol, ra, oa, rb, ob, light = struct.unpack_from(">7I", parameters)
        return cls((rl, ra, rb), (ol, oa, ob), illuminant=light)

    @classmethod
    def of_icc(cls) -> LabScale:
        """Return the scale of ICC profiles."""
        return cls((100, 255, 255), icc=True)

    def _zeros(self, depth: int) -> tuple[float, float, float]:
        if self.offsets is not None:
            return self.offsets
        if self.icc:
            zero = 128 * ((1 << depth) - 1) / 255
            return 0, zero, zero
        return 0, 2.0 ** (depth - 1), 2.0 ** (depth - 2) + 2.0 ** (depth - 3)

    @property
    def supported(self) -> bool:
        """Whether the illuminant is D50 or D65."""
        return self.illuminant in _ILLUMINANTS

    def lab(self, codes: Floats, depth: int) -> Floats:
        """Return L, a and b of codes, shape (..., 3)."""
        lab: Floats = (codes - np.array(self._zeros(depth))) * (np.array(self.ranges) / ((1 << depth) - 1))
        return lab

    def rgb(self, codes: Floats, depth: int) -> Floats:
        """Return sRGB, 0 to 1, of codes, shape (..., 3)."""
        lab = self.lab(codes, depth)
        fy = (lab[..., 0] + 16) / 116
        f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], axis=-1)
        xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * _ILLUMINANTS[self.illuminant]
        matrix = _TO_SRGB @ _D50_TO_D65 if self.illuminant == 0x00443530 else _TO_SRGB
        linear: Any = np.clip(xyz @ matrix.T, 0, 1)
        out: Floats = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        return out
