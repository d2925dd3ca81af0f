"""Training configurations: TOML files with a model and the settings of its training."""

from __future__ import annotations

import dataclasses
import tomllib
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from ..errors import ModelError, OptionError
from ..models.config import check_config

__all__ = [
    "INITIAL",
    "PRETRAINING",
    "QUANTISERS",
    "Bfloat16",
    "Settings",
    "parse_changes",
    "read_config",
    "read_tables",
    "settings_of",
]

T = TypeVar("T")

#: Train networks in bfloat16: always (true), never (false), or where the device computes it natively ("auto").
Bfloat16 = bool | Literal["auto"]

QUANTISERS = ("annealed", "straight-through", "noise", "mixed")
INITIAL = ("base", "random")
PRETRAINING = ("none", "oracle", "progressive")


@dataclasses.dataclass(frozen=True)
class Settings:
    """The ``[training]`` table of a configuration; every entry may be left out.

    Attributes
    ----------
    levels : int
        Decomposition levels.
    crop, batch : int
        Side of the crops in pixels, a multiple of ``2 ** levels``, and their number per step and process.
    steps : int
        Steps of end-to-end optimisation (P1, Section IV-A), those of pre-training not counted.
    learning_rate : float
        Highest learning rate of Adam. It rises over the first steps and falls to zero on a half cosine.
    proposal_rate : float
        Learning rate of proposals relative to that of the other weights; small, because they act on raw amplitudes.
    step_range : (float, float)
        Range of quantiser steps in grey levels. One is drawn log-uniformly per batch.
    rate_weight : float
        lambda_1 of P1, equation 6, divided by the square of the quantiser step.
    aliasing_weight : float
        lambda_2 of P1, equation 6.
    carrier_weight : float
        Weight of the squared error that readers see which do not know the learned steps: they synthesise the same
        subbands by the base wavelet alone.
    quantiser : {"mixed", "annealed", "straight-through", "noise"}
        Derivatives of the quantiser; see `j2klearn.training.transform.quantisers`.
    relative : bool
        Minimise the mean over the crops of J of the structure divided by J of the base wavelet, so that every picture
        and every rate has the same weight, as in a BD-rate. Every crop of a batch then has a quantiser step of its own.
        Otherwise minimise the mean J; a batch has one quantiser step.
    annealing : (float, float)
        Half-widths of the annealed kernels at the start and at the end, in quantiser steps, above 0 up to 1.
    pretraining : {"none", "oracle", "progressive"}
        Stages before end-to-end optimisation; see `j2klearn.training.transform.pretraining`.
    pretraining_steps : int
        Steps of pre-training; with "oracle", of each of its first two stages.
    initial : {"base", "random"}
        Initial lifting steps: those of the base wavelet, or random filters in their place, as in the first curve of
        P1, Fig. 10b. "random" needs proposal-opacity operators.
    average : float
        Decay of the moving average of the weights, which is what is saved as the model; 0 to 1, without 1.
    seed : int
        Seed of everything random.
    bfloat16 : bool or "auto"
        Compute the networks in bfloat16; "auto": where the device does so natively.
    gains_every : int
        Steps between measurements of the synthesis gains, for structures whose gains are not those of the 9/7.
    validate_every : int
        Steps between validations; 0: validate only at the end.
    save_every : int
        Steps between checkpoints.

    Raises
    ------
    OptionError
        If a setting is out of range.
    """

    levels: int = 5
    crop: int = 192
    batch: int = 4
    steps: int = 16000
    learning_rate: float = 1e-3
    proposal_rate: float = 0.1
    step_range: tuple[float, float] = (4.0, 80.0)
    rate_weight: float = 0.15
    aliasing_weight: float = 0.0
    carrier_weight: float = 0.0
    quantiser: str = "mixed"
    relative: bool = False
    annealing: tuple[float, float] = (1.0, 0.5)
    pretraining: str = "none"
    pretraining_steps: int = 0
    initial: str = "base"
    average: float = 0.999
    seed: int = 1
    bfloat16: Bfloat16 = "auto"
    gains_every: int = 500
    validate_every: int = 2000
    save_every: int = 500

    def __post_init__(self) -> None:
        for ok, why in (
            (
                min(self.levels, self.batch, self.crop, self.save_every, self.gains_every) >= 1,
                "levels, batch, crop, save_every or gains_every below one",
            ),
            (
                min(self.steps, self.pretraining_steps, self.validate_every, self.seed) >= 0,
                "steps, pretraining_steps, validate_every or seed below zero",
            ),
            (self.crop % (1 << self.levels) == 0, "a crop that is not a multiple of 2 ** levels"),
            (
                0 < self.step_range[0] <= self.step_range[1],
                "a step_range that is not positive or does not rise",
            ),
            (min(self.annealing) > 0 and max(self.annealing) <= 1, "annealing outside of 0 to 1"),
            (self.carrier_weight >= 0, "a carrier_weight below zero"),
            (self.quantiser in QUANTISERS, f"a quantiser other than {', '.join(QUANTISERS)}"),
            (self.pretraining in PRETRAINING, f"a pretraining other than {', '.join(PRETRAINING)}"),
            (self.initial in INITIAL, f"an initial other than {', '.join(INITIAL)}"),
            (0 <= self.average < 1, "an average outside of 0 to 1"),
        ):
            if not ok:
                raise OptionError(f"the training configuration has {why}")

    @property
    def stages(self) -> list[tuple[str, int]]:
        """Stages of training in their order, and the steps of each.

        The names are "proposals", "opacities", "progressive" and "end-to-end".
        """
        first = {"none": [], "oracle": ["proposals", "opacities"], "progressive": ["progressive"]}
        early = [(name, self.pretraining_steps) for name in first[self.pretraining]]
        return [*early, ("end-to-end", self.steps)]

    @property
    def total(self) -> int:
        """Number of steps of all stages together."""
        return sum(steps for _, steps in self.stages)

    def in_steps(self, total: int) -> Settings:
        """Return settings for `total` steps, with the proportions of the stages kept.

        Raises
        ------
        OptionError
            If a stage would have no step.
        """
        early = len(self.stages) - 1
        share = round(total * self.pretraining_steps / self.total) if early else 0
        if total - early * share < 1 or (early and share < 1):
            raise OptionError(f"{total} steps are too few for the {early + 1} stages of this training")
        return dataclasses.replace(self, steps=total - early * share, pretraining_steps=share)


