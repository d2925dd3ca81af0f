"""What an index into a picture asks for: an area, a resolution, and what becomes of the axes.

Indices are numpy's: negative ones count from the end, integers of any kind drop their axis, slices are cut to the
picture, an empty slice gives an empty array. Strides are glymur's: powers of two, the same along rows and columns,
stand for a lower resolution, and -1 for the lowest. A slice that ends before it begins is an error, as in glymur.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

from ..errors import SliceError

__all__ = ["LOWEST", "Selection", "select"]

#: The stride that stands for the lowest resolution.
LOWEST = -1


@dataclass(frozen=True)
class Selection:
    """What an index asks for.

    Attributes
    ----------
    area : (int, int, int, int)
        ``(y0, x0, y1, x1)`` in pixels of the full resolution.
    stride : int
        A power of two, or `LOWEST`.
    drop : tuple of bool
        Whether the row axis and the column axis were indexed with integers.
    bands : object
        Index of the third axis, for numpy; None where the picture has none or all of it is wanted.
    """

    area: tuple[int, int, int, int]
    stride: int
    drop: tuple[bool, bool]
    bands: Any

    @property
    def empty(self) -> bool:
        y0, x0, y1, x1 = self.area
        return y0 == y1 or x0 == x1


def _expand(index: Any, ndim: int) -> list[Any]:
    """Return one index per axis."""
    parts = list(index) if isinstance(index, tuple) else [index]
    dots = [at for at, part in enumerate(parts) if part is Ellipsis]
    if len(parts) - len(dots) > ndim:
        raise SliceError(f"there are {len(parts) - len(dots)} indices, and the picture has {ndim} axes")
    fill = [slice(None)] * (ndim - (len(parts) - len(dots)))
    if not dots:
        return parts + fill
    # the first stands for all that is missing; more than one is allowed, as in glymur
    first = dots[0]
    return parts[:first] + fill + [part for part in parts[first + 1 :] if part is not Ellipsis]


def _interval(part: Any, size: int, axis: str) -> tuple[int, int, int, bool]:
    """Return start, stop, stride, and whether the axis is dropped."""
    if isinstance(part, slice):
        try:
            step = 1 if part.step is None else operator.index(part.step)
            start, stop, _ = slice(part.start, part.stop).indices(size)
        except TypeError:
            raise SliceError(f"the slice {part} of the {axis} has bounds that are not integers") from None
        if start > stop:
            raise SliceError(f"the slice {part.start}:{part.stop} of the {axis} ends before it begins")
        return start, stop, step, False
    try:
        at = operator.index(part)
    except TypeError:
        raise SliceError(f"the {axis} are indexed with integers and slices, not with {part!r}") from None
    if isinstance(part, bool) or not -size <= at < size:
        raise SliceError(f"the index {part} of the {axis} is out of range for {size}")
    at %= size
    return at, at + 1, 1, True


def select(index: Any, shape: tuple[int, ...]) -> Selection:
    """Read an index into a picture of a given shape.

    Parameters
    ----------
    index : object
        What stands between the brackets.
    shape : (int, int) or (int, int, int)
        Shape of the picture at its full resolution.

    Raises
    ------
    SliceError
        If it cannot be met. It is a ValueError, an IndexError, and glymur's OpenJPEGLibraryError.
    """
    parts = _expand(index, len(shape))
    y0, y1, rows, drop_rows = _interval(parts[0], shape[0], "rows")
    x0, x1, columns, drop_columns = _interval(parts[1], shape[1], "columns")
    if rows != columns:
        raise SliceError(f"the strides of rows and columns have to be the same, not {rows} and {columns}")
    if rows != LOWEST and (rows < 1 or rows & (rows - 1)):
        raise SliceError(f"strides are powers of two, or -1 for the lowest resolution, not {rows}")
    bands = parts[2] if len(parts) > 2 and parts[2] != slice(None) else None
    return Selection((y0, x0, y1, x1), rows, (drop_rows, drop_columns), bands)
