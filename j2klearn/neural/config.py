"""Configurations of entropy models: which there can be, and how they are checked before anything is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ModelError
from ..models.config import BLOCKS, FLAGS, Options, Values

__all__ = ["check_context_config", "check_cross_component_config"]

_ENTROPY_MODEL = "the entropy model"

_NETWORK: dict[str, Values] = {"width": range(8, 257), "blocks": BLOCKS, "layers": range(9)}

_FIRST = Options(_NETWORK, {})

_SECOND = Options({**_NETWORK, "conditioned": FLAGS}, {"predicted": FLAGS})


def _check_name(what: str, named: object) -> None:
    """Raise `ModelError` if `named` does not name another model by ``name`` and ``id``."""
    sound = isinstance(named, Mapping) and set(named) == {"name", "id"}
    if not sound or not all(isinstance(value, str) and 0 < len(value) <= 64 for value in named.values()):  # type: ignore[attr-defined]
        raise ModelError(f"{what} has to be told by name and id")


def check_context_config(config: object) -> dict[str, Any]:
    """Return a copy of the configuration of an entropy model if it is one that can be.

    Parameters
    ----------
    config : object
        A mapping; see `j2klearn.neural.context.model.ContextModel`.

    Raises
    ------
    ModelError
        If it is not.
    """
    tables = frozenset({"kind", "transform", "dequantiser", "first", "second"})
    known: dict[str, Values] = {"learned_levels": range(33), "adaptive": FLAGS, "corrected": FLAGS}
    options = Options({"mixtures": range(1, 5)}, known)
    checked = _check_entropy_model(config, "context", options, tables, ("9-7", "5-3"))
    if checked.get("corrected") and checked["transform"] != "5-3":
        raise ModelError(f"{_ENTROPY_MODEL} is corrected, which only one of lossless pictures can be")
    _FIRST.check(f"{_ENTROPY_MODEL}'s first network", checked.get("first"))
    _SECOND.check(f"{_ENTROPY_MODEL}'s second network", checked.get("second"))
    if checked["second"].get("predicted") and not checked["second"]["conditioned"]:
        raise ModelError(
            f"{_ENTROPY_MODEL}'s second network is predicted from components that it does not know"
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
    """Return a copy of the configuration of an entropy model of the kind "cross-component" if it is one that can be.

    Parameters
    ----------
    config : object
        A mapping; see `j2klearn.neural.cross.model.CrossComponentModel`.

    Raises
    ------
    ModelError
        If it is not.
    """
    tables = frozenset({"kind", "transform", "dequantiser"})
    return _check_entropy_model(config, "cross-component", _CROSS_COMPONENT, tables, ("9-7",))


def _check_entropy_model(
    config: object, kind: str, options: Options, tables: frozenset[str], wavelets: tuple[str, ...]
) -> dict[str, Any]:
    """Return a copy of an entropy model's configuration if its own options, and the models that it names, can be."""
    what = _ENTROPY_MODEL
    if not isinstance(config, Mapping) or config.get("kind") != kind:
        raise ModelError("the model is no entropy model of a kind that this version of j2klearn knows")
    options.check(what, config, tables)
    if config.get("transform") not in wavelets:
        _check_name(f"{what}'s transform", config.get("transform"))
    if "dequantiser" in config:
        _check_name(f"{what}'s dequantiser", config["dequantiser"])
    return dict(config)
