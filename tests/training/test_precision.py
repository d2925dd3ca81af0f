"""The setting `bfloat16`: true and false decide; "auto" follows the device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from j2klearn.errors import OptionError
from j2klearn.models.model import Model
from j2klearn.training.context.settings import ContextSettings
from j2klearn.training.context.trainer import ContextTrainer, assembled
from j2klearn.training.cross.settings import CrossSettings
from j2klearn.training.data import Patches
from j2klearn.training.dequantisation.train import DequantisationSettings
from j2klearn.training.precision import trains_in_bfloat16
from j2klearn.training.settings import Settings, parse_changes, read_config
from j2klearn.training.subband_patches import SubbandPatches
from j2klearn.training.transform.trainer import Trainer
from j2klearn.transform.precision import fast_bfloat16
from tests.support.small_context import context_config
from tests.support.training_pictures import write_config, write_pictures

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def test_the_setting_decides() -> None:
    assert trains_in_bfloat16(True, CPU)
    assert not trains_in_bfloat16(False, CPU)
    assert trains_in_bfloat16("auto", CPU) == fast_bfloat16()
    assert trains_in_bfloat16(True, CUDA)
    assert not trains_in_bfloat16("auto", torch.device("meta"))


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_cuda(monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: bool) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert trains_in_bfloat16("auto", CUDA) is expected


def test_the_default_is_what_the_processor_does() -> None:
    kinds = (Settings, ContextSettings, CrossSettings, DequantisationSettings)
    assert {kind().bfloat16 for kind in kinds} == {"auto"}


@pytest.mark.parametrize("value", ["auto", True, False])
def test_toml_and_command_line(tmp_path: Path, value: bool | str) -> None:
    path = write_config(tmp_path / "c.toml", bfloat16=value)
    assert read_config(path)[1].bfloat16 is value or read_config(path)[1].bfloat16 == value == "auto"
    assert parse_changes([f"bfloat16={str(value).lower()}"]) == {"bfloat16": value}
    for word in ("bfloat16=1", "bfloat16=yes", "bfloat16=[true]"):
        with pytest.raises(OptionError, match='type bool or "auto"'):
            parse_changes([word])


def test_cards_and_checkpoints_have_what_was_done(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_pictures(tmp_path, 1)
    patches = Patches(tmp_path, 64, quiet=True)
    config = write_config(tmp_path / "c.toml", steps=1, batch=1, bfloat16="auto")
    Trainer(config, patches, tmp_path / "out").run()
    card = Model.load(tmp_path / "out" / "model.safetensors").card
    assert card["training"]["bfloat16"] is fast_bfloat16()
    assert f"in {'bfloat16' if fast_bfloat16() else 'float32'}" in capsys.readouterr().out
    # a run resumes only in the same precision
    other = Trainer(config, patches, tmp_path / "out", changes={"bfloat16": not fast_bfloat16()})
    with pytest.raises(OptionError, match=r"another configuration: training\.bfloat16 differ"):
        other.resume()
    assert Trainer(config, patches, tmp_path / "out", changes={"bfloat16": fast_bfloat16()}).resume()

    pictures = SubbandPatches(np.zeros((2, 256, 256, 3), np.uint8), "9-7", 7, 0)
    settings = replace(ContextSettings(), held_out=0, batch=1)
    trainers = [
        ContextTrainer(part, context_config(), settings, pictures, tmp_path) for part in ("first", "second")
    ]
    assert assembled(context_config(), "own", trainers).card["training"]["bfloat16"] is fast_bfloat16()
