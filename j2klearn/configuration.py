"""Model configurations: which there can be, and how they are checked before anything is built from them.

A configuration is a mapping of names to names, numbers, truth values and mappings of these, as JSON or TOML hold them:
``structure``, ``base`` and ``operator``, the options of the operators by the step that they take, and what else the
structure knows. Files may carry models, so nothing of it is trusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ModelError

__all__ = ["check_config", "check_context_config", "check_cross_component_config"]

_CHANNELS = range(1, 65)
_BLOCKS = range(17)
_LAYERS = range(2, 17)
_KERNELS = (1, 3, 5, 7)
_PROPOSAL_KERNELS = tuple(range(3, 26, 2))
_FLAGS = (False, True)

#: Values that there can be.
_Values = range | tuple[Any, ...]


@dataclass(frozen=True)
class _Options:
    """Options that have to be there, and options that may be, each with the values that it can have."""

    required: Mapping[str, _Values]
    optional: Mapping[str, _Values]

    def check(self, what: str, options: object, ignored: frozenset[str] = frozenset()) -> None:
        if not isinstance(options, Mapping):
            raise ModelError(f"{what} has to be a table of options")
        given = set(options) - ignored
        if not set(self.required) <= given <= set(self.required) | set(self.optional):
            names = ", ".join([*self.required, *self.optional])
            raise ModelError(f"{what} has options other than {names}, or lacks one of {len(self.required)}")
        for name in given:
            values = self.required[name] if name in self.required else self.optional[name]
            # True == 1 and 3.0 == 3, but they are other configurations with other ids
            if type(options[name]) is not type(values[0]) or options[name] not in values:
                raise ModelError(f"{what} has an impossible {name}: {str(options[name])[:40]}")


_OPERATORS = {
    "proposal-opacity": _Options(
        {
            "proposals": _CHANNELS,
            "width": _CHANNELS,
            "blocks": _BLOCKS,
            "first_kernel": _KERNELS,
            "zero_dc": _FLAGS,
        },
        {"last_kernel": _KERNELS, "normalisation": ("sum", "log"), "proposal_kernel": _PROPOSAL_KERNELS},
    ),
    "iwave": _Options({"width": _CHANNELS, "layers": _LAYERS}, {}),
    "iwave++": _Options({"width": _CHANNELS}, {}),
}


@dataclass(frozen=True)
class _Structure:
    """A structure's own options, and the steps that have to be and may be learned."""

    options: _Options
    steps: frozenset[str]
    further: frozenset[str] = frozenset()


_STRUCTURES = {
    "fixed": _Structure(_Options({"base": ("9-7",)}, {}), frozenset()),
    "hybrid": _Structure(
        _Options({"base": ("9-7", "5-3")}, {"gains": ("measured",)}), frozenset({"h2l", "l2h"})
    ),
    "predict-update": _Structure(
        _Options({"base": ("5-3", "9-7")}, {"shared": _FLAGS, "scales": _FLAGS}),
        frozenset({"predict", "update"}),
        frozenset({"h2l", "l2h"}),
    ),
    "update-predict": _Structure(
        _Options({"base": ("1-3",)}, {"shared": _FLAGS, "scales": _FLAGS}),
        frozenset({"predict"}),
        frozenset({"l2h"}),
    ),
}


#: Networks for learned de-quantisation by their ``kind``; the one without is `j2klearn.dequantisers.Dequantiser`.
_DEQUANTISERS = {
    "": _Options({"width": _CHANNELS, "pairs": range(1, 5)}, {}),
    "guided": _Options(
        {
            "width": _CHANNELS,
            "pairs": range(1, 5),
            "chroma_width": _CHANNELS,
            "chroma_pairs": range(1, 5),
        },
        {},
    ),
    "residual": _Options({"width": _CHANNELS, "blocks": range(1, 15), "told": _FLAGS}, {}),
}


def _named(config: Mapping[str, Any], key: str, known: Mapping[str, Any]) -> Any:
    name = config.get(key)
    if not isinstance(name, str) or name not in known:
        raise ModelError(f"the model's {key} {str(name)[:40]!r} is not known to this version of j2klearn")
    return known[name]


