"""What a reader asks of a picture, checked: an area at a resolution, quality layers, some components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from ..errors import OptionError
from .geometry import Rect
from .limits import check_pixels

__all__ = ["Decoded", "PictureHeader", "ReadRequest", "chosen_components", "chosen_resolution", "region_area"]


class PictureHeader(Protocol):
    """What every profile's header says of its picture."""

    @property
    def area(self) -> Rect:
        """What the picture covers on the reference grid."""

    @property
    def components(self) -> int:
        """Number of components."""

    @property
    def levels(self) -> int:
        """Decomposition levels."""

    @property
    def layers(self) -> int:
        """Quality layers."""


class Decoded(NamedTuple):
    """Samples, and what is missing of them where the file ends early: None if it is whole."""

    samples: NDArray[Any]
    missing: str | None


@dataclass(frozen=True)
class ReadRequest:
    """What is to be decoded.

    Attributes
    ----------
    area : Rect
        On the reference grid, within the picture.
    reduce : int
        Highest resolutions to leave out.
    layers : int
        Quality layers to decode; 0 for all.
    components : tuple of int or None
        These alone, as they are coded; None for all, with the component transform undone.
    """

    area: Rect
    reduce: int = 0
    layers: int = 0
    components: tuple[int, ...] | None = None

    @property
    def wanted(self) -> Rect:
        """The area at the resolution asked for."""
        return self.area.resolution(self.reduce)

    @classmethod
    def checked(
        cls,
        header: PictureHeader,
        *,
        reduce: int = 0,
        layers: int = 0,
        region: tuple[int, int, int, int] | None = None,
        components: Sequence[int] | None = None,
        max_pixels: int | None = None,
        whole: bool = False,
    ) -> ReadRequest:
        """Check what a caller asks of a picture.

        Parameters
        ----------
        header : PictureHeader
            The picture's.
        reduce, layers, region, components, max_pixels
            As in `j2klearn.decode`.
        whole : bool
            The picture is decoded whole, and the region cut out of it: the limit of pixels is for the whole.

        Raises
        ------
        OptionError
            If it cannot be met.
        LimitError
            If there are more than `max_pixels` pixels to decode.
        """
        reduce = chosen_resolution(reduce, header.levels)
        if not isinstance(layers, int) or layers < 0:
            raise OptionError(f"layers is 0 (all) or a number of quality layers, not {layers!r}")
        area = header.area if region is None else region_area(region, header.area)
        check_pixels(*(header.area if whole else area).resolution(reduce).shape, max_pixels)
        if not area.resolution(reduce).size:
            raise OptionError(f"nothing of the picture is left of the region {region!r} at reduce={reduce}")
        chosen = None if components is None else tuple(chosen_components(components, header.components))
        return cls(area, reduce, min(layers, header.layers), chosen)


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
