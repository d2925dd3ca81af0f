"""Lossless files: with the reversible learned transform, or with the 5/3 where that is smaller."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from ..codestream.reversibility import claim
from ..core.geometry import Rect, ceil_div
from ..core.picture import Picture
from ..core.progress import silent
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

__all__ = ["is_drawn", "lossless_file", "reversibility_note", "surely_smaller"]

#: Pictures with at least this share of flat pixels are drawn. The 5/3 is better for almost all of them, so only that is
#: coded. Photographs have less than 0.3.
_DRAWN = 0.5

#: The whole picture is not coded with the 5/3 if fewer pixels are flat, the estimate of what the learned steps save is
#: in this range (above it, the estimate has failed: patterns of single pixels fool it), and the middle of the picture
#: is smaller by this share with them.
_MOSTLY_SHADED = 0.1
_LEAST_ESTIMATE, _MOST_ESTIMATE = 0.01, 0.12
_LEAST_SAVING = 0.015

#: The share of the picture's rows, and of its columns, that are the middle, and how many these are at least.
_MIDDLE, _LEAST_SIDE = 0.35, 128


def reversibility_note(transform: Model | str, targets: Targets) -> str:
    """Return a comment that says whether a file of the 5/3 is lossless; no text for other transforms."""
    if transform != "5-3":
        return ""
    return claim(openjpeg_version(), lossless=targets.kind == "bytes" and not targets.values[-1])


def is_drawn(picture: Picture) -> bool:
    """Return whether a picture is drawn, so that only the 5/3 is worth coding."""
    return flatness(picture.samples) >= _DRAWN


def surely_smaller(coder: ReversibleCoder, flat: float) -> bool:
    """Return whether the learned file is smaller than that of the 5/3 beyond doubt.

    Parameters
    ----------
    coder : ReversibleCoder
        The coder of the picture.
    flat : float
        The `flatness` of the picture.
    """
    if coder.embed_model or flat >= _MOSTLY_SHADED:
        return False
    return _LEAST_ESTIMATE <= coder.saving <= _MOST_ESTIMATE and _middle_is_smaller(coder)


def _middle_is_smaller(coder: ReversibleCoder) -> bool:
    """Return whether the middle of the picture is clearly smaller with the learned steps than with the 5/3."""
    area, threads = _middle(coder), coder.run.threads
    if area is None:
        return False
    run = replace(coder.run, progress=silent, threads=max(1, threads // 2))
    whole, picture = coder.layout.area(*coder.picture.samples.shape[:2]), copy.copy(coder.picture)
    picture.samples = picture.samples[area.slices_in(whole)]
    layout = Layout(levels=coder.layout.levels, codeblock_size=coder.layout.codeblock_size)
    coders = (coder.part(picture, layout, area, run), OrdinaryCoder(picture, layout, run, reversible=True))
    try:
        with ThreadPoolExecutor(min(2, threads)) as pool:
            learned, ordinary = pool.map(lambda own: len(own.code([0.0])), coders)
    except CarrierError:
        return False
    return learned < (1 - _LEAST_SAVING) * ordinary


def _middle(coder: ReversibleCoder) -> Rect | None:
    """Return the area of the middle of the picture on the reference grid; None if it is too small to compare."""
    whole, apart = coder.layout.area(*coder.picture.samples.shape[:2]), 1 << coder.layout.levels
    rows, columns = (round(_MIDDLE * side) for side in whole.shape)
    if min(rows, columns) < max(_LEAST_SIDE, apart):
        return None
    y0 = ceil_div((whole.y0 + whole.y1 - rows) // 2, apart) * apart
    x0 = ceil_div((whole.x0 + whole.x1 - columns) // 2, apart) * apart
    return Rect(y0, x0, y0 + rows, x0 + columns).intersection(whole)


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
        Whether to return the file of the 5/3 if that is smaller. If the picture is drawn, only the 5/3 is coded. If the
        learned steps save bits beyond doubt, by an estimate and in the middle of the picture, only they are coded. Else
        the picture is coded in both ways.

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

    flat = flatness(picture.samples)
    if not fits or flat >= _DRAWN:
        return ordinary(run)
    files = []
    with suppress(CarrierError):
        files.append(RateControl(coder, jp2=jp2).made(targets))
    if not files or not surely_smaller(coder, flat):
        files.append(ordinary(replace(run, progress=silent)))
    return min(files, key=len)
