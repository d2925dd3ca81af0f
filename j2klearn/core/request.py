"""What a reader asks of a picture, checked: a region, some components."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import OptionError
from .geometry import Rect

__all__ = ["chosen_components", "chosen_resolution", "region_area"]


def chosen_resolution(reduce: object, levels: int) -> int:
    """Return how many of the highest resolutions are left out.

    Raises
    ------
    OptionError
        If there are not so many.
    """
    if not isinstance(reduce, int) or not 0 <= reduce <= levels:
        raise OptionError(f"reduce is 0 to {levels}, the number of levels in this file, not {reduce!r}")
    return reduce


def chosen_components(components: Sequence[int], count: int) -> list[int]:
    """Return the components to decode, of `count` that there are.

    Raises
    ------
    OptionError
        If there are none, one twice, or one that is not there.
    """
    chosen = list(components)
    inside = all(isinstance(index, int) and 0 <= index < count for index in chosen)
    if not chosen or not inside or len(set(chosen)) < len(chosen):
        raise OptionError(f"components are different numbers from 0 to {count - 1}, not {components!r}")
    return chosen


def region_area(region: tuple[int, int, int, int], area: Rect) -> Rect:
    """Return a region as an area on the reference grid, cut to the picture, which covers `area`.

    Raises
    ------
    OptionError
        If it is no region, or nothing of it lies in the picture.
    """
    try:
        y0, x0, y1, x1 = (int(v) for v in region)
    except (TypeError, ValueError):
        raise OptionError(f"a region is (y0, x0, y1, x1), not {region!r}") from None
    if y0 >= y1 or x0 >= x1:
        raise OptionError(f"the region {region!r} is empty: it is (y0, x0, y1, x1) with y0 < y1 and x0 < x1")
    top, left = area.origin
    inside = Rect(top + y0, left + x0, top + y1, left + x1).intersection(area)
    if not inside.size:
        raise OptionError(f"the region {region!r} lies outside the picture of {area.shape}")
    return inside
