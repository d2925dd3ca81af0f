"""What lossless files do, and what they do not do, and why: base wavelets, luma or green, predictions of neighbours.

    python benchmarks/lossless_alternatives.py PICTURES [--every N]

Prints bytes of real codestreams against those of the 5/3, for each picture and for all. In RGB:

* learned on 5/3: the earlier transform, `reversible53-16p7`, which rounds after each direction and each prediction;
* with Y: the shipped transform, with the Y of the RCT;
* learned: the shipped transform, with green in the place of Y.

In luma:

* non-separable: the base wavelet of the shipped transform, without learned steps;
* 9/7-M and 13/7-T: these bases of T.801, without learned steps, too. Samples beyond the borders repeat those within,
  which changes only coefficients at the borders;
* learned on 5/3, learned: as in RGB;
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
from j2klearn.ebcot.coders import OrdinaryCoder
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
    "9/7-M": (_FOUR_PREDICT, _TWO_UPDATE),
    "13/7-T": (_FOUR_PREDICT, ((-1, 9, 9, -1), 32, -2)),
}

#: The model of lossless files before.
EARLIER = "reversible53-16p7"

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


def luma_sizes(samples: NDArray[np.uint8]) -> Iterator[tuple[str, int]]:
    """Yield the name of each transform, and the bytes of the codestream of a picture's luma."""
    layout = Layout.read(*samples.shape)
    coder = ReversibleCoder(Picture(samples), layout, resolve(DEFAULT_LOSSLESS_MODEL))
    planes, area = list(coder.planes(coder.picture)), layout.area(*samples.shape)
    depth = coder.picture.bit_depth

    def explored(name: str) -> tuple[Subbands, Subbands]:
        """Return the subbands of the base wavelet, and those of the learned transform."""
        engine = resolve(name).reversible_engine
        found = engine.explore(planes, area, layout.levels, coder.steps, depth)
        return found.components[0], found.taking(coder.steps)[0]

    def size(bands: Subbands) -> int:
        coder.use([bands])
        return len(coder.code([0.0]))

    plain, before = explored(EARLIER)
    base, learned = explored(DEFAULT_LOSSLESS_MODEL)
    yield "5/3", size(plain)
    yield "non-separable", size(base)
    for name, steps in BASES.items():
        yield name, size(subbands(planes[0], plain, steps))
    yield "learned on 5/3", size(before)
    yield "learned", size(learned)
    details = [
        (from_neighbours(hl), from_neighbours(lh), from_neighbours(hh)) if level < _LEVELS else (hl, lh, hh)
        for level, (hl, lh, hh) in enumerate(learned.details)
    ]
    yield "neighbours", size(Subbands(learned.area, learned.ll, details))


def colour_sizes(samples: NDArray[np.uint8]) -> Iterator[tuple[str, int]]:
    """Yield the name of each transform, and the bytes of the codestream of a picture in RGB."""
    picture, layout = Picture(samples), Layout.read(*samples.shape[:2])
    earlier, model = resolve(EARLIER), resolve(DEFAULT_LOSSLESS_MODEL)
    coders = {
        "5/3": OrdinaryCoder(picture, layout, reversible=True),
        "learned on 5/3": ReversibleCoder(picture, layout, earlier),
        "with Y": ReversibleCoder(picture, layout, model),
        "learned": ReversibleCoder(picture, layout, model, green=True),
    }
    for name, coder in coders.items():
        yield name, len(coder.code([0.0]))


def table(found: dict[str, dict[str, int]]) -> str:
    """Return a table of the bytes of all transforms against the 5/3, by picture."""
    total = {name: sum(own[name] for own in found.values()) for name in next(iter(found.values()))}
    names = [name for name in total if name != "5/3"]
    rows = [["picture", "5/3", *names]]
    for picture, own in {**found, "all": total}.items():
        changes = (100 * (own[name] / own["5/3"] - 1) for name in names)
        rows.append([picture, str(own["5/3"]), *(f"{change:+.2f} %" for change in changes)])
    return text_table(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path, metavar="PICTURES", help="folder of RGB pictures")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every Nth picture")
    options = parser.parse_args()
    colour, luma = dict[str, dict[str, int]](), dict[str, dict[str, int]]()
    for path in find_pictures([options.pictures])[:: options.every]:
        with Image.open(path) as opened:
            colour[path.name] = dict(colour_sizes(np.asarray(opened.convert("RGB"))))
            luma[path.name] = dict(luma_sizes(np.asarray(opened.convert("L"))))
    print(f"RGB\n{table(colour)}\n\nluma\n{table(luma)}")


if __name__ == "__main__":
    main()
