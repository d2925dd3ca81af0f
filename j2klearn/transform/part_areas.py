"""The areas that one level of the synthesis of a part of a picture reads."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.geometry import Rect

__all__ = ["PartAreas"]


@dataclass(frozen=True)
class PartAreas:
    """Areas around a part of a picture, in samples of the finer resolution of a level.

    Attributes
    ----------
    synthesised : Rect
        The area that is computed: the part, and what the base wavelet needs around it.
    details, low : Rect
        The areas whose HL, LH and HH, and whose LL, are read.
    """

    synthesised: Rect
    details: Rect
    low: Rect

    @classmethod
    def around(cls, part: Rect, reaches: tuple[int, int, int], picture: Rect) -> PartAreas:
        """Return the areas that extend a part by these numbers of samples, within the picture."""
        return cls(*(part.grown(reach).intersection(picture) for reach in reaches))
