"""Lossless files: with the reversible learned transform, or with the 5/3 where that is smaller."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ..codestream.reversibility import claim
from ..core.picture import Picture
from ..core.run import Run
from ..core.targets import Targets
from ..errors import OptionError
from ..native.library import openjpeg_version
from .coders import OrdinaryCoder
from .layout import Layout, levels_fit
from .made_file import MadeFile
from .rate_control import RateControl
from .reversible_coder import CarrierError, ReversibleCoder
from .transform_choice import flatness

if TYPE_CHECKING:
    from ..models.model import Model

__all__ = ["is_drawn", "lossless_file", "reversibility_note"]

#: Pictures with at least this share of flat pixels are drawn. The 5/3 is better for almost all of them, so only that is
#: coded. Photographs have less than 0.3.
_DRAWN = 0.5


def reversibility_note(transform: Model | str, targets: Targets) -> str:
    """Return a comment that says whether a file of the 5/3 is lossless; no text for other transforms."""
    if transform != "5-3":
        return ""
    return claim(openjpeg_version(), lossless=targets.kind == "bytes" and not targets.values[-1])


def is_drawn(picture: Picture) -> bool:
    """Return whether a picture is drawn, so that only the 5/3 is worth coding."""
    return flatness(picture.samples) >= _DRAWN


def lossless_file(
    picture: Picture,
    layout: Layout,
    model: Model,
    targets: Targets,
    run: Run,
    embed_model: bool,
    fallback: bool,
    jp2: bool,
) -> MadeFile:
    """Return a lossless file with a learned transform.

    Parameters
    ----------
    picture, layout, targets, run, embed_model, jp2
        As in `j2klearn.ebcot.encode.encode_picture`; the last target has no limit.
    model : Model
        A reversible model.
    fallback : bool
        Whether to code the picture with the 5/3 too, and to return the smaller file. So no file is larger than that of
        the 5/3. If the picture is drawn, only the 5/3 is coded.

    Raises
    ------
    OptionError
        If `fallback` is false, and a tile is too small for the levels of the layout.
    CarrierError
        If `fallback` is false, and the carrier needs more bits than a file can declare.
    """
    area = layout.area(picture.height, picture.width)
    fits = levels_fit(area, layout.tile_offset, layout.tile_size, layout.levels, reversible=True)
    if not fits and not fallback:
        raise OptionError(f"a tile is too small for {layout.levels} levels of the learned transform")

    def learned() -> MadeFile:
        coder = ReversibleCoder(picture, layout, model, run, embed_model=embed_model)
        return RateControl(coder, jp2=jp2).made(targets)

    if not fallback:
        return learned()
    ordinary = OrdinaryCoder(picture, layout, run, reversible=True, targets=targets)
    files = [RateControl(ordinary, jp2=jp2, note=reversibility_note("5-3", targets)).made(targets)]
    if fits and not is_drawn(picture):
        with suppress(CarrierError):
            files.insert(0, learned())
    return min(files, key=len)
