"""What lossless files do not do, and why: other reversible bases, and predictions between neighbouring details.

    python benchmarks/lossless_alternatives.py PICTURES [--every N]

Prints bytes of real codestreams of luma against those of the 5/3, for each picture and for all:

* learned: the shipped transform, the 5/3 with L2H;
* 5/3 rounded: the 5/3 whose predictions are rounded to the nearest number; those of T.800 are rounded down;
* 9/7-M and 13/7-T: these bases of T.801, without learned steps, too. Samples beyond the borders repeat those within,
  which changes only coefficients at the borders;
* neighbours: the shipped transform, and one more step in each subband of the three finest levels. Coefficients of odd
  places are predicted from their four neighbours, as on a checkerboard, with weights that are fitted to the subband
  as those between components are.

All of them are reversible, and the transport carries any integers.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from j2klearn.benchmark.run import find_pictures
from j2klearn.core.picture import Picture
from j2klearn.core.reversible_steps import WEIGHT_BITS
from j2klearn.core.subbands import Subbands
from j2klearn.core.text_table import text_table
from j2klearn.ebcot.detail_weights import Fit, blocks_of
from j2klearn.ebcot.layout import Layout
from j2klearn.ebcot.reversible_coder import ReversibleCoder
from j2klearn.models.registry import DEFAULT_LOSSLESS_MODEL, resolve

Plane = NDArray[np.int32]

#: A filter of a lifting step: its weights, their common denominator, and where the first weight lies.
Filter = tuple[tuple[int, ...], int, int]

_FOUR_PREDICT = (-1, 9, 9, -1), 16, -1
_TWO_UPDATE = (1, 1), 4, -1

#: The predict step and the update step of each base.
BASES: dict[str, tuple[Filter, Filter]] = {
    "5/3 rounded": (((1, 1), 2, 0), _TWO_UPDATE),
    "9/7-M": (_FOUR_PREDICT, _TWO_UPDATE),
    "13/7-T": (_FOUR_PREDICT, ((-1, 9, 9, -1), 32, -2)),
}

#: The finest levels, whose details are predicted from their neighbours, and where these lie.
_LEVELS = 3
_NEIGHBOURS = ((0, -1), (0, 1), (-1, 0), (1, 0))


def filtered(plane: Plane, step: Filter, rows: int) -> Plane:
    """Return a filter's result for so many rows, rounded."""
    weights, divisor, first = step
    margin = len(weights)
    padded = np.pad(plane, ((margin, margin), (0, 0)), mode="symmetric")
    total = sum(
        weight * padded[margin + first + at : margin + first + at + rows] for at, weight in enumerate(weights)
    )
    return np.asarray((2 * total + divisor) // (2 * divisor), np.int32)


def split(plane: Plane, base: tuple[Filter, Filter]) -> tuple[Plane, Plane]:
    """Decompose the columns of a plane: low-pass, high-pass."""
    predict, update = base
    even, odd = plane[0::2], plane[1::2]
    high = odd - filtered(even, predict, len(odd))
    return even + filtered(high, update, len(even)), high


def subbands(plane: Plane, bands: Subbands, base: tuple[Filter, Filter]) -> Subbands:
    """Decompose a plane by a base, in the geometry of its subbands by the 5/3."""
    details = []
    for _ in range(bands.levels):
        parts = [split(np.ascontiguousarray(half.T), base) for half in split(plane, base)]
        (plane, hl), (lh, hh) = ((low.T, high.T) for low, high in parts)
        details.append((hl, lh, hh))
    return Subbands(bands.area, np.ascontiguousarray(plane), details)


def from_neighbours(band: Plane) -> Plane:
    """Return a subband whose odd places, as on a checkerboard, are predicted from their neighbours."""
    height, width = band.shape
    padded = np.pad(band, 1, mode="edge")
    odd = np.indices(band.shape).sum(0) % 2
    sources = [padded[1 + y : 1 + y + height, 1 + x : 1 + x + width] for y, x in _NEIGHBOURS]
    weights = Fit(blocks_of(band * odd, 1), [blocks_of(own * odd, 1) for own in sources]).weights
    total = sum(weight * own for weight, own in zip(weights, sources, strict=True))
    predicted = (total + (1 << WEIGHT_BITS >> 1)) >> WEIGHT_BITS
    return np.where(odd == 1, band - predicted, band).astype(np.int32)


def sizes(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the name of each transform, and the bytes of the codestream of a picture's luma."""
    with Image.open(path) as opened:
        luma = np.asarray(opened.convert("L"))
    layout, model = Layout.read(*luma.shape), resolve(DEFAULT_LOSSLESS_MODEL)
    coder = ReversibleCoder(Picture(luma), layout, model)
    planes, area = list(coder.planes(coder.picture)), layout.area(*luma.shape)
    steps = coder.steps
    explored = model.reversible_engine.explore(planes, area, layout.levels, steps, coder.picture.bit_depth)
    (learned,) = explored.taking(steps)

    def size(bands: Subbands) -> int:
        coder.use([bands])
        return len(coder.code([0.0]))

    yield "5/3", size(explored.components[0])
    for name, base in BASES.items():
        yield name, size(subbands(planes[0], learned, base))
    yield "learned", size(learned)
    details = [
        (from_neighbours(hl), from_neighbours(lh), from_neighbours(hh)) if level < _LEVELS else (hl, lh, hh)
        for level, (hl, lh, hh) in enumerate(learned.details)
    ]
    yield "neighbours", size(Subbands(learned.area, learned.ll, details))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path, metavar="PICTURES", help="folder of RGB pictures")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every Nth picture")
    options = parser.parse_args()
    found = {path.name: dict(sizes(path)) for path in find_pictures([options.pictures])[:: options.every]}
    found["all"] = {name: sum(own[name] for own in found.values()) for name in next(iter(found.values()))}
    names = [name for name in found["all"] if name != "5/3"]
    rows = [["picture", "5/3", *names]]
    for picture, own in found.items():
        changes = (100 * (own[name] / own["5/3"] - 1) for name in names)
        rows.append([picture, str(own["5/3"]), *(f"{change:+.2f} %" for change in changes)])
    print(text_table(rows))


if __name__ == "__main__":
    main()
