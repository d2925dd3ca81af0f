"""Options that are numbers or truth values, of Python, numpy or any other library, as plain Python values.

A numpy integer is as good as an int, and an array with one axis as good as a tuple. What is none of these is refused:
truth values where a number is expected, and numbers with a fraction where an integer is.
"""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any, TypeVar

import numpy as np

from ..errors import OptionError

__all__ = [
    "as_integer",
    "as_real",
    "real_number",
    "real_numbers",
    "truth_value",
    "whole_number",
    "whole_numbers",
    "whole_pair",
]

_T = TypeVar("_T")

_WORDS = {2: "two", 4: "four"}


def as_integer(value: object) -> int | None:
    """Return an integer of any type as an int; None if the value is not an integer, or is a truth value."""
    if isinstance(value, (bool, np.bool_)):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def as_real(value: object) -> float | None:
    """Return a real number of any type as a float; None if the value is not one, or is a truth value.

    A number beyond all floats is infinite.
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if operator.gt(value, 0) else -math.inf


def _all(value: object, convert: Callable[[object], _T | None]) -> list[_T] | None:
    """Return the converted items of a sequence; None if the value is not a sequence, or an item is not converted.

    A set has no order, and the keys of a mapping are not its values.
    """
    unsuitable = (str, bytes, bytearray, memoryview, Set, Mapping)
    if isinstance(value, unsuitable) or not isinstance(value, Iterable):
        return None
    try:
        items = [convert(item) for item in value]
    except TypeError:  # an array without axes
        return None
    found = [item for item in items if item is not None]
    return found if len(found) == len(items) else None


def _bounds(low: int | None, high: int | None) -> str:
    if low is not None and high is not None:
        return f" from {low} to {high}"
    return "" if low is None else f" of at least {low}"


def _inside(number: int, low: int | None, high: int | None) -> bool:
    return (low is None or low <= number) and (high is None or number <= high)


def whole_number(
    name: str, value: object, low: int | None = None, high: int | None = None, note: str = ""
) -> int:
    """Return an option that is an integer.

    Parameters
    ----------
    name : str
        Name of the option, for the message.
    value : object
        Its value.
    low, high : int, optional
        The smallest and the largest valid integer; there may be a smallest one only.
    note : str
        What the limit is, for the message; for example ", the number of levels in this file".

    Raises
    ------
    OptionError
        If the value is not an integer, or is out of range.
    """
    number = as_integer(value)
    if number is None or not _inside(number, low, high):
        raise OptionError(f"{name} is an integer{_bounds(low, high)}{note}, not {value!r}")
    return number


def whole_numbers(
    name: str,
    value: object,
    low: int | None = None,
    high: int | None = None,
    note: str = "",
    *,
    count: int | None = None,
) -> tuple[int, ...]:
    """Return an option that is a sequence of integers.

    Parameters
    ----------
    name : str
        Name of the option, for the message.
    value : object
        Its value: for example a tuple, a range, or an array with one axis.
    low, high : int, optional
        The smallest and the largest valid integer; there may be a smallest one only.
    note : str
        What the option means, for the message; for example " (y0, x0, y1, x1)".
    count : int, optional
        The number of integers, if only one is valid.

    Raises
    ------
    OptionError
        If the value is not a sequence of so many integers, or an integer is out of range.
    """
    found = _all(value, as_integer)
    right = found is not None and count in (None, len(found))
    if found is None or not right or not all(_inside(number, low, high) for number in found):
        several = "" if count is None else f"{_WORDS.get(count, count)} "
        raise OptionError(f"{name} are {several}integers{_bounds(low, high)}{note}, not {value!r}")
    return tuple(found)


def whole_pair(name: str, value: object, low: int | None = None, high: int | None = None) -> tuple[int, int]:
    """Return an option that is a pair of integers, or one integer for both.

    Parameters
    ----------
    name : str
        Name of the option, for the message.
    value : object
        Its value.
    low, high : int, optional
        The smallest and the largest valid integer; there may be a smallest one only.

    Raises
    ------
    OptionError
        If the value is not a pair of integers, or an integer is out of range.
    """
    single = as_integer(value)
    found = _all(value, as_integer) if single is None else [single, single]
    if found is None or len(found) != 2 or not all(_inside(number, low, high) for number in found):
        raise OptionError(f"{name} is an integer or a pair of integers{_bounds(low, high)}, not {value!r}")
    return found[0], found[1]


def real_number(name: str, value: object, low: float, high: float) -> float:
    """Return an option that is a number; raise `OptionError` if it is none, or is not from `low` to `high`."""
    number = as_real(value)
    if number is None or not low <= number <= high:
        raise OptionError(f"{name} is a number from {low:g} to {high:g}, not {value!r}")
    return number


def real_numbers(name: str, value: object) -> list[float]:
    """Return an option that is a positive number or a sequence of them, as a list.

    Raises
    ------
    OptionError
        If the value is neither, or a number is not positive and finite.
    """
    single = as_real(value)
    found = _all(value, as_real) if single is None else [single]
    if not found:
        raise OptionError(f"{name} is a number or a sequence of numbers, not {value!r}")
    if not all(math.isfinite(number) and number > 0 for number in found):
        raise OptionError(f"{name} is positive and finite, not {value!r}")
    return found


def truth_value(name: str, value: Any) -> bool:
    """Return an option that is true or false, for which 1 and 0 will do.

    Raises
    ------
    OptionError
        If the value is something else.
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if as_integer(value) not in (0, 1):
        raise OptionError(f"{name} is true or false, not {value!r}")
    return bool(value)
