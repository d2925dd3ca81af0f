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
        Steps of the first phase, which trains everything on luma, and of the second, which trains only the context
        modules of chroma (P2, Section 3.2).
    crop, batch : int
        Side of the crops in pixels, a multiple of ``2 ** levels``, and their number per step.
    learning_rate, least_rate : float
        Learning rates of AdamW at the start and at the end of a half cosine.
    transform_rate : float
        Learning rate of the transform and of the de-quantisation network relative to that of the other weights.
    weight : float
        lambda of P2: weight of the mean squared error of luma (squared grey levels) in the objective, whose other term
        is in bits per pixel. With a `step_range` the error is weighted by `weight` over the square of the step.
    initial_step : float
        Initial value of the trained quantiser step in grey levels; 1 / Delta in P2.
    step_range : (float, float)
        Range of quantiser steps in grey levels. One is drawn log-uniformly per batch, in place of the trained step.
        (0, 0): train one step.
    train_transform : bool
        Train the transform too.
    average : float
        Decay of the moving average of the weights, which is what is saved; 0: no averaging.
    held_out : int
        Number of patches that are used for validation only.
    validate_every, save_every : int
        Steps between validations, and between checkpoints.
    seed : int
        Seed of everything random.
    bfloat16 : bool or "auto"
        Compute the context networks in bfloat16; "auto": where the device does so natively.

    Raises
    ------
    OptionError
        If a setting is out of range.
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
            (
                min(self.luma_steps, self.chroma_steps, self.held_out, self.seed) >= 0,
                "luma_steps, chroma_steps, held_out or seed below zero",
            ),
            (
                min(self.batch, self.crop, self.validate_every, self.save_every) >= 1,
                "batch, crop, validate_every or save_every below one",
            ),
            (
                min(self.weight, self.initial_step, self.transform_rate) > 0,
                "a weight, an initial_step or a transform_rate that is not positive",
            ),
            (
                low == high == 0 or 0 < low <= high,
                "a step_range that is not positive or does not rise",
            ),
            (0 <= self.average < 1, "an average outside of 0 to 1"),
        ):
            if not ok:
                raise OptionError(f"the training configuration has {why}")

    @property
    def many_rates(self) -> bool:
        """Whether quantiser steps are drawn from `step_range`, and not trained."""
        return self.step_range[1] > 0


class CrossConfig(NamedTuple):
    """A training configuration that has been read and checked.

    Attributes
    ----------
    entropy : dict
        Configuration of the entropy model. It refers to a transform that is not trained by name and id.
    transform : dict or None
        Configuration of the transform model that is trained, with its dequantiser; None if neither is trained.
    start : Model or None
        Model with the initial weights of the transform; those of its de-quantisation network are not used.
    settings : CrossSettings
        Settings of the training.
    """

    entropy: dict[str, Any]
    transform: dict[str, Any] | None
    start: Model | None
    settings: CrossSettings


def read_cross_config(path: Path) -> CrossConfig:
    """Read the training configuration of an entropy model of the kind "cross-component".

    In ``[model]`` the ``transform`` is ``"9-7"``, the name of a transform model, or a table that configures one. The
    ``dequantiser`` is a name or a table too, and may be left out.

    Parameters
    ----------
    path : Path
        A TOML file.

    Raises
    ------
    OptionError
        If the file is not a training configuration, or the model or a setting is invalid.
    ModelNotFoundError
        If it names a model that is not installed.
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
            raise OptionError(
                f'{path}: a dequantiser of kind "guided" cannot be trained here, because each component is '
                "de-quantised alone"
            )
        entropy["dequantiser"] = UNKNOWN
    try:
        entropy = check_cross_component_config(entropy)
        if transform is not None:
            transform = check_config(transform)
    except ModelError as error:
        raise OptionError(f"{path}: {error}") from None
    if settings.crop % (1 << entropy["levels"]):
        raise OptionError(f"{path}: crop must be a multiple of 2 ** levels")
    if settings.crop % (transform or {}).get("dequantiser", {}).get("side", 1):
        raise OptionError(f"{path}: crop must be a multiple of the side of the dequantiser's positions")
    if settings.many_rates and not entropy["told"]:
        raise OptionError(f"{path}: step_range needs told = true in [model], which makes the step an input")
    return CrossConfig(entropy, transform, start, settings)
