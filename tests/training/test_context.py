"""Training of entropy models: it learns, it resumes, and its model codes files."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data as photographs

from j2klearn.cli import main
from j2klearn.core.subbands import Subbands
from j2klearn.errors import InputError, ModelNotFoundError, OptionError
from j2klearn.neural.coefficients.pyramid import area_of
from j2klearn.neural.context.model import ContextModel
from j2klearn.neural.context.rdo_choice import Chooser
from j2klearn.neural.entropy.backends import mixture
from j2klearn.neural.entropy.mixture import LOG_SCALE_UNIT, LOGIT_UNIT, MEAN_UNIT
from j2klearn.training.context.choosing import chosen
from j2klearn.training.context.settings import ContextSettings, read_context_config
from j2klearn.training.context.trainer import ContextTrainer, context_bits
from j2klearn.training.subband_patches import SubbandPatches, read_patches
from tests.support.small_context import NETWORK, context_config, random_pyramids, small_context, small_network


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    Image.fromarray(photographs.astronaut()).save(folder / "a.png")
    return folder


@pytest.fixture(scope="module")
def pictures(folder):
    return SubbandPatches(read_patches(folder, 128, 6), "9-7", 6, 0)


SETTINGS = ContextSettings(
    first_steps=30, second_steps=30, batch=2, held_out=1, validate_every=15, save_every=10, bfloat16=False
)


@pytest.mark.parametrize("predicted", [False, True])
def test_bits_of_training_are_those_of_files(predicted):
    model = small_context(mixtures=2, predicted=predicted)
    networks = [small_network(model.config[part], seed, 2) for seed, part in enumerate(("first", "second"))]
    pyramids = random_pyramids(model, (64, 64), 3, 1.5)
    ll = torch.stack([torch.from_numpy(p.ll).long() for p in pyramids])[None]
    levels = range(pyramids[0].levels)
    details = [
        torch.stack([torch.from_numpy(np.stack(p.details[level])).long() for p in pyramids])[None]
        for level in levels
    ]
    bits = sum(
        torch.stack(
            context_bits(
                network,
                model.config[part],
                part,
                ll,
                details,
                torch.tensor([60]),
                lossless=False,
                bfloat16=False,
            )
        )
        for network, part in zip(networks, ("first", "second"), strict=True)
    )
    sizes = [8 * len(segment) for segment in model.encode(pyramids, 60)][::-1]
    for level, (predicted_bits, size) in enumerate(zip(bits.tolist()[:3], sizes[:3], strict=True), 1):
        assert abs(size - predicted_bits) < 0.01 * predicted_bits + 64, level


@pytest.mark.parametrize("part", ["first", "second"])
def test_it_learns(part, pictures, tmp_path):
    ContextTrainer(part, context_config(), SETTINGS, pictures, tmp_path / "whole").run()
    with (tmp_path / "whole" / f"{part}.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    validated = [float(row["bits per coefficient"]) for row in rows if "step 8" in row["what"]]
    assert len(validated) == 2
    assert validated[1] < validated[0]


def test_indices_are_chosen_in_the_end(pictures, tmp_path):
    """Indices chosen by their cost take fewer bits than rounded ones."""
    settings = replace(SETTINGS, first_steps=40, validate_every=40, choose_from=0.5)
    trainer = ContextTrainer("first", context_config(), settings, pictures, tmp_path)
    trainer.run()
    crop = pictures.crop(np.array([3]), slice(0, 1), np.random.default_rng(5))
    step = torch.tensor([12.0])
    with torch.no_grad():
        chosen = sum(trainer.bits(trainer.average, crop, step, 0.33, choose=True))
        rounded = sum(trainer.bits(trainer.average, crop, step, 0.5))
    assert chosen < 0.97 * rounded


def test_choices_of_training_are_those_of_the_encoder():
    """Training and the encoder compute the same costs, so they choose the same indices, up to rounding."""
    rng = np.random.default_rng(3)
    parameters = np.stack(
        [rng.integers(-99, 99, (400, 2)), rng.integers(-30, 30, (400, 2)), rng.integers(-120, 0, (400, 2))], 1
    ).astype(np.int16)
    scaled = rng.laplace(0, 1, 400).astype(np.float32)
    bands = Subbands(area_of((1, 1)), np.zeros((1, 1), np.float32), [])
    by_encoder = Chooser([bands], 1.0, mixture())._chosen(scaled, parameters)
    units = np.array([LOGIT_UNIT, MEAN_UNIT, LOG_SCALE_UNIT])[:, None]
    mixtures = torch.from_numpy(parameters * units).float().permute(1, 2, 0)[None, None, ..., None]
    by_training = chosen(mixtures, torch.from_numpy(scaled)[None, None, :, None]).numpy().ravel()
    assert (by_encoder == by_training).mean() > 0.97
    assert (by_encoder != np.rint(scaled)).mean() > 0.05


def test_a_network_begins_as_a_smaller_one(pictures, tmp_path):
    small = ContextTrainer("second", context_config(), SETTINGS, pictures, tmp_path / "small")
    while small.step < 5:
        small.train_step()
    small.save()
    config = context_config()
    config["second"] |= {
        "width": config["second"]["width"] + 3,
        "blocks": 2,
        "layers": 3,
        "predicted": True,
    }
    large = ContextTrainer("second", config, SETTINGS, pictures, tmp_path / "large")
    large.start(tmp_path / "small")
    crop = pictures.crop(np.array([0, 1]), slice(0, 3), np.random.default_rng(0))
    step = torch.tensor([8.0, 30.0])
    for choose in (False, True):
        with torch.no_grad():
            bits = [torch.stack(t.bits(t.average, crop, step, 0.4, choose=choose)) for t in (small, large)]
        torch.testing.assert_close(*bits)
    first = [weight.clone() for weight in large.network.parameters()]
    for _ in range(2):  # new channels get gradients only once existing layers give them weight
        large.train_step()
    moved = [not torch.equal(a, b) for a, b in zip(first, large.network.parameters(), strict=True)]
    assert all(moved)
    large.save()
    with pytest.raises(OptionError, match="cannot begin"):
        small.start(tmp_path / "large")
    with pytest.raises(OptionError, match="there is no"):
        large.start(tmp_path / "nowhere")


def test_lossless_patches(folder):
    patches = SubbandPatches(read_patches(folder, 256, 2), "5-3", 7, 0)
    assert patches.lossless
    assert patches.ll.dtype == torch.int16
    crop = patches.crop(np.array([0, 1]), slice(0, 3), np.random.default_rng(0))
    assert [tuple(band.shape) for band in crop.details[:2]] == [(2, 3, 3, 64, 64), (2, 3, 3, 32, 32)]
    assert bool((crop.details[0] == crop.details[0].round()).all())


def write_config(path, transform="9-7", **training):
    settings = {"batch": 2, "held_out": 1, "bfloat16": False, **training}
    second = {**NETWORK, "conditioned": True}

    def toml(value):
        if isinstance(value, dict):
            return "{ " + ", ".join(f"{key} = {toml(part)}" for key, part in value.items()) + " }"
        return json.dumps(value)

    model = {"transform": transform, "mixtures": 3, "first": NETWORK, "second": second}
    lines = []
    for name, table in (("model", model), ("training", settings)):
        lines += [f"[{name}]", *(f"{key} = {toml(value)}" for key, value in table.items())]
    path.write_text("\n".join(lines))
    return path


def test_command(folder, tmp_path, capsys):
    config = write_config(tmp_path / "tiny.toml", first_steps=2, second_steps=2)
    words = ["train-context", str(config), "--data", str(folder), "--out", str(tmp_path / "run")]
    assert main([*words, "--threads", "1"]) == 0
    assert "model.safetensors" in capsys.readouterr().out
    model = ContextModel.from_bytes((tmp_path / "run" / "model.safetensors").read_bytes())
    assert model.name == "tiny"
    assert model.card["steps_done"] == {"first": 2, "second": 2}
    pyramids = random_pyramids(model, (20, 20), 3)
    assert len(model.encode(pyramids, 30)) == model.levels((20, 20))
    assert main([*words, "--resume", "--part", "second", "--subsampled", "1"]) == 0
    model = ContextModel.from_bytes((tmp_path / "run" / "model.safetensors").read_bytes())
    assert model.card["training"]["subsampled"] == 1
    assert main([*words, "--steps", "0"]) == 2
    assert main([*words, "--subsampled", "1.5"]) == 2
    assert main(["train-context", "cross-component-small", *words[2:], "--subsampled", "0.5"]) == 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_command_without_cuda(folder, tmp_path, capsys):
    config = write_config(tmp_path / "tiny.toml", first_steps=2, second_steps=2)
    words = ["train-context", str(config), "--data", str(folder), "--out", str(tmp_path / "run")]
    assert main([*words, "--device", "cuda"]) == 2
    assert "no CUDA device" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_bad_configurations(folder, tmp_path):
    with pytest.raises(OptionError):
        read_context_config(tmp_path / "none.toml")
    with pytest.raises(OptionError):
        read_context_config(write_config(tmp_path / "a.toml", unknown=1))
    with pytest.raises(OptionError):
        read_context_config(write_config(tmp_path / "b.toml", offset_range=[0.4, 0.9]))
    with pytest.raises(ModelNotFoundError):
        read_context_config(write_config(tmp_path / "c.toml", "no-such-transform"))
    with pytest.raises(InputError):
        read_patches(tmp_path / "b.toml".replace("b.toml", ""), 4096)


@pytest.mark.parametrize(
    "name",
    [
        "context97",
        "context97-small",
        "context53",
        "context-base97",
        "context97-predicted",
        "context97-unconditioned",
        "context53-unconditioned",
    ],
)
def test_shipped_configurations(name):
    from j2klearn.training.shipped import CONTEXT, find_config

    config, settings = read_context_config(find_config(name, CONTEXT))
    assert config["kind"] == "context"
    assert settings.first_steps > 0
