"""Integer models, version 2 of model files: configuration and tensors to integer operators, and back.

The configuration of such a model has the ``version`` 2, ``structure`` and ``base``, a table of numbers for each of the
two operators, ``twin_of`` (the id of the float transform that it stands for), ``gains`` (its subband scales, if the
subbands are scaled before the transport) and ``dequantiser`` (the numbers of a network for de-quantisation, and the id
of the float model whose network it stands for). ``docs/format-integer.md`` describes it. PyTorch is not needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from ..dequantisation.twin.network import AnyTwin, DequantiserTwin, GuidedTwin
from ..errors import ModelError
from ..transform.integer.engine import BASES, Twins
from .operator_tables import check_table, operator_of, table_of, tensor_names, tensors_of

__all__ = [
    "DEQUANTISER",
    "GAINS",
    "VERSION",
    "check_config",
    "dequantiser_of",
    "is_integer",
    "packed",
    "twins_of",
]

#: Version of the model files that hold integer models; float models have no version.
VERSION = 2

#: Number of subband scales: LL and the details of three levels; see `j2klearn.transform.scales`.
GAINS = 10

#: Prefix of the names of the weights for de-quantisation.
DEQUANTISER = "dequantiser."

_STEPS = ("h2l", "l2h")
_REQUIRED = {"version", "structure", "base", "operator", *_STEPS}
_OPTIONAL = {"twin_of", "gains", "dequantiser"}


def is_integer(config: object) -> bool:
    """Return whether a configuration is that of an integer model; it need not be valid."""
    return isinstance(config, Mapping) and "version" in config


def _is_id(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _are_gains(values: object) -> bool:
    if not isinstance(values, list) or len(values) != GAINS:
        return False
    return all(isinstance(value, float) and 0.01 <= value <= 100 for value in values)


def check_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Check the configuration of an integer model.

    Parameters
    ----------
    config : mapping
        The configuration; the numbers of the operators are checked by `twins_of`.

    Returns
    -------
    dict
        A shallow copy of the configuration.

    Raises
    ------
    ModelError
        If the version is unknown, an option is missing or unknown, or a value is out of range.
    """
    if type(config["version"]) is not int or config["version"] != VERSION:
        raise ModelError(
            f"this version of j2klearn does not support models of version {str(config['version'])[:40]}"
        )
    names = set(config)
    if not _REQUIRED <= names <= _REQUIRED | _OPTIONAL:
        raise ModelError(
            "the integer model lacks an option or has an unknown one; required: "
            f"{', '.join(sorted(_REQUIRED))}; optional: {', '.join(sorted(_OPTIONAL))}"
        )
    base = config["base"]
    if (config["structure"], config["operator"]) != ("hybrid", "proposal-opacity") or base not in list(BASES):
        raise ModelError("this version of j2klearn does not support the structure of the integer model")
    if "twin_of" in config and not _is_id(config["twin_of"]):
        raise ModelError("the integer model's twin_of is not an id of 64 hexadecimal digits")
    if "gains" in config and not _are_gains(config["gains"]):
        raise ModelError(f"the integer model's gains are not {GAINS} numbers from 0.01 to 100")
    network = config.get("dequantiser")
    if "dequantiser" in config and not (isinstance(network, Mapping) and _is_id(network.get("twin_of"))):
        raise ModelError(
            "the integer model's dequantiser is no table with the id of the model that it stands for"
        )
    if base != "9-7" and "gains" not in config:
        raise ModelError(f"an integer model on the {base} needs gains")
    for step in _STEPS:
        check_table(config[step], step, "integer")
    return dict(config)


def twins_of(config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Twins:
    """Return the operators of an integer model.

    Parameters
    ----------
    config : mapping
        A configuration that `check_config` accepts.
    tensors : mapping of str to ndarray
        The weights by name.

    Raises
    ------
    ModelError
        If tensors are missing or unknown, or an operator is invalid; see `OperatorTwin`.
    """
    own = {name for name in tensors if not name.startswith(DEQUANTISER)}
    if own != tensor_names(*_STEPS):
        raise ModelError("the model's weights do not match its configuration")
    operators = {step: operator_of(step, config[step], tensors) for step in _STEPS}
    return Twins(config["base"], operators["h2l"], operators["l2h"])


def dequantiser_of(config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> AnyTwin | None:
    """Return the network for de-quantisation of an integer model; None if it has none.

    Parameters
    ----------
    config, tensors
        As in `twins_of`.

    Raises
    ------
    ModelError
        If tensors are missing or unknown, or the network is invalid; see `DequantiserTwin`.
    """
    own = {name.removeprefix(DEQUANTISER): w for name, w in tensors.items() if name.startswith(DEQUANTISER)}
    if "dequantiser" not in config:
        if own:
            raise ModelError("the model's weights do not match its configuration")
        return None
    numbers = {name: value for name, value in config["dequantiser"].items() if name != "twin_of"}
    return (GuidedTwin if "chroma" in numbers else DequantiserTwin).from_tensors(own, numbers)


def packed(
    twins: Twins,
    *,
    twin_of: bytes | None,
    gains: Sequence[float] = (),
    dequantiser: tuple[AnyTwin, bytes] | None = None,
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the configuration and the tensors of an integer model.

    Parameters
    ----------
    twins : Twins
        The operators.
    twin_of : bytes or None
        The id of the float transform that they stand for.
    gains : sequence of float
        The measured ratios of `j2klearn.transform.gains.measure`; empty if the subbands are not scaled.
    dequantiser : (DequantiserTwin or GuidedTwin, bytes), optional
        A network for de-quantisation, and the id of the float model whose network it stands for.
    """
    config: dict[str, Any] = {
        "version": VERSION,
        "structure": "hybrid",
        "base": twins.base,
        "operator": "proposal-opacity",
    }
    tensors: dict[str, NDArray[Any]] = {}
    for step in _STEPS:
        operator = getattr(twins, step)
        config[step] = table_of(operator)
        tensors |= tensors_of(step, operator)
    if twin_of is not None:
        config["twin_of"] = twin_of.hex()
    if gains:
        config["gains"] = [float(gain) for gain in gains]
    if dequantiser is not None:
        network, float_model = dequantiser
        config["dequantiser"] = {**network.numbers(), "twin_of": float_model.hex()}
        tensors |= {DEQUANTISER + name: array for name, array in network.tensors().items()}
    return config, tensors
