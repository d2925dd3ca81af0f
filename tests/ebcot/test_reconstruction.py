"""The lattice of tier-1: decoded coefficients lie on it, for the whole picture and for regions."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.codestream.main_header import HEADROOM, read_main_header, to_wide
from j2klearn.core.geometry import Rect
from j2klearn.core.subbands import Subbands
from j2klearn.ebcot.reconstruction import read_lattice, reconstruct
from j2klearn.native import transport, wavelet
from tests.support.judges import psnr


def decoded(stream: bytes, levels: int, component: int, **request: object) -> Subbands:
    header = read_main_header(stream)
    with transport.Decoder(to_wide(stream, header, 24)) as decoder:
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
    names = [("LL", 5)] + [(name, level) for level in range(5, 0, -1) for name in ("HL", "LH", "HH")]
    for name, band in zip(names, bands.bands(), strict=True):
        distance = np.abs(band - np.rint(band / lattice[name]) * lattice[name])
        # OpenJPEG's high-pass constant changes large coefficients by 1 in 30,000; the other errors are smaller
        assert distance.max() < 0.1 * lattice[name] + 5e-3


def test_points_move_by_their_interval() -> None:
    """Odd multiples of 2^p half steps are the middles of intervals of 2^p steps. Zero stays zero."""
    steps = np.array([0, 3, -3, 5, 6, -12, 7, 10, 9 * 64], np.float32)
    interval = np.array([1, 1, 1, 2, 1, 1, 3, 2, 4])
    unit = np.array([0, 1, -1, 1, 2, -4, 1, 2, 64])
    expected = steps - 2 * 0.1 * unit / (1 + (interval - 1) / 4)
    band = (steps * 0.5 + 0.01).astype(np.float32)
    wavelet.reconstruct(band, 2.0, 0.5, 0.1)
    assert np.allclose(band, expected * 0.5)
    wild = np.array([np.inf, -np.inf, 1e30, np.nan], np.float32)
    wavelet.reconstruct(wild, 2.0, 0.5, 0.1)
    assert np.isfinite(wild).all()


def test_moved_points_are_nearer_to_the_picture(
    rgb: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = j2klearn.encode(rgb, bpp=1)
    moved = psnr(rgb, j2klearn.decode(data))
    monkeypatch.setattr("j2klearn.ebcot.reconstruction._BIAS", 0.0)
    assert moved > psnr(rgb, j2klearn.decode(data))


def test_a_region_has_the_same_coefficients(stream: bytes) -> None:
    lattice = read_lattice(stream, read_main_header(stream))
    whole, cut = decoded(stream, 1, 0), decoded(stream, 1, 0, area=Rect(60, 90, 170, 250))
    for bands in (whole, cut):
        reconstruct(bands, lattice)
    for name, a, b in zip(("HL", "LH", "HH"), whole.details[0], cut.details[0], strict=True):
        rows, columns = cut.area.subband(name).grown(-4).slices_in(whole.area.subband(name))
        assert np.array_equal(a[rows, columns], b[4:-4, 4:-4])
