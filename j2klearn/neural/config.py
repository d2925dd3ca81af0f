"""Checks the configurations of entropy models, before any network is built from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ModelError
from ..models.config import BLOCKS, FLAGS, Options, Values

__all__ = ["check_context_config", "check_cross_component_config"]

_ENTROPY_MODEL = "the entropy model"

_NETWORK: dict[str, Values] = {"width": range(8, 257), "blocks": BLOCKS, "layers": range(9)}

_FIRST_NETWORK = Options(_NETWORK, {})

_SECOND_NETWORK = Options({**_NETWORK, "conditioned": FLAGS}, {"predicted": FLAGS})


def _check_name(what: str, named: object) -> None:
    """Raise `ModelError` if `named` does not name another model by ``name`` and ``id``."""
    valid = isinstance(named, Mapping) and set(named) == {"name", "id"}
    if not valid or not all(isinstance(value, str) and 0 < len(value) <= 64 for value in named.values()):  # type: ignore[attr-defined]
        raise ModelError(f"{what} must be a table with a name and an id")


def check_context_config(config: object) -> dict[str, Any]:
    """Return a copy of the configuration of an entropy model of the kind "context", once it is checked.

    Parameters
    ----------
    config : object
        A mapping; see `j2klearn.neural.context.model.ContextModel`.

    Raises
    ------
    ModelError
        If the configuration is invalid.
    """
    tables = frozenset({"kind", "transform", "dequantiser", "first", "second"})
    known: dict[str, Values] = {"learned_levels": range(33), "adaptive": FLAGS, "corrected": FLAGS}
    options = Options({"mixtures": range(1, 5)}, known)
    checked = _check_entropy_model(config, "context", options, tables, ("9-7", "5-3"))
    if checked.get("corrected") and checked["transform"] != "5-3":
        raise ModelError(f"{_ENTROPY_MODEL} is corrected, but only a model for lossless pictures can be")
    _FIRST_NETWORK.check(f"{_ENTROPY_MODEL}'s first network", checked.get("first"))
    _SECOND_NETWORK.check(f"{_ENTROPY_MODEL}'s second network", checked.get("second"))
    if checked["second"].get("predicted") and not checked["second"]["conditioned"]:
        raise ModelError(
            f"{_ENTROPY_MODEL}'s second network is predicted from components that it is not conditioned on"
        )
    return checked


_CROSS_COMPONENT = Options(
    {
        "levels": range(1, 9),
        "mixtures": range(1, 5),
        "features": range(2, 257),
        "hidden": range(1, 129),
        "blocks": range(1, 9),
        "dense": range(9),
        "shared": FLAGS,
        "conditioned": FLAGS,
        "told": FLAGS,
    },
    {"learned_levels": range(33), "gains": ("nominal",)},
)


def check_cross_component_config(config: object) -> dict[str, Any]:
    """Return a copy of the configuration of an entropy model of the kind "cross-component", once it is checked.

    Parameters
    ----------
    config : object
        A mapping; see `j2klearn.neural.cross.model.CrossComponentModel`.

    Raises
    ------
    ModelError
        If the configuration is invalid.
    """
    tables = frozenset({"kind", "transform", "dequantiser"})
    return _check_entropy_model(config, "cross-component", _CROSS_COMPONENT, tables, ("9-7",))


def _check_entropy_model(
    config: object, kind: str, options: Options, tables: frozenset[str], wavelets: tuple[str, ...]
) -> dict[str, Any]:
    """Return a copy of a configuration of this `kind`, once its options and the models that it names are checked."""
    what = _ENTROPY_MODEL
    if not isinstance(config, Mapping) or config.get("kind") != kind:
        raise ModelError("the model is not an entropy model of a kind that this version of j2klearn supports")
    options.check(what, config, tables)
    if config.get("transform") not in wavelets:
        _check_name(f"{what}'s transform", config.get("transform"))
    if "dequantiser" in config:
        _check_name(f"{what}'s dequantiser", config["dequantiser"])
    return dict(config)
