"""Model configurations: which there can be, and how they are checked before anything is built from them.

A configuration is a mapping of names to names, numbers, truth values and mappings of these, as JSON or TOML hold them:
``structure``, ``base`` and ``operator``, the options of the operators by the step that they take, and what else the
structure knows. Files may carry models, so nothing of it is trusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ModelError

__all__ = ["BLOCKS", "FLAGS", "Options", "Values", "check_config"]

_CHANNELS = range(1, 65)
BLOCKS = range(17)
_LAYERS = range(2, 17)
_KERNELS = (1, 3, 5, 7)
_PROPOSAL_KERNELS = tuple(range(3, 26, 2))
FLAGS = (False, True)

#: Values that there can be.
Values = range | tuple[Any, ...]


@dataclass(frozen=True)
class Options:
    """Options that have to be there, and options that may be, each with the values that it can have."""

    required: Mapping[str, Values]
    optional: Mapping[str, Values]

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
    "proposal-opacity": Options(
        {
            "proposals": _CHANNELS,
            "width": _CHANNELS,
            "blocks": BLOCKS,
            "first_kernel": _KERNELS,
            "zero_dc": FLAGS,
        },
        {"last_kernel": _KERNELS, "normalisation": ("sum", "log"), "proposal_kernel": _PROPOSAL_KERNELS},
    ),
    "iwave": Options({"width": _CHANNELS, "layers": _LAYERS}, {}),
    "iwave++": Options({"width": _CHANNELS}, {}),
}


@dataclass(frozen=True)
class _Structure:
    """A structure's own options, and the steps that have to be and may be learned."""

    options: Options
    steps: frozenset[str]
    further: frozenset[str] = frozenset()


_STRUCTURES = {
    "fixed": _Structure(Options({"base": ("9-7",)}, {}), frozenset()),
    "hybrid": _Structure(
        Options({"base": ("9-7", "5-3")}, {"gains": ("measured",)}), frozenset({"h2l", "l2h"})
    ),
    "predict-update": _Structure(
        Options({"base": ("5-3", "9-7")}, {"shared": FLAGS, "scales": FLAGS}),
        frozenset({"predict", "update"}),
        frozenset({"h2l", "l2h"}),
    ),
    "update-predict": _Structure(
        Options({"base": ("1-3",)}, {"shared": FLAGS, "scales": FLAGS}),
        frozenset({"predict"}),
        frozenset({"l2h"}),
    ),
}


#: Networks for learned de-quantisation by their ``kind``; the one without is
#: `j2klearn.dequantisation.networks.Dequantiser`.
_DEQUANTISERS = {
    "": Options({"width": _CHANNELS, "pairs": range(1, 5)}, {}),
    "guided": Options(
        {
            "width": _CHANNELS,
            "pairs": range(1, 5),
            "chroma_width": _CHANNELS,
            "chroma_pairs": range(1, 5),
        },
        {},
    ),
    "residual": Options({"width": _CHANNELS, "blocks": range(1, 15), "told": FLAGS}, {}),
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
        A mapping; see the modules `j2klearn.transform.structures` and `j2klearn.transform.operators` for what the
        options mean.

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
    operator = Options({}, {}) if not known else _named(config, "operator", _OPERATORS)
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


def _half_width(options: Mapping[str, Any]) -> int:
    """Return how far a proposal-opacity operator reads: as far as its opacities or its proposals do."""
    opacities = options["first_kernel"] // 2 + 2 * options["blocks"] + options.get("last_kernel", 3) // 2
    return int(max(opacities, options.get("proposal_kernel", 1) // 2))
