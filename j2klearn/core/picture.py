"""Pictures to encode: samples, bit depth, sign, colour components and alpha."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, J2KError, OptionError
from .limits import MAX_COMPONENTS
from .scalars import as_integer

__all__ = ["Picture", "Samples", "checked_depth", "native_samples", "plain_array", "sample_range", "unmasked"]

Samples = NDArray[Any]

_DTYPES = (np.uint8, np.uint16, np.int8, np.int16)


class Picture:
    """A picture to encode, checked on construction.

    Parameters
    ----------
    image : array_like
        Shape (H, W) or (H, W, C) with C from 1 to 255; dtype uint8, uint16, int8 or int16, in any byte order and with
        any strides, or bool.
    bit_depth : int, optional
        Significant bits per sample, 1 to 16. Default: the width of the dtype, or 1 for bool.
    colorspace : {"rgb", "grey"}, optional
        Whether the first three components are RGB, or the first one is grey. Default: RGB from three components on.
    alpha : bool, optional
        Whether the component after the colour components is alpha. Default: yes if there is exactly one extra
        component.
    component_transform : bool, optional
        Whether RGB goes through the component transform. Default: yes.

    Attributes
    ----------
    samples : ndarray, shape (H, W) or (H, W, C)
        The samples, in the byte order of this machine, uint8 for bool; one component has two axes.
    bit_depth : int
        Significant bits per sample.
    signed : bool
        Whether samples are signed.
    colours : int
        Number of colour components: 3 for RGB, 1 for grey.
    alpha : bool
        Whether the component after the colour components is alpha.
    ict : bool
        Whether the first three components go through the component transform.

    Raises
    ------
    InputError
        If the shape or the dtype is none of these, the picture is empty, or a sample exceeds the bit depth.
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
        samples = plain_array(image)
        if samples.ndim == 3 and samples.shape[2] == 1:
            samples = samples[:, :, 0]
        if samples.ndim not in (2, 3) or (samples.ndim == 3 and samples.shape[2] > MAX_COMPONENTS):
            raise InputError(
                f"the shape of a picture must be (H, W) or (H, W, C), C at most {MAX_COMPONENTS}, not {samples.shape}"
            )
        if samples.size == 0:
            raise InputError(f"the picture is empty: its shape is {samples.shape}")
        binary = samples.dtype == np.bool_
        samples = native_samples(samples)
        depth = checked_depth(samples, 1 if binary and bit_depth is None else bit_depth)
        self.signed = samples.dtype.kind == "i"
        self.samples: Samples = samples
        self.bit_depth = depth
        self._set_colours(colorspace, alpha, component_transform)

    def _set_colours(self, colorspace: str | None, alpha: bool | None, transform: bool | None) -> None:
        if colorspace not in (None, "rgb", "grey"):
            raise OptionError(f"colorspace must be 'rgb' or 'grey', not {colorspace!r}")
        rgb = self.components >= 3 if colorspace is None else colorspace == "rgb"
        self.colours = 3 if rgb else 1
        extra = self.components - self.colours
        if extra < 0:
            raise OptionError(f"RGB needs three components, but the picture has {self.components}")
        if alpha and not extra:
            raise OptionError(f"alpha needs one more component: the picture has {self.components}")
        if transform and not rgb:
            raise OptionError("the component transform needs RGB")
        self.alpha = extra == 1 if alpha is None else alpha
        self.ict = rgb if transform is None else transform

    @property
    def height(self) -> int:
        """Rows of the picture."""
        return int(self.samples.shape[0])

    @property
    def width(self) -> int:
        """Columns of the picture."""
        return int(self.samples.shape[1])

    @property
    def components(self) -> int:
        """Number of components, alpha included."""
        return int(self.samples.shape[2]) if self.samples.ndim == 3 else 1


def plain_array(image: object) -> Samples:
    """Return an array-like object as an array of numpy.

    Parameters
    ----------
    image : array_like
        For example an array, nested lists, or a tensor that numpy can read.

    Raises
    ------
    InputError
        If it is a masked array, whose mask would be lost, or numpy cannot make an array of it.
    """
    try:
        return np.asarray(unmasked(image))
    except (J2KError, MemoryError):
        raise
    except Exception as error:  # the libraries of arrays raise exceptions of any type
        raise InputError(
            f"the picture cannot be read as an array: {error or type(error).__name__}"
        ) from error


def unmasked(image: object) -> object:
    """Return the argument, unless it is a masked array, for which `InputError` is raised: its mask would be lost."""
    if isinstance(image, np.ma.MaskedArray):
        raise InputError(
            "the picture is a masked array, and a JPEG 2000 file has no mask: fill the masked samples with "
            "image.filled(0), or add the mask as another component"
        )
    return image


def native_samples(samples: Samples) -> Samples:
    """Return samples in the byte order of this machine, those of bool as uint8.

    Raises
    ------
    InputError
        If their dtype is not uint8, uint16, int8, int16 or bool. The message says how to convert them.
    """
    if samples.dtype == np.bool_:
        return samples.astype(np.uint8)
    native = samples.dtype.newbyteorder("=")
    if native in _DTYPES:
        return samples.astype(native, copy=False)
    names = "uint8, uint16, int8, int16 or bool"
    if samples.dtype.kind == "f" and np.isnan(samples).any():
        raise InputError(f"the picture holds NaN: replace them, and convert the samples to {names}")
    advice = ""
    if samples.dtype.kind == "f":
        advice = ": scale and round them, for example with (255 * image).round().astype(np.uint8) if they are 0 to 1"
    elif samples.dtype.kind in "iu":
        advice = ": if the samples fit, convert them with image.astype(np.uint16) or np.int16"
    raise InputError(f"the dtype of a picture must be {names}, not {samples.dtype}{advice}")


def checked_depth(samples: Samples, bit_depth: object = None) -> int:
    """Return the significant bits of samples, after checking that all samples fit.

    Parameters
    ----------
    samples : ndarray
        The result of `native_samples`, not empty.
    bit_depth : int, optional
        The number of bits. Default: all bits of the dtype.

    Raises
    ------
    InputError
        If the dtype has fewer bits, or a sample needs more.
    """
    widest = 8 * samples.dtype.itemsize
    depth = widest if bit_depth is None else as_integer(bit_depth)
    if depth is None or not 1 <= depth <= widest:
        raise InputError(f"the bit depth of {samples.dtype} samples must be 1 to {widest}, not {bit_depth!r}")
    if depth < widest:
        low, high = sample_range(depth, signed=samples.dtype.kind == "i")
        for sample in (int(samples.min()), int(samples.max())):
            if not low <= sample <= high:
                raise InputError(f"the picture holds the sample {sample}, which needs more than {depth} bits")
    return depth


def sample_range(bit_depth: int, *, signed: bool) -> tuple[int, int]:
    """Return the lowest and the highest value of a sample with `bit_depth` bits."""
    half = 1 << (bit_depth - 1)
    return (-half, half - 1) if signed else (0, 2 * half - 1)


def _dtype(bit_depth: int, *, signed: bool) -> np.dtype[Any]:
    return np.dtype(("i" if signed else "u") + ("1" if bit_depth <= 8 else "2"))
