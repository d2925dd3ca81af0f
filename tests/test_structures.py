"""Lifting structures and operators: whatever the weights, synthesis undoes analysis."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from j2klearn import structures
from j2klearn.geometry import Rect
from j2klearn.operators import ProposalOpacity
from j2klearn.structures import build
from j2klearn.wavelet import WAVELETS

CONFIG = {
    "structure": "hybrid",
    "base": "9-7",
    "operator": "proposal-opacity",
    "h2l": {"proposals": 3, "width": 4, "blocks": 1, "first_kernel": 3, "zero_dc": False},
    "l2h": {"proposals": 3, "width": 4, "blocks": 1, "first_kernel": 1, "zero_dc": True},
}


@pytest.fixture
def structure() -> structures.Structure:
    torch.manual_seed(3)
    made = build(CONFIG)
    for weight in made.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    return made.eval().requires_grad_(False)


@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 1), st.integers(0, 1))
@settings(max_examples=50, deadline=None)
def test_synthesis_undoes_analysis(height: int, width: int, y0: int, x0: int) -> None:
    torch.manual_seed(3)
    made = build(CONFIG).double().eval().requires_grad_(False)
    for weight in made.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    x = torch.randn(1, 1, height, width, dtype=torch.float64) * 50
    with torch.inference_mode():
        bands = made.analyse(x, (y0, x0), WAVELETS["9-7"])
        area = Rect(y0, x0, y0 + height, x0 + width)
        back = made.synthesise(bands, area, WAVELETS["9-7"])
    assert (back - x).abs().max() < 1e-9


def test_blocks_make_no_difference(structure: structures.Structure, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(1, 1, 150, 131) * 50
    with torch.inference_mode():
        whole = structure.analyse(x, (0, 0), WAVELETS["9-7"])
        monkeypatch.setattr(structures, "_BLOCK", 17)
        blocks = structure.analyse(x, (0, 0), WAVELETS["9-7"])
    for a, b in zip(whole, blocks, strict=True):
        assert (a - b).abs().max() < 1e-4 * a.abs().max()


def test_training_and_coding_compute_the_same(structure: structures.Structure) -> None:
    x = torch.randn(2, 1, 48, 64) * 50
    with torch.enable_grad():
        trained = structure.analyse(x, (0, 0), WAVELETS["9-7"])
    with torch.inference_mode():
        coded = structure.analyse(x, (0, 0), WAVELETS["9-7"])
    for a, b in zip(trained, coded, strict=True):
        assert (a - b).abs().max() < 1e-4 * a.abs().max()


@pytest.mark.parametrize(("inputs", "outputs", "first", "radius"), [(3, 1, 3, 6), (1, 3, 1, 5)])
def test_region_of_support_by_back_propagation(inputs: int, outputs: int, first: int, radius: int) -> None:
    """The compact operators of P1 Table III: 13 x 13 and 11 x 11."""
    torch.manual_seed(0)
    operator = ProposalOpacity(
        inputs, outputs, proposals=9, width=16, blocks=2, first_kernel=first, zero_dc=False
    )
    assert operator.radius == radius
    side = 2 * radius + 9
    x = torch.randn(1, inputs, side + 2 * radius, side + 2 * radius, requires_grad=True)
    operator(x)[0, :, side // 2, side // 2].sum().backward()
    rows, columns = x.grad.abs().sum((0, 1)).nonzero(as_tuple=True)
    assert rows.max() - rows.min() + 1 == 2 * radius + 1
    assert columns.max() - columns.min() + 1 == 2 * radius + 1


def test_opacities_sum_to_one_and_ignore_contrast() -> None:
    torch.manual_seed(0)
    operator = ProposalOpacity(1, 3, proposals=9, width=16, blocks=2, first_kernel=1, zero_dc=True)
    x = torch.randn(1, 1, 30, 30) * 100
    once, twice = operator.opacity(x), operator.opacity(2 * x)
    assert torch.allclose(once.sum(1), torch.ones(1, 20, 20), atol=1e-5)
    assert (once >= 0).all()
    assert (once - twice).abs().max() < 0.05


def test_constant_predicts_nothing() -> None:
    operator = ProposalOpacity(1, 3, proposals=4, width=8, blocks=1, first_kernel=1, zero_dc=True)
    torch.nn.init.normal_(operator.proposal.weight, std=1.0)
    assert operator(torch.full((1, 1, 20, 20), 100.0)).abs().max() < 2e-2


def test_silent_details_predict_exactly_nothing(structure: structures.Structure) -> None:
    x = torch.zeros(1, 1, 40, 40)
    with torch.inference_mode():
        assert all((band == 0).all() for band in structure.analyse(x, (0, 0), WAVELETS["9-7"]))
