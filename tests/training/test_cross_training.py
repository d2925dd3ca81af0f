"""Training of the cross-component context model, and files coded with the trained model."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import j2klearn
from j2klearn.cli import main
from j2klearn.core.picture import Picture
from j2klearn.errors import OptionError
from j2klearn.models.registry import resolve
from j2klearn.neural.registry import resolve_entropy
from j2klearn.neural.subband_transform import transform_of
from j2klearn.training.cross.settings import CrossConfig, read_cross_config
from j2klearn.training.cross.trainer import CrossTrainer, assembled
from j2klearn.training.subband_patches import read_patches
from j2klearn.transform.colour import planes

MODEL = """
[model]
kind = "cross-component"
levels = 2
mixtures = 2
features = 6
hidden = 4
blocks = 1
dense = 0
shared = true
conditioned = true
told = {told}
{dequantiser}
{transform}

[training]
luma_steps = 4
chroma_steps = 3
crop = 32
batch = 2
learning_rate = 2e-3
initial_step = 12.0
held_out = 2
validate_every = 4
save_every = 2
{more}
"""
LIFTING = """
[model.transform]
structure = "predict-update"
base = "9-7"
operator = "iwave++"
shared = true
scales = true
predict = { width = 4 }
update = { width = 4 }
"""
RESIDUAL = 'dequantiser = { kind = "residual", width = 4, blocks = 1, told = false }'


def configured(
    folder: Path, transform: str = LIFTING, dequantiser: str = RESIDUAL, more: str = "", told: str = "false"
) -> CrossConfig:
    return read_cross_config(written(folder, transform, dequantiser, more, told))


def written(
    folder: Path, transform: str = LIFTING, dequantiser: str = RESIDUAL, more: str = "", told: str = "false"
) -> Path:
    path = folder / "tiny.toml"
    path.write_text(MODEL.format(transform=transform, dequantiser=dequantiser, more=more, told=told))
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Coloured waves, whose chroma is correlated with their luma."""
    folder = tmp_path_factory.mktemp("pictures")
    y, x = np.mgrid[:256, :256]
    for index in range(4):
        waves = np.tanh(4 * np.sin((x * np.cos(0.4 + 0.3 * index) + y * np.sin(0.4 + 0.3 * index)) / 5))
        rgb = np.stack([128 + 90 * waves, 128 + 60 * waves, 128 - 70 * waves], -1)
        Image.fromarray(rgb.astype(np.uint8)).save(folder / f"{index}.png")
    return folder


@pytest.fixture(scope="module")
def patches(pictures: Path) -> np.ndarray:
    return read_patches(pictures, 256)[:, :96, :96]


def state_of(trainer: CrossTrainer) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in trainer.codec.state_dict().items()}


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {key.split(".")[0] for key in before if not torch.equal(before[key], after[key])}


def test_training_luma_lowers_the_cost_and_leaves_chroma(tmp_path, patches):
    config = configured(tmp_path)
    trainer = CrossTrainer(
        "luma",
        config._replace(settings=replace(config.settings, luma_steps=16, learning_rate=4e-3)),
        patches,
        tmp_path,
    )
    before = state_of(trainer)
    costs = [trainer.train_step()[0] for _ in range(16)]
    assert np.mean(costs[-5:]) < 0.9 * np.mean(costs[:5])
    assert changed(before, state_of(trainer)) == {"structure", "log_step", "dequantiser", "luma"}


def test_a_step_on_one_batch_lowers_its_cost(tmp_path, patches):
    trainer = CrossTrainer("luma", configured(tmp_path), patches, tmp_path)
    x = trainer._batch(np.random.default_rng(0))
    step = torch.exp2(trainer.codec.log_step)
    before = trainer.costs(trainer.codec, x, step, 0.03)[0]
    trainer.optimiser.zero_grad()
    before.backward()
    trainer.optimiser.param_groups[0]["lr"] = 1e-4
    trainer.optimiser.param_groups[1]["lr"] = 1e-6
    trainer.optimiser.step()
    assert trainer.costs(trainer.codec, x, torch.exp2(trainer.codec.log_step), 0.03)[0] < before


def test_chroma_begins_with_luma_and_trains_nothing_else(tmp_path, patches):
    config = configured(tmp_path)
    luma = CrossTrainer("luma", config, patches, tmp_path)
    for _ in range(2):
        luma.train_step()
    chroma = CrossTrainer("chroma", config, patches, tmp_path)
    chroma.follow(luma)
    own, other = chroma.codec.luma.state_dict(), chroma.codec.chroma.state_dict()
    for key in ("prediction.cells.0.weight", "fusions.2.masked.0.weight", "fusions.1.up.weight"):
        assert torch.equal(own[key], other[key])
    heads = [other[f"fusions.2.heads.{role}.weight"] for role in (1, 2)]
    for head in heads:  # planes of luma's contexts come last
        assert torch.equal(head[:, -2:], own["fusions.2.heads.0.weight"])
        assert not head[:, :-2].any()
    before = state_of(chroma)
    costs = chroma.train_step()
    assert costs[0] == pytest.approx((costs[1] + costs[2]) / 2)
    assert changed(before, state_of(chroma)) == {"chroma"}


