"""Open a JPEG 2000 file as a picture to encode: samples as decoded, and the boxes that give them their meaning."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.peeking import peek_stream
from ..core.warning import warn_caller
from ..errors import InputError, InputWarning, TruncatedWarning, UnsupportedError
from ..io.input_picture import Boxes, Colour, InputPicture
from ..io.source_part import SourcePart
from ..io.sources import open_source
from ..jp2.boxes import locate
from ..jp2.kept_boxes import Palette, read_kept_boxes
from ..jp2.metadata import read_metadata
from ..neural.format.container import UUID_BOX, is_neural
from .picture_file import PictureFile
from .picture_file import open as open_file

__all__ = ["open_jpeg2000"]

_ENUMERATED, _ICC = 1, (2, 3)  # METH of a colour specification box
_COLOURS: dict[int, Colour] = {16: "rgb", 17: "grey", 18: "sycc", 12: "cmyk", 14: "cielab"}
_KINDS = {1: "alpha", 2: "premultiplied"}  # Typ of a channel definition box


def open_jpeg2000(source: Path | io.BytesIO, name: str, max_pixels: int | None) -> InputPicture:
    """Open a JPEG 2000 file of any profile as a picture to encode.

    Parameters
    ----------
    source : Path or BytesIO
        The file.
    name : str
        What to call the file in messages.
    max_pixels : int or None
        Limit of the pixels that are decoded at once.

    Returns
    -------
    InputPicture
        The picture; palettes are applied. Rows are decoded when they are read. Its boxes are kept as they are.

    Raises
    ------
    CodestreamError
        If the file is damaged. Reading rows of a truncated file raises `InputError`.
    UnsupportedError
        If its components differ in depth or sign, or it holds several pictures.

    Warns
    -----
    InputWarning
        If its components differ in size. They are brought to the same size.
    """
    with source.open("rb") if isinstance(source, Path) else contextlib.nullcontext(source) as stream:
        boxes = read_kept_boxes(stream, (UUID_BOX.bytes,))
        metadata = read_metadata(stream)
        neural = is_neural(stream)
        peek, size = peek_stream(stream)
        _, start, end = locate(peek, size)
    whole = open_source(source)
    # without its boxes, OpenJPEG applies no palette and reorders no channels
    codestream = whole if neural else SourcePart(whole, start, min(end, size))
    picture = open_file(codestream, max_pixels=max_pixels)  # type: ignore[arg-type]
    if len(set(picture.file.header.subsampling)) > 1:
        warn_caller(
            f"{name} has components of different sizes: they are brought to the same size", InputWarning
        )
    depths, signs = _components(picture)
    samples: Any = _Whole(picture, name)
    if boxes.palette is not None:
        samples, depths, signs = _with_palette(samples, boxes.palette, depths, signs)
    if len(set(depths)) > 1 or len(set(signs)) > 1:
        listed = ", ".join(
            f"{depth} bits{' signed' if sign else ''}" for depth, sign in zip(depths, signs, strict=True)
        )
        raise UnsupportedError(f"{name} has components of different kinds ({listed}), which cannot be kept")
    colour, extra = _meaning(boxes.header, len(depths))
    return InputPicture(
        samples,
        depths[0],
        colour=colour,
        extra=extra,
        metadata=metadata,
        header_boxes=boxes.header,
        other_boxes=boxes.other,
        in_parts=True,
    )


def _components(picture: PictureFile) -> tuple[list[int], list[bool]]:
    header = picture.file.header
    return list(header.precisions), list(header.signed)


class _Whole:
    """Rows of a picture, and an error where its file is truncated: a copy of it would look complete."""

    def __init__(self, picture: PictureFile, name: str) -> None:
        self._picture, self._name = picture, name
        self.shape, self.dtype = picture.shape, picture.dtype

    def __getitem__(self, index: slice) -> NDArray[Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("error", TruncatedWarning)
            try:
                return np.asarray(self._picture[index])
            except TruncatedWarning:
                raise InputError(
                    f"{self._name} is truncated: decode it to another format to keep what is there"
                ) from None


class _Mapped:
    """Rows of a picture whose palette is applied."""

    def __init__(self, picture: _Whole, palette: Palette, dtype: np.dtype[Any]) -> None:
        self._picture, self._palette, self.dtype = picture, palette, dtype
        count = len(palette.mapping)
        self.shape = picture.shape[:2] if count == 1 else (*picture.shape[:2], count)

    def __getitem__(self, index: slice) -> NDArray[Any]:
        out = self._palette.apply(self._picture[index], self.dtype)
        return out if len(self.shape) == 3 else out[:, :, 0]


def _with_palette(
    picture: _Whole, palette: Palette, depths: list[int], signs: list[bool]
) -> tuple[_Mapped, list[int], list[bool]]:
    if any(component >= len(depths) for component, _ in palette.mapping):
        raise UnsupportedError("the palette of the file maps components that are not there")
    new_depths = [
        depths[part] if column is None else palette.depths[column] for part, column in palette.mapping
    ]
    new_signs = [
        signs[part] if column is None else palette.signed[column] for part, column in palette.mapping
    ]
    dtype = np.dtype(f"{'i' if any(new_signs) else 'u'}{1 if max(new_depths) <= 8 else 2}")
    return _Mapped(picture, palette, dtype), new_depths, new_signs


def _meaning(header: Boxes, count: int) -> tuple[Colour | None, tuple[str, ...] | None]:
    """Return colour space and extra components, as far as the boxes say them in the usual order of components."""
    contents = dict(reversed(header))  # the first of each kind
    colr, cdef = contents.get(b"colr", b""), contents.get(b"cdef", b"")
    colour: Colour | None = None
    if colr[:1] == bytes([_ENUMERATED]):
        colour = _COLOURS.get(int.from_bytes(colr[3:7], "big"))
    elif colr[:1] and colr[0] in _ICC:
        colour = {b"GRAY": "grey", b"RGB ": "rgb", b"CMYK": "cmyk", b"Lab ": "cielab"}.get(  # type: ignore[assignment]
            colr[3 + 16 : 3 + 20]
        )
    types = ["unspecified"] * count
    colours = {"grey": 1, "rgb": 3, "sycc": 3, "cielab": 3, "cmyk": 4}.get(colour or "", count)
    for index in range(min(colours, count)):
        types[index] = "colour"
    for at in range(2, len(cdef) - 5, 6):
        channel, kind = int.from_bytes(cdef[at : at + 2], "big"), int.from_bytes(cdef[at + 2 : at + 4], "big")
        if channel < count:
            types[channel] = "colour" if kind == 0 else _KINDS.get(kind, "unspecified")
    if colour is None or types.count("colour") != colours or "colour" in types[colours:]:
        return colour, None
    return colour, tuple(types[colours:])
