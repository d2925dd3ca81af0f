"""Training configurations: the shipped ones, and invalid ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from j2klearn import training
from j2klearn.errors import OptionError
from j2klearn.models import registry
from j2klearn.training.settings import Settings, parse_changes, read_config
from tests.support.small_models import configuration
from tests.support.training_pictures import write_config

CONFIGS = sorted((Path(training.__file__).parent / "configs").glob("*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configurations(path: Path) -> None:
    model, settings = read_config(path)
    assert settings.total >= settings.steps > 0
    if path.stem in registry.shipped():
        assert registry.shipped()[path.stem].config == model


def test_stages() -> None:
    assert Settings().stages == [("end-to-end", 16000)]
    oracle = Settings(pretraining="oracle", pretraining_steps=5, steps=7)
    assert oracle.stages == [("proposals", 5), ("opacities", 5), ("end-to-end", 7)]
    assert oracle.total == 17
    assert Settings(pretraining="progressive", pretraining_steps=5).stages[0] == ("progressive", 5)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"crop": 30}, "multiple"),
        ({"batch": 0}, "below one"),
        ({"steps": -1}, "below zero"),
        ({"step_range": [8.0, 4.0]}, "step_range"),
        ({"step_range": [8.0]}, "type"),
        ({"annealing": [2.0, 1.0]}, "annealing"),
        ({"quantiser": "none"}, "quantiser"),
        ({"pretraining": "some"}, "pretraining"),
        ({"average": 1.0}, "average"),
        ({"batch": 1.5}, "type int"),
        ({"bfloat16": 1}, "type bool"),
        ({"more": 1}, "unknown"),
    ],
)
def test_settings_that_are_refused(tmp_path: Path, settings: dict[str, Any], why: str) -> None:
    with pytest.raises(OptionError, match=why):
        read_config(write_config(tmp_path / "c.toml", **settings))


def test_files_that_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    for text in ("[model]\n", "not toml", "[model]\n[training]\n", "model = 1\ntraining = 2\n"):
        path.write_text(text)
        with pytest.raises(OptionError):
            read_config(path)
    with pytest.raises(OptionError):
        read_config(tmp_path / "none.toml")
    with pytest.raises(OptionError, match="proposal-opacity"):
        read_config(write_config(path, configuration("custom4s", "iwave"), pretraining="oracle"))


def test_a_run_of_other_length_keeps_the_proportions_of_its_stages() -> None:
    oracle = Settings(steps=16000, pretraining="oracle", pretraining_steps=2000).in_steps(100)
    assert oracle.stages == [("proposals", 10), ("opacities", 10), ("end-to-end", 80)]
    assert Settings(steps=16000).in_steps(100).stages == [("end-to-end", 100)]
    assert Settings(steps=900, pretraining="progressive", pretraining_steps=100).in_steps(2000).total == 2000
    for settings in (Settings(), Settings(pretraining="oracle", pretraining_steps=2000)):
        with pytest.raises(OptionError, match="too few"):
            settings.in_steps(0)
    with pytest.raises(OptionError, match="too few"):
        Settings(pretraining="oracle", pretraining_steps=100).in_steps(20)


def test_other_settings(tmp_path: Path) -> None:
    changes = parse_changes(["crop=64", "learning_rate = 2e-3", "quantiser=annealed", "step_range=[2.0, 8]"])
    assert changes == {"crop": 64, "learning_rate": 2e-3, "quantiser": "annealed", "step_range": (2.0, 8.0)}
    path = write_config(tmp_path / "c.toml", crop=32, seed=5)
    settings = read_config(path, changes)[1]
    assert (settings.crop, settings.seed, settings.quantiser) == (64, 5, "annealed")
    for word, why in (
        ("crops=64", "there is no training setting"),
        ("crop", "type int"),
        ("crop=6.4", "type int"),
        ("batch='2'", "type int"),
    ):
        with pytest.raises(OptionError, match=why):
            parse_changes([word])
    with pytest.raises(OptionError, match="a quantiser other"):
        read_config(path, parse_changes(["quantiser=none"]))
