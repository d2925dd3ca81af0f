"""Checked read requests: which area, resolution, layers and components to decode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from ..errors import OptionError
from .geometry import Rect
from .limits import check_pixels
from .sampling import pixel_step, pixels_of, to_grid
from .scalars import whole_number, whole_numbers

__all__ = ["Decoded", "PictureHeader", "ReadRequest", "chosen_components", "chosen_resolution", "region_area"]


class PictureHeader(Protocol):
    """The facts that the header of every profile provides."""

    @property
    def area(self) -> Rect:
        """The area of the picture on the reference grid."""

    @property
    def components(self) -> int:
        """Number of components."""

    @property
    def subsampling(self) -> tuple[tuple[int, int], ...]:
        """YRsiz and XRsiz of each component."""

    @property
    def levels(self) -> int:
        """Number of decomposition levels."""

    @property
    def layers(self) -> int:
        """Number of quality layers."""


class Decoded(NamedTuple):
    """Decoded samples, what is missing if the file ends early, and what else there is to say.

    Attributes
    ----------
    samples : ndarray, shape (H, W) or (H, W, C), or list of ndarray, shape (h, w)
        The samples. A list if they were requested as they are.
    missing : str or None
        The text of a warning that says what is missing; None if the file is complete.
    remarks : tuple of str
        Other warnings of OpenJPEG.
    """

    samples: Any
    missing: str | None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReadRequest:
    """What to decode.

    Attributes
    ----------
    area : Rect
        Area on the reference grid, within the picture.
    reduce : int
        Number of highest resolutions to discard.
    layers : int
        Number of quality layers to decode; 0 for all.
    components : tuple of int or None
        Components to decode, without inverting the component transform. None: all components, with the transform
        inverted.
    upsample : bool
        Whether components that differ in size are brought to the same size. If not, each is an array of its own.
    """

    area: Rect
    reduce: int = 0
    layers: int = 0
    components: tuple[int, ...] | None = None
    upsample: bool = True

    @property
    def wanted(self) -> Rect:
        """The area at the requested resolution."""
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
        upsample: bool = True,
        max_pixels: int | None = None,
        whole: bool = False,
    ) -> ReadRequest:
        """Return a checked request.

        Parameters
        ----------
        header : PictureHeader
            Header of the picture.
        reduce, layers, region, components, upsample, max_pixels
            As in `j2klearn.decode`.
        whole : bool
            Whether the whole picture is decoded and the region is cut out afterwards. Then `max_pixels` limits the
            whole picture, not the region.

        Raises
        ------
        OptionError
            If an option is invalid, or nothing of the picture lies in the region.
        LimitError
            If more than `max_pixels` pixels would have to be decoded.
        """
        reduce = chosen_resolution(reduce, header.levels)
        layers = whole_number("layers", layers, 0)
        step = pixel_step(header.subsampling)
        picture = pixels_of(header.area, step)
        area = picture if region is None else region_area(region, picture)
        check_pixels(*(picture if whole else area).resolution(reduce).shape, max_pixels)
        if not area.resolution(reduce).size:
            where = "is left" if region is None else f"lies in the region {region!r}"
            raise OptionError(f"nothing of the picture {where} at reduce={reduce}")
        chosen = None if components is None else tuple(chosen_components(components, header.components))
        grid = to_grid(area, step, header.area)
        return cls(grid, reduce, min(layers, header.layers), chosen, upsample)


def chosen_resolution(reduce: object, levels: int) -> int:
    """Return `reduce`, the number of highest resolutions to discard, if it is valid.

    Raises
    ------
    OptionError
        If it is no integer from 0 to `levels`.
    """
    return whole_number("reduce", reduce, 0, levels, ", the number of levels in this file")


def chosen_components(components: Sequence[int], count: int) -> list[int]:
    """Return the components to decode as a list, if they are valid; the picture has `count`.

    Raises
    ------
    OptionError
        If the list is empty, an index occurs twice, or an index is not from 0 to ``count - 1``.
    """
    chosen = whole_numbers("components", components, 0, count - 1)
    if not chosen or len(set(chosen)) < len(chosen):
        raise OptionError(f"components must be distinct integers from 0 to {count - 1}, not {components!r}")
    return list(chosen)


def region_area(region: tuple[int, int, int, int], area: Rect) -> Rect:
    """Convert a region of the picture, which counts from its corner, to absolute pixels.

    Parameters
    ----------
    region : (int, int, int, int)
        ``(y0, x0, y1, x1)`` in pixels of the full resolution; ``y1`` and ``x1`` are exclusive.
    area : Rect
        Area of the picture in pixels.

    Returns
    -------
    Rect
        The part of the region that lies in the picture.

    Raises
    ------
    OptionError
        If the region is malformed or empty, or lies outside the picture.
    """
    y0, x0, y1, x1 = whole_numbers("the bounds of a region", region, note=" (y0, x0, y1, x1)", count=4)
    if y0 >= y1 or x0 >= x1:
        raise OptionError(f"the region {region!r} is empty: (y0, x0, y1, x1) needs y0 < y1 and x0 < x1")
    top, left = area.origin
    inside = Rect(top + y0, left + x0, top + y1, left + x1).intersection(area)
    if not inside.size:
        raise OptionError(f"the region {region!r} lies outside the picture of shape {area.shape}")
    return inside
