"""Lossless files: with the reversible learned transform, or with the 5/3 where that is smaller."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
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

    coder = ReversibleCoder(picture, layout, model, run, embed_model=embed_model)
    if not fallback:
        return RateControl(coder, jp2=jp2).made(targets)

    def ordinary(run: Run) -> MadeFile:
        coder = OrdinaryCoder(picture, layout, run, reversible=True, targets=targets)
        return RateControl(coder, jp2=jp2, note=reversibility_note("5-3", targets)).made(targets)

    if not fits or is_drawn(picture):
        return ordinary(run)
    if run.threads > 1:
        # The choice of the steps keeps one processor busy at most, so that the 5/3 can be coded meanwhile.
        half = run.threads // 2
        with ThreadPoolExecutor(1) as pool:
            pending = pool.submit(ordinary, replace(run, threads=half, progress=silent))
            coder.transform(run.threads - half)
            file = pending.result()
    else:
        file = ordinary(run)
    with suppress(CarrierError):
        return min(RateControl(coder, jp2=jp2).made(targets), file, key=len)
    return file
