"""Subbands: their order in the transport, and the subbands of a part of the area."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from j2klearn.core.geometry import Rect
from j2klearn.core.subbands import Subbands
from j2klearn.native import wavelet

sides = st.integers(1, 70)


@given(
    st.integers(0, 4), st.tuples(st.integers(0, 40), st.integers(0, 40)), sides, sides, st.integers(0, 2**32)
)
def test_the_flat_order_and_back(
    levels: int, origin: tuple[int, int], height: int, width: int, seed: int
) -> None:
    area = Rect(*origin, origin[0] + height, origin[1] + width)
    flat = np.random.default_rng(seed).integers(-99, 99, area.size).astype(np.int32)
    bands = Subbands.from_flat(flat, area, levels)
    assert (bands.area, bands.levels) == (area, levels)
    assert np.array_equal(bands.to_flat(), flat)


@given(st.tuples(st.integers(0, 9), st.integers(0, 9)), sides, sides, st.integers(0, 2**32))
def test_a_part_has_the_coefficients_of_its_area(
    origin: tuple[int, int], height: int, width: int, seed: int
) -> None:
    # beyond the margin, the coefficients do not depend on the samples around a part
    levels, side, margin = 2, 4, 24
    whole = Rect(*origin, origin[0] + height + 2 * margin + side, origin[1] + width + 2 * margin + side)
    y0, x0 = ((start + margin + side - 1) // side * side for start in origin)
    part = Rect(y0, x0, y0 + height, x0 + width)
    samples = np.random.default_rng(seed).integers(-99, 99, whole.shape).astype(np.int32)

    def analysed(area: Rect) -> Subbands:
        low, details = samples[area.slices_in(whole)], []
        for level in range(levels):
            low, *found = wavelet.analyse(low, area.resolution(level).origin)
            details.append(tuple(found))
        return Subbands(area, low, details)

    grown = part.grown(margin // side * side).intersection(whole)
    found = analysed(whole).part(part)
    for own, expected in zip(found.bands(), analysed(grown).part(part).bands(), strict=True):
        assert np.array_equal(own, expected)
    assert sum(band.size for band in found.bands()) == part.size
