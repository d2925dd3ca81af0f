"""What the samples of a picture to write mean, and what each file format can hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError

__all__ = ["TIFF_SUFFIXES", "Alpha", "Format", "Meaning", "Space", "format_of", "rescaled"]

Space = Literal["grey", "rgb", "cmyk", "lab"]
Alpha = Literal["straight", "premultiplied"]

_COLOURS: dict[Space, int] = {"grey": 1, "rgb": 3, "cmyk": 4, "lab": 3}

TIFF_SUFFIXES = (".tif", ".tiff")


@dataclass(frozen=True)
class Meaning:
    """What the components of a picture mean: first the colours, then alpha, then components without a meaning.

    Attributes
    ----------
    bit_depth : int
        Bits per sample, 1 to 16; the largest code is full intensity.
    space : {"grey", "rgb", "cmyk", "lab"}
        Colour space. Codes of ``"lab"`` are those of CIELab in TIFF: a and b are signed, in two's complement.
    alpha : {"straight", "premultiplied"} or None
        What alpha is; premultiplied colours are multiplied by it. None: there is none.
    significant : tuple of int
        Bits per sample of each component before scaling to `bit_depth`. Empty: all `bit_depth`.
    """

    bit_depth: int
    space: Space = "grey"
    alpha: Alpha | None = None
    significant: tuple[int, ...] = ()

    @property
    def colours(self) -> int:
        """Number of colour components."""
        return _COLOURS[self.space]

    def extra(self, components: int) -> int:
        """Return how many of the components are neither colours nor alpha."""
        return components - self.colours - (self.alpha is not None)

    @classmethod
    def of_samples(cls, components: int, dtype: np.dtype[np.generic]) -> Meaning:
        """Return the usual meaning of samples: grey up to two components, then RGB; one more component is alpha."""
        space: Space = "grey" if components < 3 else "rgb"
        return cls(8 * dtype.itemsize, space, "straight" if components in (2, 4) else None)


@dataclass(frozen=True)
class Format:
    """A file format to write.

    Attributes
    ----------
    name : str
        Its name in messages.
    deep : bool
        Whether it holds samples of 9 to 16 bits.
    alpha, premultiplied, signed, extra : bool
        Whether it holds alpha, alpha that is premultiplied, signed samples, components without a meaning.
    spaces : tuple of str
        Colour spaces that it holds.
    depths : tuple of int
        The only bit depths that it holds. Empty: all.
    metadata : tuple of str
        The attributes of `Metadata` that it holds.
    """

    name: str
    deep: bool = False
    alpha: bool = False
    premultiplied: bool = False
    signed: bool = False
    extra: bool = False
    spaces: tuple[Space, ...] = ("grey", "rgb")
    depths: tuple[int, ...] = ()
    metadata: tuple[str, ...] = ()

    def check(self, meaning: Meaning, components: int, dtype: np.dtype[np.generic]) -> None:
        """Check that the format holds a picture.

        Raises
        ------
        OptionError
            If it does not.
        """
        if meaning.space not in self.spaces:
            raise OptionError(f"{self.name} does not hold pictures in {meaning.space}: write TIFF")
        if dtype.kind == "i" and not self.signed:
            raise OptionError(f"{self.name} does not hold signed samples: write TIFF")
        if meaning.extra(components) and not self.extra:
            raise OptionError(
                f"{self.name} does not hold components that are neither colours nor alpha, "
                f"and the picture has {meaning.extra(components)}: write TIFF"
            )
        if meaning.alpha is not None and not self.alpha:
            raise OptionError(f"{self.name} does not hold alpha: write PNG or TIFF")
        if self.depths and meaning.bit_depth not in self.depths:
            raise OptionError(f"{self.name} holds bilevel pictures only: write PGM, PNG or TIFF")
        if meaning.bit_depth > 8 and not self.deep:
            raise OptionError(f"{self.name} holds samples of at most 8 bits: write PNG or TIFF")


_FULL = ("icc_profile", "exif", "xmp", "dpi")

TIFF = Format(
    "TIFF",
    deep=True,
    alpha=True,
    premultiplied=True,
    signed=True,
    extra=True,
    spaces=("grey", "rgb", "cmyk", "lab"),
    metadata=(*_FULL, "geotiff"),
)
PNG = Format("PNG", deep=True, alpha=True, metadata=_FULL)
PNM = Format("PNM", deep=True)
NPY = Format("NumPy's format")

_FORMATS = {
    **dict.fromkeys(TIFF_SUFFIXES, TIFF),
    ".png": PNG,
    **dict.fromkeys((".pnm", ".ppm"), PNM),
    ".pbm": Format("PBM", spaces=("grey",), depths=(1,)),
    ".pgm": Format("PGM", deep=True, spaces=("grey",)),
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), Format("JPEG", metadata=_FULL)),
    ".webp": Format("WebP", alpha=True, metadata=("icc_profile", "exif", "xmp")),
    ".bmp": Format("BMP", metadata=("dpi",)),
    ".tga": Format("TGA", alpha=True),
    ".gif": Format("GIF", spaces=("grey",)),
}


def format_of(path: Path) -> Format:
    """Return the format that the suffix of a path selects.

    Raises
    ------
    OptionError
        If the suffix is unknown.
    """
    from PIL import Image

    suffix = path.suffix.lower()
    if suffix in _FORMATS:
        return _FORMATS[suffix]
    if Image.registered_extensions().get(suffix) not in Image.SAVE:
        raise OptionError(f"no picture format has the suffix {path.suffix!r}")
    return Format(suffix[1:].upper())


def rescaled(samples: NDArray[Any], old: int, new: int) -> NDArray[Any]:
    """Return unsigned samples of `old` bits scaled to `new` bits, rounded, so that full intensity stays full."""
    dtype = np.uint8 if new <= 8 else np.uint16
    if old == new:
        return samples.astype(dtype, copy=False)
    before, after = (1 << old) - 1, (1 << new) - 1
    return ((samples.astype(np.uint32) * after + before // 2) // before).astype(dtype)
