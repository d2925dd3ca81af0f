"""Model configurations: the valid options, and the check that comes before a network is built.

A configuration is a mapping, as read from JSON or TOML. Its values are strings, numbers, booleans and mappings of
these. It holds ``structure``, ``base`` and ``operator``, the options of the operator of each step, and further options
of the structure. Configurations may come from files, so they are not trusted.
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

#: The valid values of an option.
Values = range | tuple[Any, ...]


@dataclass(frozen=True)
class Options:
    """Required and optional options, each with its valid values.

    Attributes
    ----------
    required, optional : mapping
        Valid values by the name of the option.
    """

    required: Mapping[str, Values]
    optional: Mapping[str, Values]

    def check(self, what: str, options: object, ignored: frozenset[str] = frozenset()) -> None:
        """Check a table of options.

        Parameters
        ----------
        what : str
            Name of the table, for messages.
        options : object
            The table.
        ignored : frozenset of str
            Names that are checked elsewhere.

        Raises
        ------
        ModelError
            If `options` is not a mapping, lacks an option, has an unknown option, or if a value is invalid.
        """
        if not isinstance(options, Mapping):
            raise ModelError(f"{what} must be a table of options")
        given = set(options) - ignored
        if not set(self.required) <= given <= set(self.required) | set(self.optional):
            names = [", ".join(part) or "none" for part in (self.required, self.optional)]
            raise ModelError(
                f"{what} lacks an option or has an unknown one; required: {names[0]}; optional: {names[1]}"
            )
        for name in given:
            values = self.required[name] if name in self.required else self.optional[name]
            # True == 1 and 3.0 == 3, but as configurations they differ and have different ids
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
    """The options of a structure, the steps that must be learned, and further steps that may be learned."""

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

#: Sides of a position of a network for de-quantisation that configurations name; without one, it is 2.
_OTHER_SIDES = (4,)

#: Options of the networks for learned de-quantisation by their ``kind``. Options without a kind belong to
#: `j2klearn.dequantisation.networks.Dequantiser`.
_DEQUANTISERS = {
    "": Options({"width": _CHANNELS, "pairs": range(1, 5)}, {"side": _OTHER_SIDES}),
    "guided": Options(
        {
            "width": _CHANNELS,
            "pairs": range(1, 5),
            "chroma_width": _CHANNELS,
            "chroma_pairs": range(1, 5),
        },
        {"side": _OTHER_SIDES, "chroma_side": _OTHER_SIDES},
    ),
    "residual": Options({"width": _CHANNELS, "blocks": range(1, 15), "told": FLAGS}, {}),
}


def _named(config: Mapping[str, Any], key: str, choices: Mapping[str, Any]) -> Any:
    if key not in config:
        raise ModelError(f"the model's configuration lacks {key}")
    name = config[key]
    if not isinstance(name, str) or name not in choices:
        raise ModelError(f"this version of j2klearn does not support the model's {key} {str(name)[:40]!r}")
    return choices[name]


def _check_dequantiser(options: object) -> None:
    what = "the model's dequantiser"
    kind = options.get("kind", "") if isinstance(options, Mapping) else ""
    named = isinstance(options, Mapping) and "kind" in options
    if not isinstance(kind, str) or kind not in _DEQUANTISERS or named != bool(kind):
        raise ModelError(f"this version of j2klearn does not support the kind of {what}")
    _DEQUANTISERS[kind].check(what, options, frozenset({"kind"}))


def check_config(config: object) -> dict[str, Any]:
    """Check a configuration.

    Parameters
    ----------
    config : object
        A mapping. The modules `j2klearn.transform.structures`, `j2klearn.transform.operators` and
        `j2klearn.dequantisation.networks` describe the options.

    Returns
    -------
    dict
        A shallow copy of the configuration.

    Raises
    ------
    ModelError
        If `config` is not a mapping, names an unknown structure, base wavelet or operator, lacks an option, has an
        unknown option, or if a value has the wrong type or is out of range.
    """
    if not isinstance(config, Mapping):
        raise ModelError("a model's configuration must be a table")
    structure: _Structure = _named(config, "structure", _STRUCTURES)
    allowed = structure.steps | structure.further
    operator = Options({}, {}) if not allowed else _named(config, "operator", _OPERATORS)
    steps = allowed & set(config)
    if not structure.steps <= steps:
        raise ModelError(f"the model lacks one of its steps: {', '.join(sorted(structure.steps))}")
    other = {"structure", "dequantiser", *steps, *(["operator"] if allowed else [])}
    structure.options.check("the model", config, frozenset(other))
    if "dequantiser" in config:
        _check_dequantiser(config["dequantiser"])
    for step in sorted(steps):
        operator.check(f"the model's {step}", config[step])
        if config["operator"] == "proposal-opacity" and _half_width(config[step]) < 1:
            raise ModelError(f"the model's {step} reads no neighbours")
    return dict(config)


def _half_width(options: Mapping[str, Any]) -> int:
    """Return the half-width of a proposal-opacity operator: the larger one of its opacities and its proposals."""
    opacities = options["first_kernel"] // 2 + 2 * options["blocks"] + options.get("last_kernel", 3) // 2
    return int(max(opacities, options.get("proposal_kernel", 1) // 2))
