"""Proposals with their own kernel side, smaller or larger than the region that the opacity network reads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import j2klearn
from j2klearn.core.geometry import Rect
from j2klearn.errors import ModelError
from j2klearn.models.build import build
from j2klearn.models.config import check_config
from j2klearn.models.cost import cost, step_support
from j2klearn.models.model import Model
from j2klearn.training.settings import Settings
from j2klearn.training.shipped import configurations
from j2klearn.training.transform.objective import Objective
from j2klearn.training.transform.pretraining import freeze, hold_base_proposals, randomise
from j2klearn.transform import lifting
from j2klearn.transform.operators import ProposalOpacity, Tap
from j2klearn.transform.wavelet import WAVELETS
from tests.support.judges import psnr
from tests.support.small_models import configuration, randomised

#: The opacity network of the small models reads 9 x 9.
OPACITY_SIDE = 9
SIDES = (3, 7, OPACITY_SIDE, 13)
NAMES = ("hybrid97", "custom5s")


def configured(name: str, side: int | None) -> dict[str, Any]:
    config = configuration(name)
    if side is not None:
        for step in ("predict", "update", "h2l", "l2h"):
            if step in config:
                config[step]["proposal_kernel"] = side
    return config


def operator(side: int | None, first_kernel: int = 3, **options: Any) -> ProposalOpacity:
    torch.manual_seed(2)
    kept = {"proposals": 3, "width": 4, "blocks": 1, "first_kernel": first_kernel, "zero_dc": False}
    made = ProposalOpacity(1, 2, **{**kept, **options}, proposal_kernel=side)
    torch.nn.init.normal_(made.proposal.weight, std=0.1)
    return made


@pytest.mark.parametrize("side", SIDES)
def test_the_half_width_is_the_larger_one(side: int) -> None:
    made = operator(side)
    assert made.proposal.weight.shape[-2:] == (side, side)
    assert made.radius == max(side, OPACITY_SIDE) // 2
    assert step_support(made) == 2 * made.radius + 1
    x = torch.randn(1, 1, 20 + 2 * made.radius, 30 + 2 * made.radius)
    assert made(x).shape == (1, 2, 20, 30)


@pytest.mark.parametrize("side", SIDES)
def test_it_is_the_default_with_kernels_padded_by_zeros(side: int) -> None:
    """The proposals and the opacity network read regions with the same centre."""
    made = operator(side)
    radius = made.radius
    whole = ProposalOpacity(
        1, 2, proposals=3, width=4, blocks=1, first_kernel=3, zero_dc=False, proposal_kernel=2 * radius + 1
    )
    state = made.state_dict()
    state["proposal.weight"] = torch.nn.functional.pad(made.proposal.weight, [radius - side // 2] * 4)
    whole.load_state_dict(state)
    x = torch.randn(2, 1, 11 + 2 * radius, 17 + 2 * radius) * 50
    guide = x[1:] * 0.3
    with torch.no_grad():
        for source in (None, guide):
            torch.testing.assert_close(made(x, source), whole(x, source), rtol=1e-4, atol=1e-3)


def test_the_default_is_the_region_of_the_opacities() -> None:
    x = torch.randn(1, 1, 30, 30)
    with torch.no_grad():
        assert torch.equal(operator(None)(x), operator(OPACITY_SIDE)(x))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("origin", [(0, 0), (1, 1)])
def test_synthesis_undoes_analysis(name: str, side: int, origin: tuple[int, int]) -> None:
    made = randomised(build(configured(name, side)).double(), 0.05)
    generator = torch.Generator().manual_seed(3)
    for height, width in ((1, 1), (2, 9), (43, 58)):
        x = torch.randn(2, 1, height, width, dtype=torch.float64, generator=generator) * 50
        area = Rect(*origin, origin[0] + height, origin[1] + width)
        with torch.inference_mode():
            bands = made.analyse(x, origin, WAVELETS[made.base])
            largest = max(1.0, *(float(band.abs().max()) for band in bands if band.numel()))
            back = made.synthesise(bands, area, WAVELETS[made.base])
        assert (back - x).abs().max() < 1e-8 * largest


@pytest.mark.parametrize("side", SIDES)
def test_blocks_and_training_make_no_difference(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = randomised(build(configured("hybrid97", side)), 0.1)
    x = torch.randn(1, 1, 150, 131, generator=torch.Generator().manual_seed(4)) * 50
    wavelet = WAVELETS["9-7"]
    with torch.enable_grad():
        trained = made.analyse(x, (0, 0), wavelet)
    with torch.inference_mode():
        whole = made.analyse(x, (0, 0), wavelet)
        monkeypatch.setattr(lifting, "_BLOCK", 17)
        blocks = made.analyse(x, (0, 0), wavelet)
    for one, *others in zip(whole, blocks, trained, strict=True):
        for other in others:
            assert (one - other).abs().max() < 1e-4 * one.abs().max()


@pytest.mark.parametrize("side", [3, 13])
def test_files_go_round(side: int, grey: NDArray[np.uint8]) -> None:
    config = configured("hybrid97", side)
    model = Model.of(randomised(build(config), 0.004), config, {"name": "own"})
    assert Model.from_bytes(model.to_bytes()).config["h2l"]["proposal_kernel"] == side
    picture = grey[40:177, 50:201]
    data = j2klearn.encode(
        picture, bpp=24, model=model, levels=3, embed_model=True
    )  # 24: the weights take bytes
    assert psnr(picture, j2klearn.decode(data)) > 60
    part = j2klearn.decode(data, region=(60, 40, 97, 101))
    assert np.abs(part.astype(int) - j2klearn.decode(data)[60:97, 40:101]).max() <= 1


def test_the_option_is_part_of_the_model() -> None:
    """A model without the option keeps its id. The default side, given explicitly, is another configuration."""
    ids = []
    for side in (None, OPACITY_SIDE):
        config = configured("hybrid97", side)
        ids.append(Model.of(randomised(build(config), 0.004), config, {}).id.hex())
    assert ids[0] != ids[1]
    assert ids[0] == "7c46070f2ddf623136161466b9bfad225445719e178a29e67ef16fece0db8af4"


@pytest.mark.parametrize("side", [1, 2, 4, 27, -3, 0, 3.0, True, "3", None, [3]], ids=repr)
def test_impossible_sides(side: object) -> None:
    config = configured("hybrid97", 3)
    config["h2l"]["proposal_kernel"] = side
    with pytest.raises(ModelError, match="impossible proposal_kernel"):
        check_config(config)


def test_an_operator_reads_neighbours_if_its_proposals_do() -> None:
    point = {"proposals": 2, "width": 3, "blocks": 0, "first_kernel": 1, "last_kernel": 1, "zero_dc": False}
    config = {**configuration("hybrid97"), "l2h": point}
    with pytest.raises(ModelError, match="no neighbours"):
        check_config(config)
    check_config({**config, "l2h": {**point, "proposal_kernel": 3}})
    assert operator(3, 1, blocks=0, last_kernel=1).radius == 1


def test_random_filters_take_the_place_of_the_taps() -> None:
    """The first proposal plus the taps is the filter that was drawn at random."""
    made = build(configured("custom4s", 5)).train()
    randomise(made)
    for part in made.modules():
        if isinstance(part, ProposalOpacity):
            weight = part.proposal.weight.detach().clone()
            for tap in part.taps:
                assert isinstance(tap, Tap)
                weight[: part.count, tap.source, 2 + tap.dy, 2 + tap.dx] += tap.weight
            fan = weight.shape[1] * 25, weight.shape[0] * 25
            assert weight.abs().max() <= (6 / sum(fan)) ** 0.5 + 1e-6  # the bound of Glorot and Bengio


@pytest.mark.parametrize("side", [3, 13])
def test_training_stages(side: int) -> None:
    structure = build(configured("custom5s", side)).train()
    x = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(1)) * 40
    objective = Objective(structure, Settings(levels=2, crop=32, batch=1, bfloat16=False))
    for stage in ("proposals", "opacities", "end-to-end"):
        structure.zero_grad(set_to_none=True)
        freeze(structure, stage)
        objective(x, torch.tensor(8.0), stage, 1.0, (1.0,) * 7, 1).backward()
        hold_base_proposals(structure)
        for name, weight in structure.named_parameters():
            if weight.requires_grad:
                assert weight.grad is not None, name
                assert torch.isfinite(weight.grad).all(), name


def test_the_shipped_configuration() -> None:
    """Sixteen proposals of 7 x 7. The region of support, 13 x 13 in both steps, is that of the opacities."""
    config = configurations()["hybrid97-16p7"]
    measured = cost(config)
    weights = {"h2l": 16 * 3 * 49, "l2h": 3 * 16 * 49}
    opacities = {
        step: 16 * inputs * 9 + 4 * 16 * 16 * 9 + 16 * 16 * 9 for step, inputs in (("h2l", 3), ("l2h", 1))
    }
    assert measured.parameters == sum(weights.values()) + sum(opacities.values())
    # two steps of 13 cells are 25 cells, and the longest synthesis filter of the 9/7 has nine taps
    assert measured.support == 2 * 25 + 8
    assert measured.macs == pytest.approx(measured.parameters / 3, rel=0.01)
