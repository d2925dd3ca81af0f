"""Training configurations of entropy models of the kind "cross-component"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import ModelError, OptionError
from ...models.config import check_config
from ...models.model import Model
from ...models.registry import resolve
from ...neural.config import check_cross_component_config
from ..settings import Bfloat16, read_tables, settings_of

__all__ = ["CrossConfig", "CrossSettings", "read_cross_config"]

#: Stands for the id of a transform that is not trained yet.
UNKNOWN = {"name": "untrained", "id": "0"}


@dataclass(frozen=True)
class CrossSettings:
    """The ``[training]`` table of such a configuration; every entry may be left out.

    Attributes
    ----------
    luma_steps, chroma_steps : int
        Steps for everything with luma alone, and then for chroma's modules alone (P2, Section 3.2).
    crop, batch : int
        Side of the crops in pixels, and their number per step.
    learning_rate, least_rate : float
        Of AdamW, at the start and at the end of a cosine.
    transform_rate : float
        Learning rate of the transform and of learned de-quantisation relative to that of the others.
    weight : float
        lambda of P2: what a unit of mean squared error (of luma, in grey levels) is worth in bits per pixel. With a
        `step_range` it is this over the square of the step.
    initial_step : float
        The trained quantiser step at first, in grey levels; 1 / Delta in P2.
    step_range : (float, float)
        Quantiser steps, of which one is drawn log-uniformly per batch, in the place of the trained one; (0, 0): none.
    train_transform : bool
        The transform is trained, too.
    average : float
        Decay of the moving average of the weights that is kept; 0: the weights as they are.
    held_out : int
        Patches kept for validation.
    validate_every, save_every : int
        Steps between validations, and between checkpoints.
    seed : int
        Of everything random.
    bfloat16 : bool or "auto"
        Compute the context networks in bfloat16; "auto": where the device does so natively.
    """

    luma_steps: int = 370_000
    chroma_steps: int = 120_000
    crop: int = 256
    batch: int = 16
    learning_rate: float = 1e-4
    least_rate: float = 1e-6
    transform_rate: float = 1.0
    weight: float = 0.03
    initial_step: float = 16.0
    step_range: tuple[float, float] = (0.0, 0.0)
    train_transform: bool = True
    average: float = 0.0
    held_out: int = 32
    validate_every: int = 5000
    save_every: int = 500
    seed: int = 1
    bfloat16: Bfloat16 = "auto"

    def __post_init__(self) -> None:
        low, high = self.step_range
        for ok, why in (
            (min(self.luma_steps, self.chroma_steps, self.held_out, self.seed) >= 0, "below zero"),
            (min(self.batch, self.crop, self.validate_every, self.save_every) >= 1, "below one"),
            (
                min(self.weight, self.initial_step, self.transform_rate) > 0,
                "a weight, an initial_step or a transform_rate that is not positive",
            ),
            (low == high == 0 or 0 < low <= high, "an impossible step_range"),
            (0 <= self.average < 1, "an average outside of 0 to 1"),
        ):
            if not ok:
                raise OptionError(f"the training configuration has {why}")

    @property
    def many_rates(self) -> bool:
        """The step is drawn, and not trained."""
        return self.step_range[1] > 0


class CrossConfig(NamedTuple):
    """What is trained, and how.

    Attributes
    ----------
    entropy : dict
        Configuration of the entropy model; the transform is there by name and id where it is not trained.
    transform : dict or None
        Configuration of the transform model that is trained; None where all of it is there already.
    start : Model or None
        Its weights at first, those of learned de-quantisation excepted.
    settings : CrossSettings
    """

    entropy: dict[str, Any]
    transform: dict[str, Any] | None
    start: Model | None
    settings: CrossSettings


def read_cross_config(path: Path) -> CrossConfig:
    """Read a training configuration.

    In ``[model]`` the ``transform`` is ``"9-7"``, the name of a transform model, or a table that describes one; the
    ``dequantiser`` likewise a name or a table, and may be left out.

    Raises
    ------
    OptionError
        If the file is not a TOML file of ours, or asks for what there is not.
    ModelNotFoundError
        If it names a transform that is not installed.
    """
    table, training = read_tables(path)
    settings = settings_of(CrossSettings, training, path)
    named, dequantiser = table.pop("transform", None), table.pop("dequantiser", None)
    start = resolve(named) if isinstance(named, str) and named != "9-7" else None
    transform: dict[str, Any] | None = None
    if isinstance(named, Mapping):
        transform = dict(named)
    elif isinstance(dequantiser, Mapping):
        transform = dict(start.config) if start is not None else {"structure": "fixed", "base": "9-7"}
    elif start is not None and settings.train_transform:
        transform = dict(start.config)
    entropy: dict[str, Any] = {"gains": "nominal", "learned_levels": table.get("levels"), **table}
    if transform is not None:
        transform.pop("dequantiser", None)
        if isinstance(dequantiser, Mapping):
            transform["dequantiser"] = dict(dequantiser)
        entropy["transform"] = UNKNOWN
    else:
        entropy["transform"] = named if start is None else {"name": start.name, "id": start.id.hex()}
    if isinstance(dequantiser, str):
        entropy["dequantiser"] = {"name": dequantiser, "id": resolve(dequantiser).id.hex()}
    elif dequantiser is not None:
        if isinstance(dequantiser, Mapping) and dequantiser.get("kind") == "guided":
            raise OptionError(f"{path}: the dequantiser is trained on components by themselves, not guided")
        entropy["dequantiser"] = UNKNOWN
    try:
        entropy = check_cross_component_config(entropy)
        if transform is not None:
            transform = check_config(transform)
    except ModelError as error:
        raise OptionError(f"{path}: {error}") from None
    if settings.crop % (1 << entropy["levels"]):
        raise OptionError(f"{path}: crops have to be multiples of 2 ** levels pixels wide and high")
    if settings.many_rates and not entropy["told"]:
        raise OptionError(f"{path}: with a step_range the model has to be told the step")
    return CrossConfig(entropy, transform, start, settings)
