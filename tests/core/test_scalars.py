"""Options that are numbers or truth values of any library."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from j2klearn.core.limits import pixel_limit
from j2klearn.core.scalars import (
    as_integer,
    as_real,
    real_number,
    real_numbers,
    truth_value,
    whole_number,
    whole_numbers,
    whole_pair,
)
from j2klearn.errors import OptionError


@pytest.mark.parametrize(
    "value", [7, np.int8(7), np.uint64(7), np.array(7), np.array(7, ">u2"), np.ma.array(7).data]
)
def test_integers(value: Any) -> None:
    for found in (as_integer(value), whole_number("n", value, 0, 9), whole_pair("n", value)[1]):
        assert found == 7
        assert type(found) is int
    assert as_real(value) == 7


@pytest.mark.parametrize(
    "value", [True, np.True_, 7.0, np.float64(7), "7", b"7", None, [7], np.array([7, 8]), 7 + 0j]
)
def test_what_is_no_integer(value: Any) -> None:
    with pytest.raises(OptionError, match=r"^n is an integer from 0 to 9, not "):
        whole_number("n", value, 0, 9)


@pytest.mark.parametrize("value", [1.5, np.float16(1.5), np.array(1.5), Fraction(3, 2)])
def test_real_numbers(value: Any) -> None:
    assert (as_real(value), real_number("x", value, 0, 2), real_numbers("x", value)) == (1.5, 1.5, [1.5])
    assert type(as_real(value)) is float


@pytest.mark.parametrize("value", [True, np.False_, "1", None, 1j, Decimal("1.5"), np.array([1.5])])
def test_what_is_no_real_number(value: Any) -> None:
    assert as_real(value) is None


@pytest.mark.parametrize("value", [10**400, -(10**400), Fraction(10**400)])
def test_numbers_beyond_all_floats(value: Any) -> None:
    assert as_real(value) == (math.inf if value > 0 else -math.inf)
    with pytest.raises(OptionError):
        real_number("x", value, 0, 2)
    with pytest.raises(OptionError):
        real_numbers("x", value)
    assert value < 0 or pixel_limit(value) in (None, value)


@pytest.mark.parametrize(
    "value", [(3, 4), [3, 4], np.array([3, 4]), range(3, 5), (np.int8(3), np.uint8(4)), iter([3, 4])]
)
def test_sequences_of_integers(value: Any) -> None:
    assert whole_numbers("n", value, 0, 9, count=2) == (3, 4)


@pytest.mark.parametrize(
    "value",
    [
        (3,),
        (3, 4, 5),
        3,
        "34",
        b"34",
        (3, 4.0),
        (3, None),
        np.array(3),
        {},
        {3, 4},
        {3: 4, 4: 3},
        None,
        (3, 10),
    ],
)
def test_what_is_no_pair_of_integers(value: Any) -> None:
    with pytest.raises(OptionError, match=r"^n are two integers from 0 to 9, not "):
        whole_numbers("n", value, 0, 9, count=2)


@pytest.mark.parametrize("value", [[], 0, -1, float("nan"), float("inf"), [1, "2"], "12", np.zeros(2)])
def test_targets_are_positive_and_finite(value: Any) -> None:
    with pytest.raises(OptionError):
        real_numbers("bpp", value)


def test_truth_values() -> None:
    for value in (True, np.True_, 1, np.uint8(1), np.array(1), np.array(True)):
        assert truth_value("t", value) is True
    for value in (False, np.False_, 0, np.int64(0)):
        assert truth_value("t", value) is False
    for value in (2, -1, "yes", None, 1.0, [], np.array([True, False])):
        with pytest.raises(OptionError, match=r"^t is true or false, not "):
            truth_value("t", value)


def test_limits_of_pixels() -> None:
    assert [pixel_limit(value) for value in (9, np.int64(9), 9.0, np.float32(9))] == [9] * 4
    assert pixel_limit(None) is pixel_limit(float("inf")) is None
    for value in (-1, True, "9", float("nan"), [9]):
        with pytest.raises(OptionError):
            pixel_limit(value)