def _check_dequantiser(options: object) -> None:
    what = "the model's dequantiser"
    kind = options.get("kind", "") if isinstance(options, Mapping) else ""
    named = isinstance(options, Mapping) and "kind" in options
    if not isinstance(kind, str) or kind not in _DEQUANTISERS or named != bool(kind):
        raise ModelError(f"{what} is of a kind that this version of j2klearn does not know")
    _DEQUANTISERS[kind].check(what, options, frozenset({"kind"}))


def check_config(config: object) -> dict[str, Any]:
    """Return a copy of a configuration if it is one that can be.

    Parameters
    ----------
    config : object
        A mapping; see the modules `j2klearn.structures` and `j2klearn.operators` for what the options mean.

    Raises
    ------
    ModelError
        If it is not a mapping, names an unknown structure, base wavelet or operator, lacks an option or has one
        too many, or gives one a type or value that it cannot have.
    """
    if not isinstance(config, Mapping):
        raise ModelError("a model's configuration has to be a table")
    structure: _Structure = _named(config, "structure", _STRUCTURES)
    known = structure.steps | structure.further
    operator = _Options({}, {}) if not known else _named(config, "operator", _OPERATORS)
    steps = known & set(config)
    if not structure.steps <= steps:
        raise ModelError(f"the model lacks one of its steps, {', '.join(sorted(structure.steps))}")
    other = {"structure", "dequantiser", *steps, *(["operator"] if known else [])}
    structure.options.check("the model", config, frozenset(other))
    if "dequantiser" in config:
        _check_dequantiser(config["dequantiser"])
    for step in sorted(steps):
        operator.check(f"the model's {step}", config[step])
        if config["operator"] == "proposal-opacity" and _half_width(config[step]) < 1:
            raise ModelError(f"the model's {step} reads no neighbours")
    return dict(config)


_ENTROPY_MODEL = "the entropy model"
_NETWORK: dict[str, _Values] = {"width": range(8, 257), "blocks": _BLOCKS, "layers": range(9)}
_FIRST = _Options(_NETWORK, {})
_SECOND = _Options({**_NETWORK, "conditioned": _FLAGS}, {"predicted": _FLAGS})


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
        A mapping; see `j2klearn.neural.model.ContextModel`.

    Raises
    ------
    ModelError
        If it is not.
    """
    tables = frozenset({"kind", "transform", "dequantiser", "first", "second"})
    known: dict[str, _Values] = {"learned_levels": range(33), "adaptive": _FLAGS, "corrected": _FLAGS}
    options = _Options({"mixtures": range(1, 5)}, known)
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


_CROSS_COMPONENT = _Options(
    {
        "levels": range(1, 9),
        "mixtures": range(1, 5),
        "features": range(2, 257),
        "hidden": range(1, 129),
        "blocks": range(1, 9),
        "dense": range(9),
        "shared": _FLAGS,
        "conditioned": _FLAGS,
        "told": _FLAGS,
    },
    {"learned_levels": range(33), "gains": ("nominal",)},
)


def check_cross_component_config(config: object) -> dict[str, Any]:
    """Return a copy of the configuration of an entropy model of the kind "cross-component" if it is one that can be.

    Parameters
    ----------
    config : object
        A mapping; see `j2klearn.neural.cross_model.CrossComponentModel`.

    Raises
    ------
    ModelError
        If it is not.
    """
    tables = frozenset({"kind", "transform", "dequantiser"})
    return _check_entropy_model(config, "cross-component", _CROSS_COMPONENT, tables, ("9-7",))


def _check_entropy_model(
    config: object, kind: str, options: _Options, tables: frozenset[str], wavelets: tuple[str, ...]
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


def _half_width(options: Mapping[str, Any]) -> int:
    """Return how far a proposal-opacity operator reads: as far as its opacities or its proposals do."""
    opacities = options["first_kernel"] // 2 + 2 * options["blocks"] + options.get("last_kernel", 3) // 2
    return int(max(opacities, options.get("proposal_kernel", 1) // 2))
