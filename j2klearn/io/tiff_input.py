"""Read TIFF files: the samples of a page row by row, exactly, and what they mean."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from ..core.limits import MAX_COMPONENTS
from ..errors import InputError
from .input_picture import ALPHA, COLOURS, PREMULTIPLIED, UNSPECIFIED, Colour, InputPicture
from .tiff_metadata import tiff_metadata
from .tiff_segments import TiffRows

__all__ = ["is_tiff", "open_tiff"]

_REDUCED, _MASK = 1, 4  # bits of NewSubfileType (254)
_PHOTOMETRIC = 262
_MOST_BITS = 16
_INK_SET, _YCC_COEFFICIENTS, _REFERENCE_BLACK_WHITE = 332, 529, 532
_CMYK_INKS = 1
_JPEG = (6, 7)

#: PhotometricInterpretation (262), and the colour space of the samples that `_Page` returns.
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _SEPARATED, _YCC, _LAB, _ICC_LAB = 0, 1, 2, 3, 5, 6, 8, 9
_SPACES: dict[int, Colour] = {
    _WHITE_IS_ZERO: "grey",
    _BLACK_IS_ZERO: "grey",
    _RGB: "rgb",
    _PALETTE: "rgb",
    _SEPARATED: "cmyk",
    _YCC: "sycc",
    _LAB: "cielab",
    _ICC_LAB: "cielab",
}

_EXTRA = {0: UNSPECIFIED, 1: PREMULTIPLIED, 2: ALPHA}  # ExtraSamples (338)

#: Rows of about this many samples are searched at once for the largest sample.
_SEARCH = 1 << 22


def is_tiff(head: bytes) -> bool:
    """Return whether a file with these first bytes is a TIFF or BigTIFF file."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def open_tiff(
    source: Path | io.BytesIO, data: NDArray[np.uint8], name: str, page: int | None
) -> InputPicture:
    """Open a page of a TIFF file.

    White-is-zero samples are inverted and palettes are applied. JPEG-compressed YCbCr becomes RGB, as in JPEG files.

    Parameters
    ----------
    source : Path or BytesIO
        The file.
    data : ndarray of uint8
        Its bytes, for example a memory map.
    name : str
        What to call the file in messages.
    page : int or None
        Which page, from 0 on. None: the only one, reduced copies not counted.

    Returns
    -------
    InputPicture
        The picture. Its rows are decoded when they are read.

    Raises
    ------
    InputError
        If the file holds several pictures and `page` is None, or samples or colours that JPEG 2000 cannot hold.
    """
    with tifffile.TiffFile(source) as file:
        found = _page(file, name, page)
        colour, extra, steps, depth = _meaning(found, name)
        rows = TiffRows(found, data, name)
        metadata = tiff_metadata(source, found)
        samples: Any = _Converted(rows, steps)
        if rows.dtype.itemsize > 2:
            samples = _narrowed(samples, name)
            depth = None
    return InputPicture(samples, depth, colour=colour, extra=extra, metadata=metadata, in_parts=True)


def _page(file: tifffile.TiffFile, name: str, page: int | None) -> tifffile.TiffPage:
    pages = file.pages
    if page is not None:
        if not 0 <= page < len(pages):
            raise InputError(f"{name} has the pages 0 to {len(pages) - 1}, and no page {page}")
        return _plain(pages[page])
    whole = []
    for number in range(len(pages)):
        candidate = _plain(pages[number])
        if candidate.subfiletype & _MASK and not candidate.subfiletype & _REDUCED:
            raise InputError(
                f"{name} has a transparency mask, which cannot be kept: "
                "j2klearn encode --page 0 takes the picture without it"
            )
        if not candidate.subfiletype & _REDUCED:
            whole.append(candidate)
        if len(whole) > 1:
            raise InputError(
                f"{name} holds several pictures: j2klearn encode --page N takes one of its pages, from 0 on"
            )
    found = whole[0] if whole else _plain(pages[0])
    images = (file.imagej_metadata or {}).get("images", 1) if file.is_imagej else 1
    if (images > 1 and len(pages) == 1) or file.is_stk or found.imagedepth > 1:
        raise InputError(f"{name} holds a stack of pictures: write them to single files first")
    return found


