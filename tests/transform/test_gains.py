"""Measured synthesis gains match those of the filters, and the scales of the subbands follow from them."""

from __future__ import annotations

import pytest
import torch

from j2klearn.core.geometry import ORIENTATIONS
from j2klearn.models.build import build
from j2klearn.models.model import Model
from j2klearn.models.transport_scales import transport_scales
from j2klearn.transform.gains import measure
from j2klearn.transform.norms import NORMS_97
from j2klearn.transform.scales import MEASURED_LEVELS, extended
from j2klearn.transform.wavelet import WAVELETS
from tests.support.small_models import STRUCTURES, configuration, small_model


def norm(base: str, orientation: str, level: int) -> float:
    """Return the norm of one synthesis basis vector in the middle of a plane."""
    side = 128
    x = torch.zeros(side, side, dtype=torch.float64)
    bands = [torch.zeros_like(x) for _ in range(4)]
    bands[["LL", *ORIENTATIONS].index(orientation)][side // 2, side // 2] = 1
    x = WAVELETS[base].synthesise(*bands)
    for _ in range(level - 1):
        x = WAVELETS[base].synthesise(x, *(torch.zeros_like(x) for _ in range(3)))
    return float(x.norm())


@pytest.mark.parametrize("name", STRUCTURES)
def test_measured_gains_are_those_of_the_base(name: str) -> None:
    model = small_model(name, deviation=0.0)
    base = model.config["base"]
    names = [("LL", 3)] + [(o, level) for level in (3, 2, 1) for o in ORIENTATIONS]
    expected = [norm(base, o, level) / NORMS_97[o][level - 1] for o, level in names]
    assert measure(model.structure) == pytest.approx(expected, rel=0.06)


def test_the_measurement_is_a_fixed_one_and_leaves_the_network_alone() -> None:
    structure = build(configuration("custom5s"))
    structure.fast = structure.shared = True
    before = {key: value.clone() for key, value in structure.state_dict().items()}
    first = measure(structure)
    torch.manual_seed(99)
    assert measure(structure) == first
    assert structure.fast
    assert structure.shared
    assert all(torch.equal(before[key], value) for key, value in structure.state_dict().items())


def test_a_learned_step_that_amplifies_raises_the_gain() -> None:
    """A high-to-low step that adds two times HL to LL spreads errors of HL into LL."""
    config = configuration("hybrid53")
    structure = build(config)
    with torch.no_grad():
        structure.h2l.proposal.weight.zero_()
        centre = structure.h2l.radius
        structure.h2l.proposal.weight[:, 0, centre, centre] = 2.0
        structure.l2h.proposal.weight.zero_()
    plain = measure(small_model("hybrid53", deviation=0.0).structure)
    assert measure(structure)[-3] > 1.5 * plain[-3]
    assert measure(structure)[-1] == pytest.approx(plain[-1], rel=1e-6)


def test_a_network_in_a_bad_state_has_gains_that_a_file_can_hold() -> None:
    wild = small_model("custom5s", deviation=3.0).structure
    assert all(0.01 <= ratio <= 100 for ratio in measure(wild))


def test_scales_of_any_number_of_levels() -> None:
    ratios = [0.5, *range(9, 0, -1)]
    assert extended(ratios, MEASURED_LEVELS) == tuple(ratios)
    assert extended(ratios, 1) == (0.5, 3, 2, 1)
    assert extended(ratios, 5) == (0.5, 9, 8, 7, 9, 8, 7, 9, 8, 7, 6, 5, 4, 3, 2, 1)


def test_the_hybrid_on_the_9_7_needs_no_scales_unless_asked_for() -> None:
    assert transport_scales(small_model("hybrid97"), 5) == ()
    asked = {**configuration("hybrid97"), "gains": "measured"}
    assert len(transport_scales(Model.of(build(asked), asked), 5)) == 16
    assert len(transport_scales(small_model("custom4s"), 5)) == 16
    assert transport_scales(small_model("custom4s"), 0) == ()
