"""The lattice of tier-1: decoded coefficients lie on it, whichever way they come."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn import _native
from j2klearn.codestream import HEADROOM, read_main_header, to_wide
from j2klearn.geometry import Rect
from j2klearn.lattice import read_lattice, snap
from j2klearn.subbands import Subbands


def decoded(stream: bytes, levels: int, component: int, **request: object) -> Subbands:
    header = read_main_header(stream)
    with _native.Decoder(to_wide(stream, header, 24)) as decoder:
        decoder.decode(fraction_bits=24 - HEADROOM - 8, **request)
        area = decoder.components[component].area
        return Subbands.from_flat(decoder.subbands(component, levels), area, levels)


@pytest.fixture(scope="module", params=[{"bpp": 0.5}, {"bpp": 3, "tile_size": 128}])
def stream(request: pytest.FixtureRequest, rgb: NDArray[np.uint8]) -> bytes:
    return j2klearn.encode(rgb, jp2=False, **request.param)


@pytest.mark.parametrize("component", [0, 1])
def test_decoded_coefficients_lie_on_the_lattice(stream: bytes, component: int) -> None:
    lattice = read_lattice(stream, read_main_header(stream))
    assert len(lattice) == 16
    bands = decoded(stream, 5, component)
    before = [band.copy() for band in bands.bands()]
    snap(bands, lattice)
    moved = [np.abs(a - b).max() for a, b in zip(before, bands.bands(), strict=True)]
    spacings = [lattice["LL", 5]] + [
        lattice[name, level] for level in range(5, 0, -1) for name in ("HL", "LH", "HH")
    ]
    # OpenJPEG's high-pass constant moves large coefficients by 1 in 30,000; beside that they are there already
    assert all(m < 0.1 * s + 5e-3 for m, s in zip(moved, spacings, strict=True))


def test_a_region_has_the_same_coefficients(stream: bytes) -> None:
    lattice = read_lattice(stream, read_main_header(stream))
    whole, cut = decoded(stream, 1, 0), decoded(stream, 1, 0, area=Rect(60, 90, 170, 250))
    for bands in (whole, cut):
        snap(bands, lattice)
    for name, a, b in zip(("HL", "LH", "HH"), whole.details[0], cut.details[0], strict=True):
        rows, columns = cut.area.subband(name).grown(-4).slices_in(whole.area.subband(name))
        assert np.array_equal(a[rows, columns], b[4:-4, 4:-4])
