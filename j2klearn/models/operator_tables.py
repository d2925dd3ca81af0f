"""Integer operators in model files: a table of numbers in the configuration, and four tensors.

``docs/format-integer.md`` describes both. The names of an operator's tensors begin with that of its lifting step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from ..errors import ModelError
from ..transform.integer.operator import OperatorTwin

__all__ = ["check_table", "operator_of", "table_of", "tensor_names", "tensors_of"]

#: The names of an operator's tensors and of its single numbers.
_ARRAYS = ("first", "blocks", "last", "proposals")
_NUMBERS = ("input_bits", "first_shift", "last_shift", "proposal_shift", "offset", "output_bits")


def check_table(table: object, step: str, kind: str) -> None:
    """Check the table of an operator's numbers; the numbers themselves are checked by `operator_of`.

    Parameters
    ----------
    table : object
        The table.
    step : str
        The lifting step of the operator, for the message.
    kind : str
        The kind of the model, for the message.

    Raises
    ------
    ModelError
        If numbers are missing or unknown.
    """
    if not isinstance(table, Mapping) or set(table) != {*_NUMBERS, "block_shifts"}:
        raise ModelError(f"the numbers of the {kind} model's {step} are incomplete")
    if not isinstance(table["block_shifts"], list):
        raise ModelError(f"the {kind} model's {step} has no list of block_shifts")


def tensor_names(*steps: str) -> set[str]:
    """Return the names of the tensors of the operators of some lifting steps."""
    return {f"{step}.{name}" for step in steps for name in _ARRAYS}


def operator_of(step: str, table: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> OperatorTwin:
    """Return the operator of a lifting step.

    Parameters
    ----------
    step : str
        The lifting step.
    table : mapping
        Its numbers, which `check_table` accepts.
    tensors : mapping of str to ndarray
        Tensors by name, with those of the operator.

    Raises
    ------
    ModelError
        If the operator is invalid; see `OperatorTwin`.
    """
    values: dict[str, Any] = {name: tensors[f"{step}.{name}"] for name in _ARRAYS}
    return OperatorTwin(**values, **table)


def table_of(operator: OperatorTwin) -> dict[str, Any]:
    """Return the table of an operator's numbers."""
    return {name: getattr(operator, name) for name in _NUMBERS} | {
        "block_shifts": list(operator.block_shifts)
    }


def tensors_of(step: str, operator: OperatorTwin) -> dict[str, NDArray[Any]]:
    """Return the tensors of the operator of a lifting step by name."""
    return {f"{step}.{name}": getattr(operator, name) for name in _ARRAYS}
