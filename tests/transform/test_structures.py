"""Lifting structures and operators: synthesis inverts analysis for any weights."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from j2klearn.core.geometry import Rect
from j2klearn.errors import ModelError
from j2klearn.models.build import build
from j2klearn.transform import lifting
from j2klearn.transform.operators import IWavePlusPlus, Opacity, ProposalOpacity, Tap
from j2klearn.transform.structures import Structure
from j2klearn.transform.wavelet import WAVELETS
from tests.support.small_models import OPERATORS, SMALL, STRUCTURES, configuration, randomised

CONFIG = SMALL


@pytest.fixture
def structure() -> Structure:
    return randomised(build(CONFIG), 0.1)


planes = st.tuples(st.integers(1, 70), st.integers(1, 70), st.integers(0, 1), st.integers(0, 1))


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("name", STRUCTURES)
@given(planes)
@settings(max_examples=8, deadline=None)
def test_synthesis_undoes_analysis(name: str, operator: str, geometry: tuple[int, int, int, int]) -> None:
    height, width, y0, x0 = geometry
    made = randomised(build(configuration(name, operator)).double(), 0.05)
    wavelet = WAVELETS[made.base]
    x = torch.randn(2, 1, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) * 50
    with torch.inference_mode():
        kept = x.clone()
        bands = made.analyse(x, (y0, x0), wavelet)
        assert torch.equal(x, kept)
        area = Rect(y0, x0, y0 + height, x0 + width)
        assert [band.shape[-2:] for band in bands] == [rect.shape for rect in area.decomposed()]
        largest = max(1.0, *(float(band.abs().max()) for band in bands if band.numel()))
        back = made.synthesise(bands, area, wavelet)
    assert (back - x).abs().max() < 1e-8 * largest  # opacities magnify rounding errors


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("name", STRUCTURES)
@given(planes)
@settings(max_examples=5, deadline=None)
def test_without_proposals_it_is_its_base(
    name: str, operator: str, geometry: tuple[int, int, int, int]
) -> None:
    height, width, y0, x0 = geometry
    made = build(configuration(name, operator)).double()
    with torch.no_grad():
        for key, weight in made.named_parameters():
            if "proposal" in key:
                weight.zero_()
    x = torch.randn(1, 1, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) * 50
    with torch.inference_mode():
        bands = made.analyse(x, (y0, x0), WAVELETS[made.base])
        base = WAVELETS[made.base].analyse(x, (y0, x0))
    for a, b in zip(bands, base, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-10)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("name", STRUCTURES)
def test_training_and_coding_compute_the_same(name: str, operator: str) -> None:
    made = randomised(build(configuration(name, operator)), 0.05)
    x = torch.randn(2, 1, 37, 64, generator=torch.Generator().manual_seed(5)) * 50
    with torch.enable_grad():
        trained = made.analyse(x, (1, 0), WAVELETS[made.base])
    with torch.inference_mode():
        coded = made.analyse(x, (1, 0), WAVELETS[made.base])
    for a, b in zip(trained, coded, strict=True):
        assert (a - b).abs().max() < 1e-4 * a.abs().max()


def test_blocks_make_no_difference(structure: Structure, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(1, 1, 150, 131) * 50
    with torch.inference_mode():
        whole = structure.analyse(x, (0, 0), WAVELETS["9-7"])
        monkeypatch.setattr(lifting, "_BLOCK", 17)
        blocks = structure.analyse(x, (0, 0), WAVELETS["9-7"])
    for a, b in zip(whole, blocks, strict=True):
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


def test_silent_details_predict_exactly_nothing(structure: Structure) -> None:
    x = torch.zeros(1, 1, 40, 40)
    with torch.inference_mode():
        assert all((band == 0).all() for band in structure.analyse(x, (0, 0), WAVELETS["9-7"]))


def test_opacities_that_do_not_add_up() -> None:
    """P1, Fig. 6a: with the log-like activation all opacities are zero for a zero input."""
    torch.manual_seed(0)
    opacity = Opacity(1, 5, 8, 1, 3, normalisation="log")
    assert (opacity(torch.zeros(1, 1, 20, 20)) == 0).all()
    once, much = opacity(torch.ones(1, 1, 9, 9)), opacity(1000 * torch.ones(1, 1, 9, 9))
    assert (once >= 0).all()
    assert 0 < much.max() < 100 * once.max()


def test_the_fused_step_has_the_taps_of_the_last_update() -> None:
    """P1, Fig. 4: U_H of the low rows is part of the high-to-low step; U_H of the high rows stays."""
    made = build(configuration("custom4ms"))
    assert [(tap.source, tap.dy, tap.dx) for tap in made.h2l.taps] == [(0, 0, -1), (0, 0, 0)]
    assert [tap.weight for tap in made.h2l.taps] == [-0.25, -0.25]
    assert len(made.vertical) == len(made.horizontal) == 2
    assert len(made.chain) == 5


def test_one_set_of_operators_for_both_directions() -> None:
    """iWave++: for a single column, transposing the picture transposes its subbands."""
    made = randomised(build(configuration("lifting97")), 0.02)
    assert len(made.chain) == 8
    assert len({id(operator) for operator in made.chain}) == 4
    x = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(1)) * 30
    with torch.inference_mode():
        column = made.analyse(x[..., :1], (0, 0), WAVELETS["9-7"])
        row = made.analyse(x[..., :1].transpose(-1, -2), (0, 0), WAVELETS["9-7"])
    torch.testing.assert_close(column[0], row[0].transpose(-1, -2))
    torch.testing.assert_close(column[2], row[1].transpose(-1, -2))


def test_iwave_plus_plus_has_the_published_number_of_weights() -> None:
    operator = IWavePlusPlus(1, 1, (Tap(0, 0, 0, 0.5), Tap(0, 1, 0, 0.5)), width=16)
    assert sum(weight.numel() for weight in operator.parameters()) == 3 + 4945


def test_gains_that_cannot_be_undone() -> None:
    made = build(configuration("lifting97"))
    made.check()
    with torch.no_grad():
        made.scales[1] = -10.0
    with pytest.raises(ModelError, match="gains"):
        made.check()


def test_a_fixed_structure_is_its_base_wavelet():
    config = {"structure": "fixed", "base": "9-7"}
    structure = build(config)
    assert list(structure.parameters()) == []
    assert structure.matched
    x = torch.randn(1, 1, 21, 30, generator=torch.Generator().manual_seed(1))
    bands = structure.analyse(x, (0, 0), WAVELETS["9-7"])
    for band, expected in zip(bands, WAVELETS["9-7"].analyse(x), strict=True):
        assert torch.equal(band, expected)
    back = structure.synthesise(bands, Rect(0, 0, 21, 30), WAVELETS["9-7"])
    assert torch.allclose(back, x, atol=1e-4)
    with pytest.raises(ModelError):
        build({**config, "operator": "iwave++"})
