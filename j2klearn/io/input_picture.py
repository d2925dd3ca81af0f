"""A picture that was opened for encoding: its samples, and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from .picture_metadata import Metadata

__all__ = ["ALPHA", "COLOURS", "PREMULTIPLIED", "UNSPECIFIED", "Colour", "InputPicture", "Rows"]

Colour = Literal["grey", "rgb", "sycc", "cmyk", "cielab"]

#: Number of colour components of each colour space.
COLOURS: dict[str, int] = {"grey": 1, "rgb": 3, "sycc": 3, "cmyk": 4, "cielab": 3}

#: What a component after the colours means: opacity, opacity by which the colours are multiplied, or something else.
ALPHA, PREMULTIPLIED, UNSPECIFIED = "alpha", "premultiplied", "unspecified"

Boxes = tuple[tuple[bytes, bytes], ...]


class Rows(Protocol):
    """Samples that are read row by row: an array, a memory map, or a reader of a file."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> Any: ...

    def __getitem__(self, index: slice, /) -> Any: ...


@dataclass
class InputPicture:
    """A picture file that is open for reading. Close it, or use it in a ``with`` statement.

    Attributes
    ----------
    samples : array_like, shape (H, W) or (H, W, C)
        Samples exactly as the file means them, uint8, uint16, int8 or int16. ``samples[y0:y1]`` reads rows.
    bit_depth : int or None
        Significant bits per sample. None: the width of the dtype.
    colour : str or None
        Colour space of the first components, a key of `COLOURS`. None: the file does not say it.
    extra : tuple of str or None
        The meaning of each component after the colours: `ALPHA`, `PREMULTIPLIED` or `UNSPECIFIED`. None: the file does
        not say it.
    metadata : Metadata
        ICC profile, EXIF, XMP, GeoTIFF tags and resolution.
    header_boxes : tuple of (bytes, bytes)
        Type and contents of the boxes of a JP2 header box (T.800 I.5.3) that describe the colours: of a JPEG 2000
        file, as they are there.
    other_boxes : tuple of (bytes, bytes)
        Type and contents of further boxes to keep in a JP2 file.
    in_parts : bool
        Whether reading rows takes memory only for these rows.
    """

    samples: Rows
    bit_depth: int | None = None
    colour: Colour | None = None
    extra: tuple[str, ...] | None = None
    metadata: Metadata = field(default_factory=Metadata)
    header_boxes: Boxes = ()
    other_boxes: Boxes = ()
    in_parts: bool = False
    on_close: Callable[[], object] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W) or (H, W, C)."""
        return tuple(self.samples.shape)

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return int(self.shape[0]) * int(self.shape[1])

    def read(self) -> NDArray[Any]:
        """Return all samples in memory."""
        return np.asarray(self.samples[0 : self.shape[0]])

    def close(self) -> None:
        """Close the file."""
        if self.on_close is not None:
            self.on_close()
            self.on_close = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
