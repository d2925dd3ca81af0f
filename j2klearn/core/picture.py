"""Pictures as they are coded: samples, bit depth, sign, colour components and alpha."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, OptionError
from .limits import MAX_COMPONENTS

__all__ = ["Picture", "Samples", "sample_range"]

Samples = NDArray[Any]

_DTYPES = (np.uint8, np.uint16, np.int8, np.int16)


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


def _dtype(bit_depth: int, *, signed: bool) -> np.dtype[Any]:
    return np.dtype(("i" if signed else "u") + ("1" if bit_depth <= 8 else "2"))
