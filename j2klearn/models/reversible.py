"""Reversible models, version 3 of model files: configuration and tensors to the operator of lossless coding, and back.

Their configuration has the ``version`` 3, ``structure``, ``base`` and ``operator``, and a table of numbers for the
operator ``l2h``. ``docs/format-integer.md`` describes it. PyTorch is not needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from ..errors import ModelError
from ..transform.integer.operator import OperatorTwin
from ..transform.integer.reversible_base import BASES, NON_SEPARABLE
from . import operator_tables
from .operator_tables import check_table, table_of, tensor_names, tensors_of

__all__ = ["VERSION", "check_config", "is_reversible", "operator_of", "packed"]

#: Version of the model files that hold reversible models.
VERSION = 3

_STEP = "l2h"
_FIXED = {"structure": "reversible", "operator": "proposal-opacity"}


def is_reversible(config: object) -> bool:
    """Return whether a configuration is that of a reversible model; it need not be valid."""
    return isinstance(config, Mapping) and type(config.get("version")) is int and config["version"] == VERSION


def check_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Check the configuration of a reversible model.

    Returns
    -------
    dict
        A shallow copy of the configuration.

    Raises
    ------
    ModelError
        If an option is missing or unknown, or has a value that is not supported.
    """
    if set(config) != {"version", "base", _STEP, *_FIXED}:
        raise ModelError("the reversible model lacks an option or has an unknown one")
    known = isinstance(config["base"], str) and config["base"] in BASES
    if not known or any(config[name] != value for name, value in _FIXED.items()):
        raise ModelError("this version of j2klearn does not support the structure of the reversible model")
    check_table(config[_STEP], _STEP, "reversible")
    return dict(config)


def operator_of(config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> OperatorTwin:
    """Return the operator of a reversible model.

    Parameters
    ----------
    config : mapping
        A configuration that `check_config` accepts.
    tensors : mapping of str to ndarray
        The weights by name.

    Raises
    ------
    ModelError
        If tensors are missing or unknown, or the operator is invalid; see `OperatorTwin`.
    """
    if set(tensors) != tensor_names(_STEP):
        raise ModelError("the model's weights do not match its configuration")
    operator = operator_tables.operator_of(_STEP, config[_STEP], tensors)
    if (operator.inputs, operator.outputs) != (1, 3):
        raise ModelError(f"the operator {_STEP} must have 1 input and 3 outputs")
    return operator


def packed(l2h: OperatorTwin, base: str = NON_SEPARABLE) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the configuration and the tensors of a reversible model with a base of `BASES`."""
    return {"version": VERSION, "base": base, **_FIXED, _STEP: table_of(l2h)}, tensors_of(_STEP, l2h)
