"""Lossless files: with the reversible learned transform, or with the 5/3 where that is smaller."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from ..codestream.reversibility import claim
from ..core.picture import Picture
from ..core.progress import silent
from ..core.run import Run
from ..core.targets import Targets
from ..errors import OptionError
from ..native.library import openjpeg_version
from .coders import OrdinaryCoder
from .layout import Layout, levels_fit
from .lossless_choice import is_drawn, surely_smaller
from .made_file import MadeFile
from .rate_control import RateControl
from .reversible_coder import CarrierError, ReversibleCoder

if TYPE_CHECKING:
    from ..models.model import Model

__all__ = ["lossless_file", "reversibility_note"]


def reversibility_note(transform: Model | str, targets: Targets) -> str:
    """Return a comment that says whether a file of the 5/3 is lossless; no text for other transforms."""
    if transform != "5-3":
        return ""
    return claim(openjpeg_version(), lossless=targets.kind == "bytes" and not targets.values[-1])


def lossless_file(
    picture: Picture,
    layout: Layout,
    model: Model,
    targets: Targets,
    run: Run,
    embed_model: bool,
    fallback: bool,
    jp2: bool,
    effort: int = 0,
) -> MadeFile:
    """Return a lossless file with a learned transform.

    Parameters
    ----------
    picture, layout, targets, run, embed_model, jp2
        As in `j2klearn.ebcot.encode.encode_picture`; the last target has no limit.
    model : Model
        A reversible model.
    fallback : bool
        Whether to return the file of the 5/3 if that is smaller. If the picture is drawn, only the 5/3 is coded. If the
        learned steps save bits beyond doubt, by an estimate and in windows of the picture, only they are coded. Else
        the picture is coded in both ways.
    effort : int
        From 1 on, `fallback` codes every picture in both ways.

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

    green = len(targets.values) == 1
    coder = ReversibleCoder(picture, layout, model, run, embed_model=embed_model, green=green)
    if not fallback:
        return RateControl(coder, jp2=jp2).made(targets)

    def ordinary(run: Run) -> MadeFile:
        coder = OrdinaryCoder(picture, layout, run, reversible=True, targets=targets)
        return RateControl(coder, jp2=jp2, note=reversibility_note("5-3", targets)).made(targets)

    if not fits or (not effort and is_drawn(picture)):
        return ordinary(run)
    files = []
    with suppress(CarrierError):
        files.append(RateControl(coder, jp2=jp2).made(targets))
    if not files or effort or not surely_smaller(coder):
        files.append(ordinary(replace(run, progress=silent)))
    return min(files, key=len)
