"""Whether the learned steps make a lossless file smaller than the 5/3, judged without coding the picture twice."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from ..core.blocks import whole_blocks
from ..core.geometry import Rect, ceil_div
from ..core.picture import Picture
from ..core.progress import silent
from .coders import Coder, OrdinaryCoder
from .layout import Layout
from .reversible_coder import CarrierError, ReversibleCoder
from .transform_choice import flat_pixels, flatness

__all__ = ["busy_flatness", "is_drawn", "surely_smaller"]

#: Pictures with at least this `busy_flatness` are drawn. The 5/3 is better for most of them, so only that is coded.
#: Photographs have less than 0.3.
_DRAWN = 0.5

#: Side of the blocks of `busy_flatness`.
_BLOCK = 16

#: The whole picture is not coded with the 5/3 if its `busy_flatness` is lower, the estimate of what the learned steps
#: save is in this range (above it, the estimate has failed: patterns of single pixels fool it), and some windows of the
#: picture are smaller with them: together by this share, and none of them is larger by more than another share and some
#: bytes.
_MOSTLY_SHADED = 0.3
_LEAST_ESTIMATE, _MOST_ESTIMATE = 0.01, 0.12
_LEAST_SAVING = 0.015
_MOST_LOSS, _MOST_LOST_BYTES = 0.01, 32

#: The windows lie on the diagonal, at these shares of the way that a window has. They have this share of the picture's
#: rows, and of its columns, and at least so many.
_PLACES = (0.1, 0.5, 0.9)
_SHARE, _LEAST_SIDE = 0.2, 96


def busy_flatness(samples: NDArray[Any]) -> float:
    """Return the share of flat pixels in the blocks of 16 x 16 that are not all flat.

    A uniform surround costs nothing in any coding. So a photograph on a white page is no drawing.

    Parameters
    ----------
    samples : ndarray, shape (H, W) or (H, W, C)
        The picture.

    Returns
    -------
    float
        0 to 1. Pictures that are all flat have 1. Of pictures of less than two blocks, it is their `flatness`.
    """
    flat = flat_pixels(samples)
    blocks = whole_blocks(flat, _BLOCK)
    if blocks.shape[0] * blocks.shape[2] < 2:
        return flatness(samples)
    shares = blocks.mean((1, 3))
    busy = shares[shares < 1]
    return float(busy.mean()) if busy.size else 1.0


def is_drawn(picture: Picture) -> bool:
    """Return whether a picture is drawn, so that only the 5/3 is worth coding."""
    return busy_flatness(picture.samples) >= _DRAWN


def surely_smaller(coder: ReversibleCoder) -> bool:
    """Return whether the learned file is smaller than that of the 5/3 beyond doubt.

    Parameters
    ----------
    coder : ReversibleCoder
        The coder of the picture.
    """
    if coder.embed_model or not _LEAST_ESTIMATE <= coder.saving <= _MOST_ESTIMATE:
        return False
    return busy_flatness(coder.picture.samples) < _MOSTLY_SHADED and _windows_are_smaller(coder)


def _windows_are_smaller(coder: ReversibleCoder) -> bool:
    """Return whether windows of the picture are clearly smaller with the learned steps than with the 5/3."""
    threads = max(1, coder.run.threads)
    run = replace(coder.run, progress=silent, threads=1)
    whole = coder.layout.area(*coder.picture.samples.shape[:2])
    layout = Layout(levels=coder.layout.levels, codeblock_size=coder.layout.codeblock_size)

    coders: list[Coder] = []
    for area in _windows(whole, coder.layout.levels):
        picture = copy.copy(coder.picture)
        picture.samples = picture.samples[area.slices_in(whole)]
        coders.append(coder.part(picture, layout, area, run))
        coders.append(OrdinaryCoder(picture, layout, run, reversible=True))
    try:
        with ThreadPoolExecutor(threads) as pool:
            sizes = list(pool.map(lambda own: len(own.code([0.0])), coders))
    except CarrierError:
        return False
    found = list(zip(sizes[::2], sizes[1::2], strict=True))
    if not found or any(new > (1 + _MOST_LOSS) * old + _MOST_LOST_BYTES for new, old in found):
        return False
    learned, ordinary = sum(new for new, _ in found), sum(old for _, old in found)
    return learned < (1 - _LEAST_SAVING) * ordinary


def _windows(whole: Rect, levels: int) -> Iterator[Rect]:
    """Yield windows of an area of the reference grid whose subbands are those of a picture; none if it is too small."""
    apart = 1 << levels
    rows, columns = (max(round(_SHARE * side), _LEAST_SIDE, apart) for side in whole.shape)
    if rows + apart > whole.height // 2 or columns + apart > whole.width // 2:
        return
    for place in _PLACES:
        y0 = ceil_div(whole.y0 + round(place * (whole.height - rows - apart)), apart) * apart
        x0 = ceil_div(whole.x0 + round(place * (whole.width - columns - apart)), apart) * apart
        yield Rect(y0, x0, y0 + rows, x0 + columns)
