"""Training of reversible models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import j2klearn
from j2klearn.cli.main import main
from j2klearn.errors import InputError, OptionError
from j2klearn.models.model import Model
from j2klearn.models.registry import DEFAULT_LOSSLESS_MODEL, resolve
from j2klearn.native import wavelet
from j2klearn.training.lossless.cells import Cells
from j2klearn.training.lossless.start import OPTIONS, begun, continued
from j2klearn.training.lossless.trainer import Trainer
from j2klearn.transform.integer import reference
from j2klearn.transform.operators import ProposalOpacity
from tests.support.reversible_models import small_operator, textured


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures")
    for at in range(6):
        Image.fromarray(textured((150, 170, 3), seed=at, noise=0.02)).save(path / f"{at}.png")
    return path


@pytest.fixture(scope="module")
def cells(folder: Path) -> Cells:
    return Cells(folder, 64)


def _start() -> ProposalOpacity:
    return begun(resolve("hybrid53-9c-compact").build().l2h.state_dict())  # type: ignore[union-attr, operator]


def test_the_subbands_are_those_of_the_non_separable_53(cells: Cells) -> None:
    assert [own.shape for own in cells.levels] == [(6, 4, 32, 32), (6, 4, 16, 16), (6, 4, 8, 8)]
    low = cells.levels[0][2, 0].astype(np.int32)
    for found, expected in zip(cells.levels[1][2], wavelet.analyse(low, non_separable=True), strict=True):
        assert np.array_equal(found, expected)
    batch = cells.batch(0, 5, np.random.default_rng(0))
    assert batch.shape == (5, 4, 32, 32)
    assert batch[:, 1:].abs().mean() < batch[:, 0].abs().mean()


def test_a_larger_operator_begins_with_the_predictions_of_a_smaller_one() -> None:
    small = resolve("hybrid53-9c-compact").build().l2h
    assert isinstance(small, ProposalOpacity)
    large = begun(small.state_dict())
    x = 20 * torch.randn(1, 1, 60, 60, generator=torch.Generator().manual_seed(0)).cumsum(-1)
    with torch.inference_mode():
        expected = small(x)
        margin = small.radius - large.radius
        found = large(x[..., margin : 60 - margin, margin : 60 - margin])
    assert (found - expected).std() < 0.5 * expected.std()
    with pytest.raises(OptionError, match="another network"):
        begun(ProposalOpacity(1, 3, **{**OPTIONS, "width": 8}).state_dict())


def test_a_training_goes_on_with_a_reversible_model() -> None:
    engine = resolve(DEFAULT_LOSSLESS_MODEL).reversible_engine
    x = textured((96, 80))[..., None].transpose(2, 0, 1)[None].astype(np.float32) - 128
    radius = engine.l2h.radius
    with torch.inference_mode():
        found = continued(engine.l2h)(torch.from_numpy(x))[0].numpy()
    source = reference.samples(x[0], engine.l2h)
    expected = reference.predict(engine.l2h, source, reference.opacities(engine.l2h, source))
    expected = expected * 2.0**-engine.l2h.output_bits
    assert found.shape == expected.shape == (3, 96 - 2 * radius, 80 - 2 * radius)
    assert np.abs(found - expected).max() < 0.05 * np.abs(expected).max()
    with pytest.raises(OptionError, match="another size"):
        continued(small_operator())


def _step(trainer: Trainer) -> float:
    figures = trainer.train_step()
    assert figures is not None
    return float(figures)


def test_training_saves_bits_and_can_be_resumed(cells: Cells, tmp_path: Path) -> None:
    torch.manual_seed(0)
    whole = Trainer(cells, tmp_path / "whole.safetensors", 24, _start())
    costs = [_step(whole) for _ in range(24)]
    assert np.mean(costs[-8:]) < np.mean(costs[:8])
    half = Trainer(cells, tmp_path / "half.safetensors", 24, _start())
    first = [_step(half) for _ in range(12)]
    half.save()
    rest = Trainer(cells, tmp_path / "half.safetensors", 24, _start())
    rest.resume()
    assert [*first, *(_step(rest) for _ in range(12))] == costs


def test_the_command_writes_a_model_that_codes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("j2klearn.training.lossless.trainer._BATCH", (1, 1, 2))
    monkeypatch.setattr("j2klearn.training.lossless.trainer._CALIBRATION", 8)
    monkeypatch.setattr("j2klearn.transform.integer.quantise._KEPT", 4)
    monkeypatch.setattr("j2klearn.transform.integer.quantise._KEPT_SIDE", 32)
    out = tmp_path / "model.safetensors"
    assert main(["train-lossless", "--data", str(folder), "--out", str(out), "--steps", "2"]) == 0
    model = Model.load(out)
    assert model.reversible
    picture = textured((64, 72), noise=0.02)
    file = j2klearn.encode(picture, lossless=True, model=out, fallback=False)
    assert np.array_equal(j2klearn.decode(file, model=model), picture)
    again = ["train-lossless", "--data", str(folder), "--out", str(tmp_path / "b"), "--steps", "1"]
    assert main([*again, "--start", DEFAULT_LOSSLESS_MODEL]) == 0
    assert Model.load(tmp_path / "b").reversible
    resumed = ["train-lossless", "--data", str(folder), "--out", str(out), "--steps", "3", "--resume"]
    assert main(resumed) == 0
    assert Model.load(out).id != model.id


def test_refusals(folder: Path, tmp_path: Path, cells: Cells) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "missing", tmp_path / "empty"):
        with pytest.raises(InputError):
            Cells(path)
    trainer = Trainer(cells, tmp_path / "model.safetensors", 1, _start())
    with pytest.raises(OptionError, match="no checkpoint"):
        trainer.resume()
    torch.save({"operator": {}}, trainer.plan.checkpoint)
    with pytest.raises(OptionError, match="another training"):
        trainer.resume()
    words = ["train-lossless", "--data", str(folder), "--out", str(tmp_path / "a"), "--steps", "0"]
    assert main(words) == 2
