"""Training configurations of entropy models: TOML files that say what is trained, and how."""

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
        Steps for the network of the first component, and then for that of the others.
    batch : int
        Crops per step.
    learning_rate : float
        Of Adam; it rises over the first steps and falls to nearly zero on a half cosine.
    step_range : (float, float)
        Quantiser steps in grey levels, of which one is drawn log-uniformly per crop; nothing to lossless models.
    offset_range : (float, float)
        Rounding offsets of the quantiser, of which one is drawn per batch.
    choose_from : float
        Share of the steps after which indices are chosen by their cost, as the encoder does it; 1: never.
    subsampled : float
        Share of the pictures whose chroma is subsampled first (`j2klearn.training.subsampling`).
    average : float
        Decay of the moving average of the weights that is kept.
    held_out : int
        Pictures kept for validation.
    validate_every, save_every : int
        Steps between validations, and between checkpoints.
    seed : int
        Of everything random.
    bfloat16 : bool or "auto"
        Compute the networks in bfloat16; "auto": where the device does so natively.
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
            (min(self.first_steps, self.second_steps, self.held_out, self.seed) >= 0, "below zero"),
            (min(self.batch, self.validate_every, self.save_every) >= 1, "below one"),
            (0 < self.step_range[0] <= self.step_range[1], "an impossible step_range"),
            (0 <= self.offset_range[0] <= self.offset_range[1] <= 0.5, "an offset_range outside of 0 to 0.5"),
            (0 <= self.choose_from <= 1, "a choose_from outside of 0 to 1"),
            (0 <= self.subsampled <= 1, "a share of subsampled pictures outside of 0 to 1"),
            (0 <= self.average < 1, "an average outside of 0 to 1"),
        ):
            if not ok:
                raise OptionError(f"the training configuration has {why}")


def read_context_config(path: Path) -> tuple[dict[str, Any], ContextSettings]:
    """Read a training configuration: the entropy model's part, other models named by their ids, and the settings.

    Raises
    ------
    OptionError
        If the file is not a TOML file of ours, or asks for what there is not.
    ModelNotFoundError
        If it names a transform that is not installed.
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