def _plain(page: Any) -> tifffile.TiffPage:
    if not isinstance(page, tifffile.TiffPage):
        raise InputError("the pages of this TIFF file cannot be read")
    return page


def _meaning(
    page: tifffile.TiffPage, name: str
) -> tuple[Colour | None, tuple[str, ...] | None, list[_Step], int | None]:
    """Return colour space, meaning of the extra components, steps to apply to the samples, and significant bits."""
    photometric, count, bits = int(page.photometric), page.samplesperpixel, page.bitspersample
    if _PHOTOMETRIC not in page.tags:  # libtiff takes it so, too
        photometric = _RGB if count in (3, 4) else _BLACK_IS_ZERO
    if photometric not in _SPACES:
        raise InputError(f"{name} has {_photometric(page)} samples, which cannot be kept in JPEG 2000")
    if (kind := _unsupported(page)) is not None:
        raise InputError(f"{name} has {kind}, which cannot be kept in JPEG 2000")
    colour: Colour = _SPACES[photometric]
    signed = page.dtype is not None and page.dtype.kind == "i"
    steps: list[_Step] = []
    used = COLOURS[colour] if photometric != _PALETTE else 1
    extra = tuple(_EXTRA.get(int(value), UNSPECIFIED) for value in page.extrasamples)
    extra = (*extra[: max(0, count - used)], *[UNSPECIFIED] * (count - used - len(extra)))
    if count < used or count > MAX_COMPONENTS:
        raise InputError(f"{name} has {count} {_photometric(page)} samples per pixel, which cannot be read")
    if photometric == _WHITE_IS_ZERO:
        steps.append(lambda rows: _inverted(rows, bits, used))
    elif photometric == _PALETTE:
        table, bits = _palette(page, name)
        if count > 1 and bits != page.bitspersample:
            raise InputError(
                f"{name} has a palette of {bits} bits next to samples of {page.bitspersample} bits"
            )
        steps.append(lambda rows: _mapped(rows, table))
    elif photometric == _SEPARATED:
        if page.tags.valueof(_INK_SET, _CMYK_INKS) != _CMYK_INKS:
            raise InputError(f"{name} has other inks than CMYK, which cannot be kept in JPEG 2000")
    elif photometric == _YCC:
        if int(page.compression) in _JPEG:
            colour = "rgb"  # as tifffile decodes it
        elif not _is_sycc(page):
            raise InputError(f"{name} has YCbCr samples of another kind than sYCC, which cannot be kept")
    elif photometric in (_LAB, _ICC_LAB):
        if bits != 8:
            raise InputError(f"{name} has CIELab samples of {bits} bits: only 8 bits can be kept")
        signed = False
        if photometric == _LAB:
            steps.append(_offset_lab)
    elif photometric == _BLACK_IS_ZERO and count > 2 and set(extra[:2]) == {UNSPECIFIED}:
        colour, extra = "rgb", extra[2:]  # bands without a meaning: other readers show the first three
    if signed and photometric == _PALETTE:
        raise InputError(f"{name} has signed indices of a palette")
    return colour, extra, steps, bits


def _unsupported(page: tifffile.TiffPage) -> str | None:
    """Return what samples JPEG 2000 cannot hold, or that are not read; None if it can hold those of the page."""
    bits, kind = page.bitspersample, page.sampleformat
    if isinstance(bits, tuple) and len(set(bits)) > 1:
        return f"samples of different depths ({', '.join(map(str, bits))} bits)"
    if isinstance(kind, tuple) and len(set(kind)) > 1:
        return "both signed and unsigned, or integer and other, samples"
    if page.dtype is None or page.dtype.kind not in "bui" or isinstance(bits, tuple):
        return f"{bits}-bit {page.dtype or 'unknown'} samples"
    if bits > _MOST_BITS and bits not in (32, 64):
        return f"samples of {bits} bits"
    return None


def _photometric(page: tifffile.TiffPage) -> str:
    return str(getattr(page.photometric, "name", page.photometric))


