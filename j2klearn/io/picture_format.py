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
            raise OptionError(f"j2klearn does not write colours to {self.name} files: write PNG or TIFF")
        if dtype.kind == "i" and not self.signed:
            raise self._refusal("signed samples", "TIFF")
        extra = meaning.extra(components)
        if extra and not self.extra:
            count = "one" if extra == 1 else str(extra)
            raise self._refusal(f"the components that are neither colours nor alpha ({count} here)", "TIFF")
        if meaning.alpha is not None and not self.alpha:
            raise self._refusal("alpha", "PNG or TIFF")
        if self.depths and meaning.bit_depth not in self.depths:
            raise self._refusal("samples of more than one bit", "PGM, PNG or TIFF")
        if meaning.bit_depth > 8 and not self.deep:
            raise self._refusal("samples of more than 8 bits", "PNG or TIFF")

    def _refusal(self, what: str, instead: str) -> OptionError:
        return OptionError(f"j2klearn does not write {what} to {self.name} files: write {instead}")


_FULL = ("icc_profile", "exif", "xmp", "dpi")

TIFF = Format(
    "TIFF",
    deep=True,
    alpha=True,
    premultiplied=True,
    signed=True,
    extra=True,
    spaces=("grey", "rgb", "cmyk", "lab"),
    metadata=(*_FULL, "iptc", "photoshop", "geotiff"),
)
PNG = Format("PNG", deep=True, alpha=True, metadata=_FULL)
PNM = Format("PNM", deep=True)

_FORMATS = {
    **dict.fromkeys(TIFF_SUFFIXES, TIFF),
    ".png": PNG,
    **dict.fromkeys((".pnm", ".ppm"), PNM),
    ".pam": Format("PAM", deep=True, alpha=True),
    ".pbm": Format("PBM", spaces=("grey",), depths=(1,)),
    ".pgm": Format("PGM", deep=True, spaces=("grey",)),
    **dict.fromkeys(
        (".jpg", ".jpeg", ".jpe", ".jfif"), Format("JPEG", metadata=(*_FULL, "iptc", "photoshop"))
    ),
    ".webp": Format("WebP", alpha=True, metadata=("icc_profile", "exif", "xmp")),
    ".avif": Format("AVIF", alpha=True, metadata=("icc_profile", "exif", "xmp")),
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
    suffix = path.suffix.lower()
    if _FORMATS.get(suffix) in (TIFF, PNG):  # the package has writers of its own
        return _FORMATS[suffix]
    from PIL import Image

    program = Image.registered_extensions().get(suffix)
    if program == "JPEG2000":
        raise OptionError("decoding writes no JPEG 2000 files: use convert to code a file again")
    if suffix in _FORMATS and (program is None or program in Image.SAVE):
        return _FORMATS[suffix]
    if program not in Image.SAVE:
        raise OptionError(f"no picture format has the suffix {path.suffix!r}")
    return Format(suffix[1:].upper())


def rescaled(samples: NDArray[Any], old: int, new: int) -> NDArray[Any]:
    """Return unsigned samples of `old` bits scaled to `new` bits, rounded, so that full intensity stays full."""
    dtype = np.uint8 if new <= 8 else np.uint16
    if old == new:
        return samples.astype(dtype, copy=False)
    before, after = (1 << old) - 1, (1 << new) - 1
    return ((samples.astype(np.uint32) * after + before // 2) // before).astype(dtype)
