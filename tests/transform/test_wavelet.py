"""The base wavelets in PyTorch: perfect reconstruction, the geometry of T.800, agreement with the native library."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from j2klearn.core.geometry import Rect
from j2klearn.native import wavelet
from j2klearn.transform.norms import NORMS_97
from j2klearn.transform.wavelet import LIFTINGS, WAVELETS, Wavelet

planes = st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(0, 3), st.integers(0, 3))


#: The wavelets, and the 5/3 on integers.
KINDS = [*WAVELETS, "reversible"]


def _plane(name: str, height: int, width: int, seed: int = 0) -> torch.Tensor:
    generator = np.random.default_rng(seed)
    if name == "reversible":
        return torch.from_numpy(generator.integers(-300, 300, (height, width)).astype(np.int32))
    return torch.from_numpy(generator.normal(0, 80, (height, width)).astype(np.float32))


def _wavelet(name: str) -> Wavelet:
    return WAVELETS["5-3" if name == "reversible" else name]


@pytest.mark.parametrize("name", KINDS)
@given(planes)
def test_round_trip_and_sizes(name: str, geometry: tuple[int, int, int, int]) -> None:
    height, width, y0, x0 = geometry
    x = _plane(name, height, width)
    bands = _wavelet(name).analyse(x, (y0, x0))
    rects = Rect(y0, x0, y0 + height, x0 + width).decomposed()
    assert [tuple(band.shape) for band in bands] == [rect.shape for rect in rects]
    back = _wavelet(name).synthesise(*bands, (y0, x0))
    if name == "reversible":
        assert torch.equal(back, x)
    else:
        assert (back - x).abs().max() < 1e-3


@pytest.mark.parametrize("name", ["9-7", "reversible"])
@given(planes)
@settings(max_examples=60)
def test_same_coefficients_as_the_native_library(name: str, geometry: tuple[int, int, int, int]) -> None:
    height, width, y0, x0 = geometry
    x = _plane(name, height, width)
    ours = _wavelet(name).analyse(x, (y0, x0))
    native = wavelet.analyse(x.numpy(), (y0, x0), 1)
    for a, b in zip(ours, native, strict=True):
        np.testing.assert_allclose(a.numpy(), b, atol=2e-3 if name == "9-7" else 0)
    back = wavelet.synthesise(*native, Rect(y0, x0, y0 + height, x0 + width), 2)
    np.testing.assert_allclose(back, x.numpy(), atol=1e-3 if name == "9-7" else 0)


@pytest.mark.parametrize(("orientation", "band"), [("LL", 0), ("HL", 1), ("LH", 2), ("HH", 3)])
@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_norms_are_those_of_the_synthesis(orientation: str, band: int, level: int) -> None:
    wavelet, side = WAVELETS["9-7"], 512
    area = Rect(0, 0, side >> (level - 1), side >> (level - 1))
    bands = [torch.zeros(rect.shape, dtype=torch.float64) for rect in area.decomposed()]
    bands[band][bands[band].shape[0] // 2, bands[band].shape[1] // 2] = 1
    x = wavelet.synthesise(*bands)
    for _ in range(level - 1):
        x = wavelet.synthesise(x, *(torch.zeros_like(x) for _ in range(3)))
    assert float(x.norm()) == pytest.approx(NORMS_97[orientation][level - 1], abs=2e-3)


@given(planes)
@settings(max_examples=40)
def test_the_5_3_is_the_reversible_one_but_for_its_rounding(geometry: tuple[int, int, int, int]) -> None:
    height, width, y0, x0 = geometry
    x = _plane("reversible", height, width)
    whole = WAVELETS["5-3"].analyse(x, (y0, x0))
    for a, b in zip(whole, WAVELETS["5-3"].analyse(x.float(), (y0, x0)), strict=True):
        assert a.shape == b.shape
        if a.numel():
            assert (a - b).abs().max() <= 3  # there is a rounding error in each of four steps


@pytest.mark.parametrize("name", WAVELETS)
def test_polynomials_leave_no_details(name: str) -> None:
    """The 9/7 has four vanishing moments, the 5/3 two, the 1/3 three."""
    moments = {"9-7": 4, "5-3": 2, "1-3": 3}[name]
    x = torch.arange(40, dtype=torch.float64)
    for power, vanishes in ((moments - 1, True), (moments, False)):
        high = WAVELETS[name].analyse((x[None] / 40) ** power + 0 * x[:, None])[1]
        assert bool(high[:, 4:-4].abs().max() < 1e-7) is vanishes


@pytest.mark.parametrize("name", WAVELETS)
def test_constant_has_no_details(name: str) -> None:
    assert LIFTINGS[name].steps
    ll, *details = WAVELETS[name].analyse(torch.full((9, 7), 50.0))
    assert (ll - 50).abs().max() < 1e-4
    assert all(band.abs().max() < 1e-4 for band in details)
