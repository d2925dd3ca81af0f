"""Training configurations of entropy models of the kind "context"."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import ModelError, OptionError
from ...models.registry import resolve
from ...neural.config import check_context_config
from ..settings import Bfloat16, read_tables, settings_of

__all__ = ["ContextSettings", "read_context_config"]


@dataclass(frozen=True)
class ContextSettings:
    """The ``[training]`` table of an entropy model's configuration; every entry may be left out.

    Attributes
    ----------
    first_steps, second_steps : int
        Steps for the network of the first component, and for that of the other components, which comes second.
    batch : int
        Crops per step.
    learning_rate : float
        Highest learning rate of Adam. It rises over the first steps and falls to nearly zero on a half cosine.
    step_range : (float, float)
        Range of quantiser steps in grey levels. One is drawn log-uniformly per crop. Lossless models ignore it.
    offset_range : (float, float)
        Range of rounding offsets of the quantiser, 0 to 0.5. One is drawn per batch. Lossless models ignore it.
    choose_from : float
        After this share of the steps indices are chosen by their cost, as the encoder does it; 1: never.
    subsampled : float
        Share of the pictures whose chroma is subsampled first (`j2klearn.training.subsampling`).
    average : float
        Decay of the moving average of the weights, which is what is saved as the model; 0 to 1, without 1.
    held_out : int
        Number of pictures that are used for validation only.
    validate_every, save_every : int
        Steps between validations, and between checkpoints.
    seed : int
        Seed of everything random.
    bfloat16 : bool or "auto"
        Compute the networks in bfloat16; "auto": where the device does so natively.

    Raises
    ------
    OptionError
        If a setting is out of range.
    """

    first_steps: int = 24000
    second_steps: int = 12000
    batch: int = 6
    learning_rate: float = 4e-3
    step_range: tuple[float, float] = (4.0, 100.0)
    offset_range: tuple[float, float] = (0.25, 0.45)
    choose_from: float = 0.6
    subsampled: float = 0.0
    average: float = 0.998
    held_out: int = 64
    validate_every: int = 2000
    save_every: int = 500
    seed: int = 1
    bfloat16: Bfloat16 = "auto"

    def __post_init__(self) -> None:
        for ok, why in (
            (
                min(self.first_steps, self.second_steps, self.held_out, self.seed) >= 0,
                "first_steps, second_steps, held_out or seed below zero",
            ),
            (
                min(self.batch, self.validate_every, self.save_every) >= 1,
                "batch, validate_every or save_every below one",
            ),
            (
                0 < self.step_range[0] <= self.step_range[1],
                "a step_range that is not positive or does not rise",
            ),
            (0 <= self.offset_range[0] <= self.offset_range[1] <= 0.5, "an offset_range outside of 0 to 0.5"),
            (0 <= self.choose_from <= 1, "a choose_from outside of 0 to 1"),
            (0 <= self.subsampled <= 1, "a subsampled share outside of 0 to 1"),
            (0 <= self.average < 1, "an average outside of 0 to 1"),
        ):
            if not ok:
                raise OptionError(f"the training configuration has {why}")


def read_context_config(path: Path) -> tuple[dict[str, Any], ContextSettings]:
    """Read the training configuration of an entropy model of the kind "context".

    Parameters
    ----------
    path : Path
        A TOML file.

    Returns
    -------
    config : dict
        Configuration of the entropy model. It refers to other models by name and id.
    settings : ContextSettings

    Raises
    ------
    OptionError
        If the file is not a training configuration, or the model or a setting is invalid.
    ModelNotFoundError
        If it names a model that is not installed.
    """
    model, training = read_tables(path)
    settings = settings_of(ContextSettings, training, path)
    config = {"kind": "context", **model}
    for key in ("transform", "dequantiser"):
        named = config.get(key)
        if isinstance(named, str) and named not in ("9-7", "5-3"):
            config[key] = {"name": named, "id": resolve(named).id.hex()}
    try:
        return check_context_config(config), settings
    except ModelError as error:
        raise OptionError(f"{path}: {error}") from None
