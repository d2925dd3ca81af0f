"""Training: it learns, it resumes as if it had not stopped, and its quantiser is the real one."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from j2klearn.errors import InputError, OptionError
from j2klearn.model import Model
from j2klearn.training.__main__ import main
from j2klearn.training.data import Patches
from j2klearn.training.objective import RateProxy, dead_zone
from j2klearn.training.trainer import Trainer, read_config

CONFIG = """
[model]
structure = "hybrid"
base = "9-7"
operator = "proposal-opacity"
h2l = { proposals = 4, width = 8, blocks = 1, first_kernel = 3, zero_dc = false }
l2h = { proposals = 4, width = 8, blocks = 1, first_kernel = 1, zero_dc = true }

[training]
levels = 2
crop = 32
batch = 2
steps = %d
learning_rate = 3e-3
proposal_rate = 0.1
step_range = [8.0, 16.0]
rate_weight = 0.15
average = 0.99
seed = 3
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Slanted edges: what a separable wavelet is bad at, so that there is something to learn in a minute."""
    folder = tmp_path_factory.mktemp("pictures")
    y, x = np.mgrid[:256, :512]
    for index in range(4):
        waves = np.sin((x * np.cos(0.4 + 0.2 * index) + y * np.sin(0.4 + 0.2 * index)) / (3 + index))
        Image.fromarray((128 + 90 * np.tanh(4 * waves)).astype(np.uint8)).save(folder / f"{index}.png")
    return folder


def config(tmp_path: Path, steps: int) -> Path:
    path = tmp_path / f"small{steps}.toml"
    path.write_text(CONFIG % steps)
    return path


def test_it_learns(tmp_path: Path, pictures: Path) -> None:
    trainer = Trainer(config(tmp_path, 150), Patches(pictures, 64), tmp_path / "out")
    trainer.run(save_every=1000)
    with (tmp_path / "out" / "log.csv").open() as stream:
        ratios = [float(row[1]) / float(row[2]) for row in csv.reader(stream)]
    assert np.mean(ratios[-4:]) < 0.995
    assert np.mean(ratios[-4:]) < np.mean(ratios[:4])
    model = Model.load(tmp_path / "out" / "model.safetensors")
    assert model.card["steps_done"] == 150
    model.build()


def test_a_resumed_run_is_the_same_run(tmp_path: Path, pictures: Path) -> None:
    patches = Patches(pictures, 64)
    path = config(tmp_path, 12)
    whole = Trainer(path, patches, tmp_path / "whole")
    whole.run(save_every=100)
    first = Trainer(path, patches, tmp_path / "parts")
    for _ in range(7):
        first._train_step()
    first.save()
    second = Trainer(path, patches, tmp_path / "parts")
    second.resume()
    second.run(save_every=100)
    for a, b in zip(whole.structure.parameters(), second.structure.parameters(), strict=True):
        assert torch.equal(a, b)
    a, b = (Model.load(tmp_path / name / "model.safetensors") for name in ("whole", "parts"))
    assert a.id == b.id


def test_dead_zone_is_the_quantiser_of_the_standard() -> None:
    x = torch.tensor([-9.0, -4.1, -3.9, -0.1, 0.0, 3.9, 4.0, 7.9, 8.0], requires_grad=True)
    y = dead_zone(x, torch.tensor(4.0))
    assert y.tolist() == [-10.0, -6.0, 0.0, 0.0, 0.0, 0.0, 6.0, 6.0, 10.0]
    y.sum().backward()
    assert x.grad.tolist() == [1.0] * 9


def test_rate_proxy_is_a_code_length() -> None:
    """Probabilities of all indices add up to one, and busy surroundings make large indices cheap."""
    proxy = RateProxy()
    quiet, busy = torch.zeros(1, 1, 5, 5), torch.full((1, 1, 5, 5), 6.0)
    for surroundings in (quiet, busy):
        total = 0.0
        for value in range(-80, 81):
            surroundings[0, 0, 2, 2] = value
            total += (2.0 ** -proxy(surroundings, "HL")[0, 0, 2, 2]).item()
        assert total == pytest.approx(1, abs=0.01)
    quiet[0, 0, 2, 2] = busy[0, 0, 2, 2] = 6
    assert proxy(busy, "HL")[0, 0, 2, 2] < proxy(quiet, "HL")[0, 0, 2, 2]


def test_rate_proxy_is_finite_with_finite_gradients() -> None:
    index = (torch.randn(2, 1, 16, 16) * torch.logspace(-6, 4, 16)).requires_grad_()
    bits = RateProxy()(index, "HH")
    bits.sum().backward()
    assert torch.isfinite(bits).all()
    assert torch.isfinite(index.grad).all()


def test_shipped_configuration() -> None:
    from j2klearn import registry, training

    folder = Path(training.__file__).parent / "configs"
    for path in folder.glob("*.toml"):
        model, settings = read_config(path)
        assert settings.steps > 0
        assert registry.resolve(path.stem).config == model


def test_bad_input(tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no training pictures"):
        Patches(tmp_path / "empty")
    broken = tmp_path / "broken.toml"
    broken.write_text("[model]\n")
    with pytest.raises(OptionError):
        read_config(broken)
    assert main([str(broken), "--data", str(pictures), "--out", str(tmp_path / "o"), "--threads", "1"]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")
