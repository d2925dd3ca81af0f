"""Parse an index into a picture: the area, the resolution, and the axes to drop.

Indices follow numpy: a negative index counts from the end, an integer drops its axis, a slice is clipped to the
picture, and an empty slice gives an empty array. Strides follow glymur: they are powers of two, the same for rows and
columns, and select a lower resolution; -1 selects the lowest. A slice that ends before it begins is an error, as in
glymur.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

from ..errors import SliceError

__all__ = ["LOWEST", "Selection", "select"]

#: The stride that selects the lowest resolution.
LOWEST = -1


@dataclass(frozen=True)
class Selection:
    """A parsed index.

    Attributes
    ----------
    area : (int, int, int, int)
        ``(y0, x0, y1, x1)`` in pixels of the full resolution; ``y1`` and ``x1`` are exclusive.
    stride : int
        A power of two, or `LOWEST`.
    drop : (bool, bool)
        Whether the row axis and the column axis were indexed with an integer.
    bands : object
        The index of the third axis, to be applied by numpy. None if the picture has two axes, or the index selects
        the whole third axis.
    """

    area: tuple[int, int, int, int]
    stride: int
    drop: tuple[bool, bool]
    bands: Any

    @property
    def empty(self) -> bool:
        """Whether the area holds no pixel."""
        y0, x0, y1, x1 = self.area
        return y0 == y1 or x0 == x1


def _expand(index: Any, ndim: int) -> list[Any]:
    """Return one index per axis, with `Ellipsis` expanded."""
    parts = list(index) if isinstance(index, tuple) else [index]
    dots = [at for at, part in enumerate(parts) if part is Ellipsis]
    if len(parts) - len(dots) > ndim:
        raise SliceError(f"there are {len(parts) - len(dots)} indices, but the picture has {ndim} axes")
    fill = [slice(None)] * (ndim - (len(parts) - len(dots)))
    if not dots:
        return parts + fill
    # the first ellipsis stands for all missing axes; further ones are ignored, as in glymur
    first = dots[0]
    return parts[:first] + fill + [part for part in parts[first + 1 :] if part is not Ellipsis]


def _interval(part: Any, size: int, axis: str) -> tuple[int, int, int, bool]:
    """Return start, stop and stride of an axis, and whether the index drops the axis."""
    if isinstance(part, slice):
        try:
            step = 1 if part.step is None else operator.index(part.step)
            start, stop, _ = slice(part.start, part.stop).indices(size)
        except TypeError:
            raise SliceError(f"the bounds of the slice {part} of the {axis} must be integers") from None
        if start > stop:
            raise SliceError(f"the slice {part.start}:{part.stop} of the {axis} ends before it begins")
        return start, stop, step, False
    try:
        at = operator.index(part)
    except TypeError:
        raise SliceError(f"the {axis} can be indexed with integers and slices, not with {part!r}") from None
    if isinstance(part, bool) or not -size <= at < size:
        raise SliceError(f"the index {part} is out of range: the picture has {size} {axis}")
    at %= size
    return at, at + 1, 1, True


def select(index: Any, shape: tuple[int, ...]) -> Selection:
    """Parse an index into a picture of the given shape.

    Parameters
    ----------
    index : object
        The index as Python passes it to ``__getitem__``.
    shape : (int, int) or (int, int, int)
        Shape of the picture at its full resolution.

    Returns
    -------
    Selection

    Raises
    ------
    SliceError
        If the index is out of range, has too many axes, or has a stride that no resolution provides.
    """
    parts = _expand(index, len(shape))
    y0, y1, rows, drop_rows = _interval(parts[0], shape[0], "rows")
    x0, x1, columns, drop_columns = _interval(parts[1], shape[1], "columns")
    if rows != columns:
        raise SliceError(f"rows and columns must have the same stride, not {rows} and {columns}")
    if rows != LOWEST and (rows < 1 or rows & (rows - 1)):
        raise SliceError(f"a stride must be a power of two, or -1 for the lowest resolution, not {rows}")
    bands = parts[2] if len(parts) > 2 and parts[2] != slice(None) else None
    return Selection((y0, x0, y1, x1), rows, (drop_rows, drop_columns), bands)