def test_a_resumed_run_is_the_same(tmp_path, patches):
    config = configured(tmp_path, more="average = 0.9")
    whole = CrossTrainer("luma", config, patches, tmp_path / "whole")
    whole.run()
    first = CrossTrainer("luma", config, patches, tmp_path / "parts")
    assert not first.resume()
    first.train_step()
    first.train_step()
    first.save()
    second = CrossTrainer("luma", config, patches, tmp_path / "parts")
    assert second.resume()
    second.run()
    for key, value in whole.average.state_dict().items():
        assert torch.equal(value, second.average.state_dict()[key]), key
    with (tmp_path / "whole" / "luma.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["what"] for row in rows][-1].startswith("validation")
    assert float(rows[0]["bits per pixel"]) > 0


def test_the_step_is_trained_or_drawn(tmp_path, patches):
    one = CrossTrainer("luma", configured(tmp_path), patches, tmp_path)
    one.train_step()
    assert float(one.codec.log_step.detach()) != pytest.approx(np.log2(12), abs=1e-7)
    many = CrossTrainer(
        "luma", configured(tmp_path, more="step_range = [8.0, 32.0]", told="true"), patches, tmp_path
    )
    drawn = [
        float(many._quantiser(many.codec, np.random.default_rng(seed))[0].detach()) for seed in range(20)
    ]
    assert 8 <= min(drawn) < max(drawn) <= 32
    many.train_step()
    assert float(many.codec.log_step.detach()) == pytest.approx(np.log2(12))
    assert len(many.validate()) == 4
    with pytest.raises(OptionError, match="told"):
        configured(tmp_path, more="step_range = [8.0, 32.0]")


@pytest.mark.parametrize(
    ("transform", "dequantiser", "named"),
    [
        ('transform = "9-7"', "", "9-7"),
        ('transform = "9-7"', RESIDUAL, "fixed"),
        ('transform = "hybrid97-9c-compact"', "", "hybrid"),
    ],
)
def test_other_transforms(tmp_path, patches, transform, dequantiser, named):
    config = configured(tmp_path, transform, dequantiser, more="train_transform = false")
    trainers = [CrossTrainer(phase, config, patches, tmp_path) for phase in ("luma", "chroma")]
    before = state_of(trainers[0])
    trainers[0].train_step()
    assert "structure" not in changed(before, state_of(trainers[0]))
    model, entropy = assembled(config, "tiny", *trainers)
    if named == "fixed":
        assert model is not None
        assert model.config["structure"] == "fixed"
    else:
        assert model is None
        shipped = {"name": "hybrid97-9c-compact", "id": resolve("hybrid97-9c-compact").id.hex()}
        assert entropy.config["transform"] == ("9-7" if named == "9-7" else shipped)


def test_the_command_trains_a_model_whose_files_can_be_read(tmp_path, pictures, capsys):
    out = tmp_path / "run"
    path = written(tmp_path)
    arguments = ["train-context", str(path), "--data", str(pictures), "--out", str(out), "--patches", "4"]
    assert main([*arguments, "--part", "luma"]) == 0
    assert main([*arguments, "--part", "chroma"]) == 0
    model = resolve_entropy(out / "model.safetensors")
    card = json.loads(json.dumps(model.card))
    assert card["steps_done"] == {"luma": 4, "chroma": 3}
    assert (out / "tiny-transform.safetensors").exists()
    rgb = np.asarray(Image.open(pictures / "1.png"))[:57, :70]
    data = j2klearn.encode(rgb, profile="neural", model=out / "model.safetensors", quality=60)
    decoded = j2klearn.decode(data, model=out / "model.safetensors", threads=2)
    error = float(np.mean((decoded.astype(float) - rgb) ** 2))
    assert error < 60
    assert j2klearn.decode(data, model=out / "model.safetensors", reduce=1).shape == (29, 35, 3)
    assert main([*arguments, "--part", "first"]) == 2
    assert "luma and chroma" in capsys.readouterr().err


def test_a_run_starts_from_another_one(tmp_path, patches):
    first = CrossTrainer("luma", configured(tmp_path), patches, tmp_path / "first")
    first.train_step()
    first.save()
    second = CrossTrainer("luma", configured(tmp_path, more="weight = 0.003"), patches, tmp_path / "second")
    second.start_from(tmp_path / "first")
    assert not changed(state_of(first), state_of(second))
    with pytest.raises(OptionError, match="no state"):
        second.start_from(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ("crop = 30", "train"),
        ("average = 1.5", "average"),
        ("weight = 0.0", "weight"),
        ("nothing = 1", "unknown"),
        ("step_range = [8.0, 4.0]", "step_range"),
    ],
)
def test_impossible_settings(tmp_path, more, match):
    key = more.split(" ")[0]
    path = written(tmp_path)
    lines = [line for line in path.read_text().splitlines() if not line.startswith(key)]
    path.write_text("\n".join([*lines, more]))
    with pytest.raises(OptionError, match="multiple of 2" if key == "crop" else match):
        read_cross_config(path)


def test_files_have_the_coefficients_of_training(tmp_path, patches):
    config = configured(tmp_path)
    trainers = [CrossTrainer(phase, config, patches, tmp_path) for phase in ("luma", "chroma")]
    for _ in range(3):
        trainers[0].train_step()
    model, entropy = assembled(config, "tiny", *trainers)
    assert model is not None
    transform = transform_of(entropy.config, [model], ict=True)
    samples = planes(Picture(patches[0, :48, :64]))
    codec = trainers[0].average
    for component, bands in enumerate(transform.analyse(samples, 2)):
        expected = codec.analysed(torch.from_numpy(samples[component])[None, None], component)
        for band, other in zip(bands.bands(), expected, strict=True):
            assert (
                np.abs(band - other[0, 0].numpy()).max() < 1.0
            )  # the file's are in bfloat16 where that is fast
        back = codec.synthesised(expected, component)
        assert np.abs(back[0, 0].numpy() - samples[component]).max() < 1e-2
    assert model.dequantiser.told is False