def _is_sycc(page: tifffile.TiffPage) -> bool:
    """Return whether YCbCr samples use the full range and the coefficients of sYCC, without subsampling."""
    coefficients = page.tags.valueof(_YCC_COEFFICIENTS)
    levels = page.tags.valueof(_REFERENCE_BLACK_WHITE)
    top, half = (1 << page.bitspersample) - 1, 1 << (page.bitspersample - 1)
    usual = (299, 1000, 587, 1000, 114, 1000)
    return (
        not page.is_subsampled
        and (coefficients is None or np.allclose(_ratios(coefficients), _ratios(usual), atol=1e-4))
        and levels is not None
        and np.allclose(_ratios(levels), (0, top, half, top, half, top), atol=0.01)
    )


def _ratios(value: Any) -> list[float]:
    numbers = [float(number) for number in value]
    return [above / below if below else 0.0 for above, below in zip(numbers[::2], numbers[1::2], strict=True)]


_Step = Callable[[NDArray[Any]], NDArray[Any]]


def _inverted(rows: NDArray[Any], bits: int, used: int) -> NDArray[Any]:
    """Return rows in which the colour component, in which 0 is white, is inverted."""
    out = rows.copy()
    part = out if out.ndim == 2 else out[:, :, :used]
    part[...] = ~part if rows.dtype.kind == "i" else ((1 << bits) - 1) - part
    return out


def _mapped(rows: NDArray[Any], table: NDArray[Any]) -> NDArray[Any]:
    if rows.ndim == 2:
        return np.asarray(table[rows])
    return np.concatenate([table[rows[:, :, 0]], rows[:, :, 1:].astype(table.dtype)], axis=2)


def _offset_lab(rows: NDArray[Any]) -> NDArray[Any]:
    """Return CIELab rows with a* and b* offset by 128 instead of signed, as T.801 Annex M stores them."""
    out = rows.astype(np.uint8) if rows.dtype.kind == "u" else rows.view(np.uint8).copy()
    out[:, :, 1:3] ^= 0x80
    return out


def _palette(page: tifffile.TiffPage, name: str) -> tuple[NDArray[Any], int]:
    """Return the palette, (entries, 3), in 8 bits if it holds no more, and its number of bits."""
    table = page.colormap
    if table is None or table.shape != (3, 1 << page.bitspersample):
        raise InputError(f"{name} has no palette that fits its samples")
    values = table.T
    for bits8 in (values // 257 if not (values % 257).any() else None, values if values.max() < 256 else None,
                  values >> 8 if not (values & 255).any() else None):  # fmt: skip
        if bits8 is not None:
            return np.ascontiguousarray(bits8, np.uint8), 8
    return np.ascontiguousarray(values, np.uint16), 16


class _Converted:
    """Rows of a page after the steps that give the samples their meaning."""

    def __init__(self, rows: Any, steps: list[_Step]) -> None:
        self._rows, self._steps = rows, steps
        one = self[0:1]
        self.shape = (rows.shape[0], *one.shape[1:])
        self.dtype = one.dtype

    def __getitem__(self, index: slice) -> NDArray[Any]:
        out: NDArray[Any] = self._rows[index]
        for step in self._steps:
            out = step(out)
        return out


class _Narrow:
    """Rows in a smaller dtype that holds all samples."""

    def __init__(self, rows: Any, dtype: np.dtype[Any]) -> None:
        self._rows, self.shape, self.dtype = rows, rows.shape, dtype

    def __getitem__(self, index: slice) -> NDArray[Any]:
        return np.asarray(self._rows[index]).astype(self.dtype)


def _narrowed(rows: Any, name: str) -> _Narrow:
    """Return rows of integers of 32 or 64 bits in 16 bits, if all samples fit."""
    low, high = 0, 0
    for part in _parts(rows):
        low, high = min(low, int(part.min())), max(high, int(part.max()))
    for kind in (np.uint16, np.int16):
        limits = np.iinfo(kind)
        if limits.min <= low and high <= limits.max:
            return _Narrow(rows, np.dtype(kind))
    raise InputError(
        f"{name} has samples from {low} to {high}, and JPEG 2000 pictures have at most 16 bits here"
    )


def _parts(rows: Any) -> Iterator[NDArray[Any]]:
    step = max(1, _SEARCH // max(1, int(np.prod(rows.shape[1:]))))
    for start in range(0, rows.shape[0], step):
        yield np.asarray(rows[start : min(start + step, rows.shape[0])])