def parse_changes(words: Sequence[str]) -> dict[str, Any]:
    """Parse ``NAME=VALUE``, with values in TOML's syntax, which replace settings of a configuration.

    A value that is not valid TOML is taken as a string, so that words need no quotes.

    Parameters
    ----------
    words : sequence of str
        The assignments.

    Returns
    -------
    dict of str to Any
        Values of `Settings` by name.

    Raises
    ------
    OptionError
        If there is no such setting, or its value has the wrong type.
    """
    kinds = get_type_hints(Settings)
    changes = {}
    for word in words:
        name, _, value = (part.strip() for part in word.partition("="))
        if name not in kinds:
            raise OptionError(f"there is no training setting {name!r}: they are {', '.join(kinds)}")
        try:
            changes[name] = tomllib.loads(f"value = {value}")["value"]
        except ValueError:
            changes[name] = value
        changes[name] = _converted(name, changes[name], kinds[name])
    return changes


def _converted(key: str, value: Any, kind: Any) -> Any:
    """Convert a TOML value to the type that `Settings` declares: numbers to floats, arrays to tuples."""
    if get_origin(kind) is tuple and isinstance(value, list):
        kinds = get_args(kind)
        if len(kinds) == len(value):
            return tuple(_converted(key, v, k) for v, k in zip(value, kinds, strict=True))
    elif kind == Bfloat16:
        if value == "auto" or type(value) is bool:
            return value
        raise OptionError(
            f'{key} in the training configuration has to be of type bool or "auto", not {value!r}'
        )
    elif kind is float and type(value) in (int, float):
        return float(value)
    elif isinstance(kind, type) and type(value) is kind:
        return value
    name = kind.__name__ if isinstance(kind, type) and not isinstance(kind, types.GenericAlias) else kind
    raise OptionError(f"{key} in the training configuration has to be of type {name}, not {value!r}")


def read_tables(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the tables ``[model]`` and ``[training]`` of a training configuration.

    Raises
    ------
    OptionError
        If the file cannot be read, is not TOML, or does not consist of these two tables.
    """
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OptionError(f"{path} is not a training configuration: {error}") from None
    if set(config) != {"model", "training"} or not isinstance(config["training"], dict):
        raise OptionError(
            f"{path} is not a training configuration: it must have the tables [model] and [training]"
        )
    return config["model"], config["training"]


def settings_of(kind: type[T], table: dict[str, Any], path: Path) -> T:
    """Convert the table ``[training]`` to a dataclass of settings.

    Parameters
    ----------
    kind : type
        The dataclass.
    table : dict
        The table as TOML has it.
    path : Path
        File of the table, for the message.

    Raises
    ------
    OptionError
        If a setting is unknown, has the wrong type, or is out of range.
    """
    kinds = get_type_hints(kind)
    unknown = sorted(set(table) - set(kinds))
    if unknown:
        raise OptionError(f"{path} has unknown training settings: {', '.join(unknown)}")
    return kind(**{key: _converted(key, value, kinds[key]) for key, value in table.items()})


def read_config(path: Path, changes: Mapping[str, Any] | None = None) -> tuple[dict[str, Any], Settings]:
    """Read the training configuration of a transform.

    Parameters
    ----------
    path : Path
        A TOML file.
    changes : mapping, optional
        Settings that replace those of the file.

    Returns
    -------
    model : dict
        Configuration of the transform model.
    settings : Settings

    Raises
    ------
    OptionError
        If the file is not a training configuration, or the model or a setting is invalid.
    """
    table, training = read_tables(path)
    settings = dataclasses.replace(settings_of(Settings, training, path), **(changes or {}))
    try:
        model = check_config(table)
    except ModelError as error:
        raise OptionError(f"{path}: {error}") from None
    needs_proposals = settings.pretraining == "oracle" or settings.initial == "random"
    if needs_proposals and model["operator"] != "proposal-opacity":
        raise OptionError(
            f'{path}: pretraining = "oracle" and initial = "random" need proposal-opacity operators'
        )
    return model, settings
