"""The non-separable 5/3: native code computes what its definition says, and it is the 5/3 but for the rounding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from j2klearn.core.geometry import Rect
from j2klearn.errors import InputError
from j2klearn.native import wavelet
from j2klearn.transform.integer import wavelet53

Plane = NDArray[np.int64]


def around(x: Plane, axis: int, first: int, count: int) -> Plane:
    """Return sums of two neighbours along an axis; those at the ends repeat. Without samples, they are 0."""
    if not x.shape[axis]:
        shape = list(x.shape)
        shape[axis] = count
        return np.zeros(shape, np.int64)
    places = np.clip(np.arange(first, first + count + 1), 0, x.shape[axis] - 1)
    wide = np.moveaxis(x.take(places, axis), axis, 0)
    return np.moveaxis(wide[:-1] + wide[1:], 0, axis)


def defined(plane: NDArray[np.int32], y0: int, x0: int) -> tuple[Plane, Plane, Plane, Plane]:
    """Return LL, HL, LH and HH as docs/format-lossless.md defines them."""
    x = plane.astype(np.int64)
    x = x * 2 if x.shape[0] == 1 and y0 % 2 else x
    x = x * 2 if x.shape[1] == 1 and x0 % 2 else x
    dy, dx = y0 % 2, x0 % 2
    ll, hl, lh, hh = (x[oy ^ dy :: 2, ox ^ dx :: 2] for oy in (0, 1) for ox in (0, 1))
    (low_rows, low_columns), (high_rows, high_columns) = ll.shape, hh.shape

    def in_highs(band: Plane, axis: int) -> Plane:  # neighbours of high-pass samples
        return around(band, axis, -(dy, dx)[axis], (high_rows, high_columns)[axis])

    def in_lows(band: Plane, axis: int) -> Plane:
        return around(band, axis, (dy, dx)[axis] - 1, (low_rows, low_columns)[axis])

    hh = hh - ((2 * in_highs(lh, 1) + 2 * in_highs(hl, 0) - in_highs(in_highs(ll, 0), 1) + 2) >> 2)
    hl, lh = (
        hl - ((2 * in_highs(ll, 1) - in_lows(hh, 0) + 1) >> 2),
        lh - ((2 * in_highs(ll, 0) - in_lows(hh, 1) + 1) >> 2),
    )
    ll = ll + ((4 * in_lows(hl, 1) + 4 * in_lows(lh, 0) - in_lows(in_lows(hh, 0), 1) + 7) >> 4)
    return ll, hl, lh, hh


@settings(max_examples=300, deadline=None)
@given(
    st.tuples(st.integers(1, 12) | st.integers(60, 100), st.integers(1, 40)),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.integers(1, 30),
    st.integers(0, 2**32 - 1),
)
def test_native_code_computes_the_definition(
    shape: tuple[int, int], origin: tuple[int, int], bits: int, seed: int
) -> None:
    plane = np.random.default_rng(seed).integers(-(1 << bits), 1 << bits, shape, dtype=np.int64)
    small = bits < 24  # sums of larger samples wrap around
    area = Rect(*origin, origin[0] + shape[0], origin[1] + shape[1])
    if not small and 1 in shape:
        return  # doubled samples do not come back if they wrap around
    found = [
        wavelet.analyse(plane.astype(np.int32), origin, threads, non_separable=True) for threads in (1, 3)
    ]
    for bands in found:
        back = wavelet.synthesise(*bands, area, 2, non_separable=True)
        assert np.array_equal(back, plane)
        if small:
            for own, expected in zip(bands, defined(plane.astype(np.int32), *origin), strict=True):
                assert np.array_equal(own, expected)


def test_it_is_the_53_but_for_the_rounding() -> None:
    plane = np.random.default_rng(0).integers(-128, 128, (61, 77)).astype(np.int32)
    exact = wavelet53.analyse(plane.astype(np.float32), (1, 0))
    once = wavelet.analyse(plane, (1, 0), non_separable=True)
    twice = wavelet.analyse(plane, (1, 0))
    errors = [
        [float(np.abs(own - real).mean()) for own, real in zip(bands, exact, strict=True)]
        for bands in (once, twice)
    ]
    assert all(a < b for a, b in zip(*errors, strict=True))
    assert np.abs(once[3] - exact[3]).max() <= 0.5  # HH has no error but its own rounding


def test_it_takes_integers_only() -> None:
    plane = np.zeros((4, 4), np.float32)
    with pytest.raises(InputError, match="float32"):
        wavelet.analyse(plane, non_separable=True)
    with pytest.raises(InputError, match="float32"):
        wavelet.synthesise(*[plane[:2, :2]] * 4, Rect(0, 0, 4, 4), non_separable=True)
