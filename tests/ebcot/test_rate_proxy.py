"""The rate proxy: it predicts real bytes, its gradients are right, and its costs are plausible."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from j2klearn.ebcot.rate_proxy import RateProxy
from j2klearn.models.registry import resolve
from j2klearn.training.transform.calibration import errors, fit, predict, sample, samples


@pytest.fixture(scope="module")
def luma(photograph: NDArray[np.uint8]) -> NDArray[np.float32]:
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    return photograph[400:912, 700:1468].astype(np.float32) @ weights - 128


@pytest.mark.parametrize("model", [None, "hybrid97-9c-compact"])
def test_it_predicts_the_bytes_of_real_codestreams(luma: NDArray[np.float32], model: str | None) -> None:
    """The mean error is below 5 % for both transforms, on a photograph that was not used for the fit."""
    taken = list(samples(luma, [8, 20, 50], resolve(model) if model else None))
    assert all(0.05 < one.bpp < 3 for one in taken)
    assert np.abs(errors(RateProxy(), taken)).mean() < 0.05


def test_indices_are_those_that_were_coded(luma: NDArray[np.float32]) -> None:
    one = sample(luma, 16.0)
    assert one.packets.shape == (6,)
    assert len(one.bands) == 16
    assert sum(band.size for _, band in one.bands) == luma.size
    # a step of 16 in the picture is a step of 16 / 1.0113 in HL of the finest level
    finest = dict(one.bands)["HL"]
    assert 0.001 < (finest > 0).mean() < 0.3
    assert 30 < max(int(band.max()) for _, band in one.bands) < 400


def test_fitting_lowers_the_error(luma: NDArray[np.float32]) -> None:
    taken = list(samples(luma[:256, :256], [6, 12, 24, 48]))
    proxy = RateProxy({})
    before = np.abs(errors(proxy, taken)).mean()
    reports: list[float] = []
    fit(proxy, taken, epochs=12, rate=0.05, report=lambda epoch, error: reports.append(error))
    assert len(reports) == 12
    assert np.abs(errors(proxy, taken)).mean() < 0.5 * before
    again = RateProxy(proxy.constants())
    assert float(predict(again, taken[0]).sum()) == pytest.approx(
        float(predict(proxy, taken[0]).sum()), rel=1e-4
    )


@pytest.mark.parametrize("orientation", ["LL", "HL", "LH", "HH"])
def test_larger_magnitudes_cost_more_and_busy_surroundings_make_them_cheap(orientation: str) -> None:
    proxy = RateProxy()
    quiet, busy = torch.zeros(1, 1, 5, 5), torch.full((1, 1, 5, 5), 6.0)
    costs = []
    for magnitude in range(12):
        quiet[0, 0, 2, 2] = busy[0, 0, 2, 2] = magnitude
        costs.append([proxy.bits(x, orientation)[0, 0, 2, 2].item() for x in (quiet, busy)])
    assert all(a[0] < b[0] for a, b in itertools.pairwise(costs))
    assert costs[0][0] < 0.2 < costs[0][1]
    assert costs[6][0] > costs[6][1]


def test_derivatives_of_the_surroundings() -> None:
    """The hand-written gradient equals the numerical one."""
    proxy = RateProxy().double()
    x = (torch.rand(1, 1, 6, 7, dtype=torch.float64) * 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda m: proxy.bits(m, "HL"), (x,), eps=1e-6, atol=1e-5)


def test_it_is_finite_with_finite_gradients() -> None:
    magnitude = (torch.randn(2, 1, 16, 16).abs() * torch.logspace(-6, 4, 16)).requires_grad_()
    bits = RateProxy().bits(magnitude, "HH")
    bits.sum().backward()
    assert torch.isfinite(bits).all()
    assert (bits >= 0).all()
    assert torch.isfinite(magnitude.grad).all()


def test_code_blocks() -> None:
    """An empty code-block costs very few bits; a code-block with a coefficient costs its header too."""
    proxy = RateProxy()
    nothing = torch.zeros(1, 1, 70, 70)
    one = nothing.clone()
    one[0, 0, 3, 3] = 1
    empty = proxy.blocks(proxy.bits(nothing, "HH"), nothing)
    single = proxy.blocks(proxy.bits(one, "HH"), one)
    assert 0 < empty.item() < 40
    assert single.item() > empty.item() + 10
