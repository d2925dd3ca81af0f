"""The objective of training, its aliasing term, and the two kinds of pre-training."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from j2klearn.core.geometry import Rect
from j2klearn.models.build import build
from j2klearn.training.settings import Settings
from j2klearn.training.transform.objective import Objective, aliasing_target
from j2klearn.training.transform.oracle import OrientedOpacities
from j2klearn.training.transform.pretraining import freeze, hold_base_proposals, progressive, randomise
from j2klearn.training.transform.pyramid import analyse, synthesise
from j2klearn.transform.wavelet import WAVELETS
from tests.support.small_models import SMALL, configuration, randomised

ONES = (1.0,) * 7


def settings(**changes: object) -> Settings:
    return Settings(**{"levels": 2, "crop": 32, "batch": 1, "bfloat16": False, **changes})


def waves(count: int = 1, side: int = 32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(count, 1, side, side, generator=generator) * 30
    return x + 50 * torch.sin(torch.arange(side) / 3)


def cost(objective: Objective, x: torch.Tensor, step: float, **more: object) -> torch.Tensor:
    return objective(x, torch.tensor(step), "end-to-end", 0.7, ONES, 1, **more)


@pytest.mark.parametrize("kind", ["annealed", "straight-through", "noise", "mixed"])
def test_distortion_and_rate(kind: str) -> None:
    """At a fine step the distortion is small and there are many bits; at a coarse step there are few bits."""
    x = waves()
    structure = build(SMALL)
    fine = cost(Objective(structure, settings(quantiser=kind, rate_weight=1.0)), x, 1.0)
    distortion = cost(Objective(structure, settings(quantiser=kind, rate_weight=0.0)), x, 1.0)
    assert 0.03 < distortion.item() < 0.4  # around a twelfth of a step squared
    assert 3 < (fine - distortion).item() < 12  # bits per pixel
    coarse = Objective(structure, settings(quantiser=kind, rate_weight=1.0, step_range=(64.0, 64.0)))
    assert cost(coarse, x, 64.0).item() < 2


def test_the_base_is_what_the_structure_starts_at() -> None:
    structure = build(configuration("custom5s", "iwave"))
    objective = Objective(structure, settings())
    x = waves()
    assert cost(objective, x, 8.0).item() == pytest.approx(
        cost(objective, x, 8.0, base=True).item(), rel=1e-4
    )


def test_relative_costs_are_ratios_of_each_crop() -> None:
    structure = randomised(build(SMALL), 0.02).requires_grad_(True)
    x, steps = waves(3), torch.tensor([4.0, 16.0, 40.0]).reshape(-1, 1, 1, 1)
    kinds = settings(quantiser="annealed", batch=3)
    plain = Objective(structure, kinds)
    ratios = [
        plain(x[i : i + 1], steps[i], "end-to-end", 0.7, ONES, 1).item()
        / plain(x[i : i + 1], steps[i], "end-to-end", 0.7, ONES, 1, base=True).item()
        for i in range(3)
    ]
    assert max(ratios) - min(ratios) > 1e-4
    relative = Objective(structure, dataclasses.replace(kinds, relative=True))
    together = relative(x, steps, "end-to-end", 0.7, ONES, 1)
    assert together.item() == pytest.approx(np.mean(ratios), rel=1e-5)
    together.backward()
    assert any(weight.grad is not None and weight.grad.any() for weight in structure.parameters())


@pytest.mark.parametrize("kind", ["annealed", "straight-through", "noise", "mixed"])
def test_the_true_cost_falls_against_the_derivatives(kind: str) -> None:
    """With every kind of quantiser, a step against the derivatives lowers J with the true quantiser."""
    torch.manual_seed(4)
    structure = build(SMALL)
    objective, truth = (Objective(structure, settings(quantiser=name)) for name in (kind, "annealed"))
    weight, x = structure.h2l.proposal.weight, waves(4, 64)
    steps = np.geomspace(6, 24, 12).tolist()

    def true_cost() -> float:
        return sum(cost(truth, x, step).item() for step in steps)

    (gradient,) = torch.autograd.grad(sum(cost(objective, x, step) for step in steps), weight)
    before = true_cost()
    with torch.no_grad():
        weight.sub_(1e-3 * gradient / gradient.abs().max())
    assert true_cost() < before - 1e-4


def test_aliasing_is_what_a_half_band_cannot_hold() -> None:
    wavelet = WAVELETS["9-7"]
    x = torch.arange(64.0)
    for frequency, little in ((0.1, True), (0.6, False)):  # of the highest frequency
        plane = (50 * torch.cos(x * np.pi * frequency))[None, None, None, :].repeat(1, 1, 64, 1)
        aliasing = aliasing_target(wavelet, plane)[..., 8:-8, 8:-8]
        assert (aliasing.abs().max() < 0.5).item() is little
    structure = build(SMALL)
    with_term = Objective(structure, settings(aliasing_weight=1.0))
    assert cost(with_term, waves(), 8.0) > cost(Objective(structure, settings()), waves(), 8.0)


def test_the_carrier_is_what_the_base_wavelet_makes_of_the_subbands() -> None:
    """Its error at a fine step is that of the learned subbands without quantisation; of the base alone it is D."""
    structure = randomised(build(SMALL), 0.02).requires_grad_(True)
    x, step = waves(), 0.05
    plain = Objective(structure, settings(rate_weight=0.0))
    weighted = Objective(structure, settings(rate_weight=0.0, carrier_weight=0.5))
    with torch.no_grad():
        carrier = synthesise(None, WAVELETS["9-7"], analyse(structure, WAVELETS["9-7"], x, 2))
        expected = (carrier - x).square().mean().item()
        assert expected > 0.1
        added = cost(weighted, x, step) - cost(plain, x, step)
        assert added.item() * step**2 / 0.5 == pytest.approx(expected, rel=0.01)
        of_base = [cost(objective, x, 8.0, base=True).item() for objective in (plain, weighted)]
        assert of_base[1] == pytest.approx(1.5 * of_base[0], rel=1e-5)
    derivatives = [
        torch.autograd.grad(cost(objective, x, 8.0), structure.h2l.proposal.weight)[0]
        for objective in (plain, weighted)
    ]
    assert not torch.allclose(*derivatives)


def test_oracle_opacities_see_directions() -> None:
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    for picture, strongest in ((torch.sin(columns / 2), 1), (torch.sin(rows / 2), 3)):
        oracle = OrientedOpacities(100 * picture[None, None])
        maps = oracle.maps(5, 1)
        torch.testing.assert_close(maps.sum(1), torch.ones(1, 64, 64))
        assert maps[0, 1:, 20:-20, 20:-20].mean((1, 2)).argmax() + 1 == strongest
    oracle.level = 2
    grid = oracle(5, Rect(0, 0, 16, 32), (2, 1), False)
    assert torch.equal(grid, oracle.maps(5, 2)[..., ::4, ::2])
    turned = oracle(5, Rect(0, 0, 16, 32), (2, 1), True)
    assert torch.equal(turned, oracle.maps(5, 2).transpose(-1, -2)[..., ::4, ::2])


def test_stages_train_what_they_are_called() -> None:
    structure = build(configuration("custom5s"))
    for stage, proposals, opacities in (
        ("proposals", True, False),
        ("opacities", False, True),
        ("end-to-end", True, True),
    ):
        freeze(structure, stage)
        for name, weight in structure.named_parameters():
            assert weight.requires_grad is (proposals if "proposal" in name else opacities)
    freeze(structure, "proposals")
    hold_base_proposals(structure)
    x = waves()
    Objective(structure, settings())(x, torch.tensor(8.0), "proposals", 1.0, ONES, 1).backward()
    hold_base_proposals(structure)
    gradient = structure.vertical[0].proposal.weight.grad
    assert (gradient[0] == 0).all()
    assert (gradient[1:] != 0).any()
    assert structure.l2h.proposal.weight.grad[[0, 3, 6]].abs().max() == 0


def test_random_filters_take_the_place_of_the_taps() -> None:
    structure = build(configuration("custom4s"))
    operator = structure.vertical[0]
    randomise(structure)
    x = torch.zeros(1, 1, 2 * operator.radius + 1, 2 * operator.radius + 1)
    x[0, 0, operator.radius, operator.radius] = 1000
    opacities = torch.zeros(1, operator.count, 1, 1)
    opacities[0, 1] = 1
    filters = operator(x, opacities=opacities).item() / 1000
    limit = (6 / (81 * (1 + operator.count))) ** 0.5
    assert 0 < abs(filters) <= limit + 1e-6  # as drawn; the tap alone is a half
    assert operator.proposal.weight[1, 0, operator.radius, operator.radius].item() == pytest.approx(
        filters - 0.5
    )


def test_progressive_selection_adds_up_partial_pictures() -> None:
    """The result is the sum of the terms of equation 8."""
    structure = randomised(build(configuration("custom4s")), 0.02)
    wavelet, x = WAVELETS["5-3"], waves(2, 16)
    with torch.enable_grad():
        total = progressive(structure, wavelet, x, 2).item()
        ll, details = analyse(structure, wavelet, x, 2)
        bands = [ll, *details[1], *details[0]]
        expected = 0.0
        for kept in range(1, len(bands) + 1):
            some = [band if i < kept else torch.zeros_like(band) for i, band in enumerate(bands)]
            back = synthesise(structure, wavelet, (some[0], [tuple(some[4:7]), tuple(some[1:4])]))
            expected += (back - x).square().mean().item()
    assert total == pytest.approx(expected, rel=1e-4)
